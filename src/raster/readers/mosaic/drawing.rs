//! One window of a mosaic under way: which sources go where, and what they have drawn so far.

use std::sync::Arc;

use super::canvas::{Covered, Piece, Sheet, Stroke};
use super::sampling::{Sampling, View};
use super::vrt::{Description, Origin, Plane, Source};
use crate::raster::validity::{of_window, opacity, zero_or_full};
use crate::raster::{
    BandMask, DataType, Decimation, MaskKind, Pixels, Profile, Raster, RasterError, ReadRequest, Samples,
};

/// The planes of a window.
pub struct Drawing {
    view: View,
    /// What is read of which source, in order.
    pub touches: Vec<Touch>,
    bands: Sheet,
    alpha: Option<Sheet>,
    mask: Option<Sheet>,
    covered: Option<Covered>,
}

/// A source that draws something.
pub struct Touch {
    source: Source,
    pub file: u32,
    strokes: Strokes,
    /// Bands of the file that are read.
    read: Vec<usize>,
}

/// What a source draws, by sheet.
#[derive(Debug, Clone, Default)]
struct Strokes {
    bands: Vec<Stroke>,
    alpha: Vec<Stroke>,
    mask: Vec<Stroke>,
}

/// A source whose file is open.
pub struct Opened {
    pub raster: Arc<dyn Raster>,
    pub request: ReadRequest,
    touch: usize,
    sampling: Sampling,
}

impl Opened {
    /// Memory for its cells.
    pub fn bytes(&self) -> usize {
        let window = self.request.window;
        let dtype = self.raster.profile().bands.first().map_or(DataType::U8, |band| band.dtype);
        window.width * window.height * self.request.bands.len() * dtype.size_bytes()
    }
}

impl Drawing {
    /// An empty window, and what it is drawn from: `touched` are the sources below it.
    pub fn new(
        description: &Description, profile: &Profile, request: &ReadRequest, view: View, touched: Vec<u32>,
    ) -> Self {
        let own_mask = request.nodata.is_none().then(|| profile.bands[request.bands[0] - 1].mask);
        let alpha = profile.bands.iter().position(|band| band.is_alpha);
        let alpha = alpha.filter(|_| own_mask == Some(BandMask::Alpha));
        let has_mask = own_mask == Some(BandMask::Dataset);
        let is_masked = profile.bands.iter().any(|band| band.mask != BandMask::AllValid);
        let dtype = profile.bands[0].dtype;
        let fill = |band: &usize| profile.bands[*band].nodata.unwrap_or(0.0);
        let bands: Vec<usize> = request.bands.iter().map(|band| band - 1).collect();
        let mut covered = (!is_masked).then(|| Covered::none(&view));
        let mut touches = Vec::new();
        for source in touched.into_iter().map(|index| &description.sources[index as usize]) {
            let touch = Touch::of(source, &bands, alpha, has_mask);
            // One that may have gaps itself covers what it turns out to.
            let is_known = touch.is_none() || !description.files[source.file as usize].is_vrt();
            if let Some(covered) = covered.as_mut().filter(|_| is_known) {
                covered.add(source.to);
            }
            touches.extend(touch);
        }
        Self {
            view,
            touches,
            bands: Sheet::filled(dtype, &bands.iter().map(fill).collect::<Vec<_>>(), &view),
            alpha: alpha.map(|band| Sheet::filled(dtype, &[fill(&band)], &view)),
            mask: has_mask.then(|| Sheet::filled(DataType::U8, &[0.0], &view)),
            covered,
        }
    }

    /// What is read of a source now that its file is known, in parts; nothing when the file does not reach into the window.
    ///
    /// # Errors
    /// When the file has not got what the VRT says.
    pub fn open(
        &self, description: &Description, touch: usize, raster: &Arc<dyn Raster>,
    ) -> Result<Vec<Opened>, RasterError> {
        let own = &self.touches[touch];
        let file = raster.profile();
        if let Some(reason) = own.lacks(description, file) {
            return Err(RasterError::Read { origin: file.origin.clone(), reason });
        }
        let sampling = own.source.within(full_size(file)).and_then(|source| Sampling::of(&self.view, &source, file));
        let opened = |sampling: Sampling| {
            let request = ReadRequest {
                level: sampling.level,
                decimation: sampling.decimation,
                window: sampling.window(),
                bands: own.read.clone(),
                nodata: None,
                decimate_by: Decimation::Nearest,
            };
            Opened { raster: Arc::clone(raster), request, touch, sampling }
        };
        Ok(sampling.map_or_else(Vec::new, Sampling::parts).into_iter().map(opened).collect())
    }

    /// Draws what was read of a source.
    pub fn draw(&mut self, description: &Description, opened: &Opened, pixels: &Pixels) {
        let touch = &self.touches[opened.touch];
        let values = touch.source.values.map(|index| &description.values[index as usize]);
        let piece = Piece { pixels, sampling: &opened.sampling, values, file: opened.raster.profile() };
        if let Some(covered) = &mut self.covered
            && description.files[touch.file as usize].is_vrt()
        {
            covered.add_piece(touch.source.to, &piece);
        }
        self.bands.draw(&piece, &touch.strokes.bands);
        if let Some(alpha) = &mut self.alpha {
            alpha.draw(&piece, &touch.strokes.alpha);
        }
        if let Some(mask) = &mut self.mask {
            mask.draw(&piece, &touch.strokes.mask);
        }
    }

    /// The window, with its validity.
    pub fn finish(self, profile: &Profile, request: &ReadRequest) -> Pixels {
        let samples = self.bands.samples;
        let shared = match (self.alpha, self.mask, self.covered.and_then(Covered::mask)) {
            (Some(alpha), ..) => Some((MaskKind::Alpha, opacity(alpha.samples))),
            (None, Some(mask), _) => Some((MaskKind::Binary, zero_or_full(bytes(mask.samples)))),
            (None, None, Some(covered)) => Some((MaskKind::Binary, covered)),
            (None, None, None) => None,
        };
        let mask = of_window(profile, request, &samples, shared);
        let window = self.view.window;
        Pixels { width: window.width, height: window.height, bands: request.bands.len(), samples, mask }
    }
}

impl Touch {
    /// What a source draws of these bands; nothing when it is none of theirs.
    fn of(source: &Source, bands: &[usize], alpha: Option<usize>, has_mask: bool) -> Option<Self> {
        let (mut read, mut strokes) = (Vec::new(), Strokes::default());
        for (plane, origin) in &source.planes {
            let targets: Vec<usize> = match plane {
                Plane::Band(own) => (0..bands.len()).filter(|index| bands[*index] == *own).collect(),
                Plane::Mask => Vec::new(),
            };
            let is_alpha = alpha.is_some_and(|alpha| *plane == Plane::Band(alpha));
            let is_mask = has_mask && *plane == Plane::Mask;
            if targets.is_empty() && !is_alpha && !is_mask {
                continue;
            }
            let band = place_of(*origin, &mut read);
            let stroke = |plane| Stroke { plane, origin: *origin, band };
            strokes.bands.extend(targets.into_iter().map(stroke));
            strokes.alpha.extend(is_alpha.then(|| stroke(0)));
            strokes.mask.extend(is_mask.then(|| stroke(0)));
        }
        (!read.is_empty()).then(|| Self { source: source.clone(), file: source.file, strokes, read })
    }

    /// What the VRT says of a file that is not so.
    fn lacks(&self, description: &Description, file: &Profile) -> Option<String> {
        let (bands, [width, height]) = (file.bands.len(), full_size(file));
        if let Some(band) = self.read.iter().find(|band| **band > bands) {
            return Some(format!("the VRT takes its band {band}, and it has {bands}"));
        }
        if self.source.is_sized && (self.source.from[2] > width || self.source.from[3] > height) {
            return Some(format!("it has {width} x {height} pixels, fewer than the VRT says"));
        }
        let is_colored = self.source.values.is_some_and(|values| description.values[values as usize].color.is_some());
        let has_colors = self.read.iter().all(|band| file.bands[band - 1].color_table.is_some());
        (is_colored && !has_colors).then(|| "the VRT takes the colours of a band that has no color table".to_owned())
    }
}

#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn full_size(file: &Profile) -> [f64; 2] {
    [file.width as f64, file.height as f64]
}

/// Where the band of an origin is among those that are read.
fn place_of(origin: Origin, read: &mut Vec<usize>) -> usize {
    let (Origin::Band(number) | Origin::MaskOf(number)) = origin;
    read.iter().position(|own| *own == number).unwrap_or_else(|| {
        read.push(number);
        read.len() - 1
    })
}

/// Of a sheet that holds bytes.
fn bytes(samples: Samples) -> Vec<u8> {
    if let Samples::U8(bytes) = samples { bytes } else { Vec::new() }
}
