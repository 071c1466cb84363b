//! The cells that a chunk works on: of one layer, of several on the grid of the first, or the scores of an overlay.

use super::align::{Alignment, NOWHERE, Places};
use super::band::BandCells;
use super::burn::burn;
use super::grid::Grid;
use super::request::{ChunkRequest, Input};
use super::scores::{Scores, Scoring};
use super::{Window, ZonalError};
use crate::raster::{DataType, Decimation, Pixels, RasterError, ReadRequest, Sample, Samples};
use crate::{each_samples, raster};

/// Cells of another layer that may lie under a window; a window with more is read in parts.
const MOST_CELLS_BELOW: usize = 4 << 20;

/// What a chunk reads.
pub struct Inputs {
    asked: Vec<Input>,
    grids: Vec<Grid>,
    scoring: Option<Vec<Scoring>>,
}

/// One read of an input.
pub struct Fetch {
    input: usize,
    request: ReadRequest,
    /// Where the cells of the window lie in it, for a layer on another grid.
    places: Option<Vec<u32>>,
}

impl Inputs {
    /// The inputs of a request, whose grids are these.
    ///
    /// # Errors
    /// When a band is not there.
    pub fn new(request: &ChunkRequest, grids: Vec<Grid>) -> Result<Self, ZonalError> {
        for (input, grid) in request.inputs.iter().zip(&grids) {
            let count = grid.profile().bands.len();
            if input.bands.is_empty() || input.bands.iter().any(|band| !(1..=count).contains(band)) {
                return Err(ZonalError::Changed { layer: input.layer.clone() });
            }
        }
        Ok(Self { asked: request.inputs.clone(), grids, scoring: request.scoring.clone() })
    }

    /// The types of the bands that [`Self::bands`] gives.
    pub fn dtypes(&self) -> Vec<DataType> {
        if self.scoring.is_some() {
            return vec![DataType::F32];
        }
        let own = |(input, grid): (&Input, &Grid)| input.bands.iter().map(|band| grid.dtype(*band)).collect::<Vec<_>>();
        self.asked.iter().zip(&self.grids).flat_map(own).collect()
    }

    /// The grid that windows count cells of.
    pub fn grid(&self) -> &Grid {
        &self.grids[0]
    }

    /// Whether reading waits for a network.
    pub fn are_remote(&self) -> bool {
        self.grids.iter().any(|grid| grid.layer().raster.is_remote())
    }

    /// Halves a window until no layer has too many cells below it.
    pub fn split(&self, window: Window, out: &mut Vec<Window>) -> Result<(), ZonalError> {
        let mut most = 0;
        for grid in &self.grids[1..] {
            let below = Alignment::new(self.grid(), grid).places(window)?;
            most = most.max(below.map_or(0, |places| places.window.width * places.window.height));
        }
        if most <= MOST_CELLS_BELOW || window.cells() == 1 {
            out.push(window);
            return Ok(());
        }
        let [first, second] = halves(window);
        self.split(first, out)?;
        self.split(second, out)
    }

    /// What is read for a window.
    pub fn fetches(&self, window: Window) -> Result<Vec<Fetch>, ZonalError> {
        let mut fetches = Vec::new();
        for (index, (input, grid)) in self.asked.iter().zip(&self.grids).enumerate() {
            let (window, places) = if index == 0 {
                (window.into(), None)
            } else {
                match Alignment::new(self.grid(), grid).places(window)? {
                    Some(Places { window, indexes }) => (window, Some(indexes)),
                    None => continue,
                }
            };
            fetches.push(Fetch { input: index, request: request(input, window), places });
        }
        Ok(fetches)
    }

    /// Reads on the worker thread that calls this; `None` when something has to be waited for.
    pub fn read_now(&self, fetches: &[Fetch]) -> Result<Option<Vec<Pixels>>, ZonalError> {
        let read = |fetch: &Fetch| {
            let pixels = self.grids[fetch.input].layer().raster.read_now(&fetch.request)?;
            Some(pixels.map_err(|cause| self.failed(fetch, cause)))
        };
        fetches.iter().map(read).collect::<Option<Result<Vec<_>, _>>>().transpose()
    }

    /// Reads when the time comes.
    pub async fn read(&self, fetch: &Fetch) -> Result<Pixels, ZonalError> {
        let read = self.grids[fetch.input].layer().raster.read(fetch.request.clone());
        read.await.map_err(|cause| self.failed(fetch, cause))
    }

    fn failed(&self, fetch: &Fetch, cause: RasterError) -> ZonalError {
        ZonalError::Raster { layer: self.asked[fetch.input].layer.clone(), cause }
    }

    /// The cells of a window, band by band; for an overlay, its scores.
    pub fn bands(&self, window: Window, fetches: Vec<Fetch>, pixels: Vec<Pixels>) -> Vec<BandCells> {
        let mut bands = Vec::new();
        let mut read = fetches.into_iter().zip(pixels).peekable();
        for (index, input) in self.asked.iter().enumerate() {
            match read.next_if(|(fetch, _)| fetch.input == index) {
                Some((fetch, pixels)) => bands.extend(own_bands(input, &self.grids[index], window, fetch, pixels)),
                None => bands.extend(input.bands.iter().map(|band| self.nothing(index, *band, window))),
            }
        }
        match &self.scoring {
            None => bands,
            Some(scoring) => vec![scores(scoring, &bands, window)],
        }
    }

    /// A band that has nothing here.
    fn nothing(&self, input: usize, band: usize, window: Window) -> BandCells {
        BandCells::empty(self.grids[input].dtype(band), window.width as usize, window.height as usize)
    }
}

fn request(input: &Input, window: raster::Window) -> ReadRequest {
    ReadRequest {
        level: input.level,
        decimation: 1,
        window,
        bands: input.bands.clone(),
        nodata: input.nodata,
        decimate_by: Decimation::Nearest,
    }
}

/// The bands of one input, burnt, on the cells of the window.
fn own_bands(input: &Input, grid: &Grid, window: Window, fetch: Fetch, pixels: Pixels) -> Vec<BandCells> {
    let mut bands = BandCells::of(pixels);
    let read = fetch.request.window.into();
    for (number, band) in input.bands.iter().zip(&mut bands) {
        burn(&input.burns, input.nodata.or(grid.profile().bands[number - 1].nodata), read, band);
    }
    match fetch.places {
        None => bands,
        Some(places) => bands.iter().map(|band| picked(band, &places, window.width as usize)).collect(),
    }
}

/// The cells at these places.
fn picked(band: &BandCells, places: &[u32], width: usize) -> BandCells {
    let validity = places.iter().map(|at| u8::from(*at != NOWHERE && band.is_valid(*at as usize)));
    let samples = each_samples!(&band.samples, values => {
        Sample::wrap(places.iter().map(|at| values.get(*at as usize).copied().unwrap_or_default()).collect())
    });
    BandCells { width, samples, validity: Some(validity.collect()) }
}

/// The weighted sum of scores.
fn scores(scoring: &[Scoring], bands: &[BandCells], window: Window) -> BandCells {
    let (width, height) = (window.width as usize, window.height as usize);
    let mut scores = Scores::new(width * height);
    for (scoring, band) in scoring.iter().zip(bands) {
        let is_valid = |index: usize| band.is_valid(index);
        each_samples!(&band.samples, values => {
            scores.add(scoring, band.samples.dtype(), values.iter().map(|value| value.to_f64()), is_valid);
        });
    }
    let (sums, validity) = scores.into_f32();
    BandCells { width, samples: Samples::F32(sums), validity: Some(validity) }
}

fn halves(window: Window) -> [Window; 2] {
    let Window { col, row, width, height } = window;
    if height > 1 {
        let first = height / 2;
        [Window { height: first, ..window }, Window { row: row + u64::from(first), height: height - first, ..window }]
    } else {
        let first = width / 2;
        [Window { width: first, ..window }, Window { col: col + u64::from(first), width: width - first, ..window }]
    }
}
