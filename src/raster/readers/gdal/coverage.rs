//! Which parts of a VRT its sources cover.
//!
//! GDAL fills the gaps between the sources of a VRT without nodata value, mask or alpha with zeros and calls
//! them valid. A map wants them transparent, so the rectangles of the sources are kept as a mask.

use std::collections::HashMap;

use gdal::Metadata;
use gdal::raster::RasterBand;

use super::dataset::Opened;
use super::profile::is_alpha;
use super::vrt::{self, Rect, VrtSource};
use crate::raster::readers::vrt::plain;
use crate::raster::{BandMask, Profile, Window};

/// VRTs inside a VRT that are opened to find gaps.
const MOST_VRTS: usize = 1000;

/// Rectangles that are kept; a VRT with more is taken to have no gaps.
const MOST_RECTS: usize = 1_000_000;

/// Sources are taken to be aligned to 2^10 pixels at most.
const MAX_ALIGNMENT_LOG2: u32 = 10;

/// The covered parts of a raster, in pixels of full resolution; `None` when all of it is covered.
#[derive(Debug, Default)]
pub struct Coverage(Option<Vec<Rect>>);

impl Coverage {
    /// Reads it from a VRT's own description; anything but a plain VRT without masks is fully covered.
    pub fn of(opened: &Opened, profile: &Profile) -> Self {
        let masked = profile.bands.iter().any(|band| band.mask != BandMask::AllValid);
        if masked {
            return Self(None);
        }
        let path = opened.dataset().description().unwrap_or_default();
        Self(rects(opened, &path, &mut HashMap::new()).filter(|rects| !one_covers_all(rects, profile)))
    }

    /// The mask of a window of a level, 0 or 255 a pixel; `None` when all of it is covered. `scale` is the size
    /// of the level's pixels in pixels of full resolution. A pixel is covered when its centre is.
    #[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
    pub fn mask(&self, window: Window, scale: [f64; 2]) -> Option<Vec<u8>> {
        let rects = self.0.as_ref()?;
        let mut mask = vec![0; window.width * window.height];
        let pixels = |low: f64, high: f64, start: usize, size: usize, scale: f64| {
            let index = |edge: f64| to_index(edge / scale - 0.5 - start as f64, size);
            // One that is turned around covers nothing.
            index(low)..index(high).max(index(low))
        };
        for Rect([left, top, right, bottom]) in rects {
            let cols = pixels(*left, *right, window.col, window.width, scale[0]);
            for row in pixels(*top, *bottom, window.row, window.height, scale[1]) {
                mask[row * window.width..][cols.clone()].fill(255);
            }
        }
        mask.contains(&0).then_some(mask)
    }
}

/// The largest power of two by which the sources of a VRT can be decimated so that their pixels stay on one grid:
/// their offsets are multiples of it, and none is stretched.
pub fn alignment(opened: &Opened) -> usize {
    let Some(sources) = vrt::sources(opened) else { return 1 };
    let fits = |factor: f64| {
        sources.iter().all(|source| match (source.from, source.to) {
            (Some(Rect(from)), Some(Rect(to))) => {
                let unstretched = to[2] - to[0] == from[2] - from[0] && to[3] - to[1] == from[3] - from[1];
                unstretched && [from[0], from[1], to[0], to[1]].iter().all(|offset| offset % factor == 0.0)
            }
            _ => false,
        })
    };
    (0..=MAX_ALIGNMENT_LOG2).rev().find(|log2| fits(f64::from(1_u32 << log2))).map_or(1, |log2| 1 << log2)
}

/// The first whole index at or after a position, within 0..=size.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped; a float cast saturates")]
fn to_index(position: f64, size: usize) -> usize {
    (position.ceil().max(0.0) as usize).min(size)
}

#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn one_covers_all(rects: &[Rect], profile: &Profile) -> bool {
    let (width, height) = (profile.width as f64, profile.height as f64);
    rects.iter().any(|Rect([l, t, r, b])| *l <= 0.0 && *t <= 0.0 && *r >= width && *b >= height)
}

/// What is covered, by the path of a VRT; nothing while it is being found out.
type Visited = HashMap<String, Option<Vec<Rect>>>;

fn rects(opened: &Opened, origin: &str, visited: &mut Visited) -> Option<Vec<Rect>> {
    let sources = vrt::sources(opened)?;
    let mut rects = Vec::with_capacity(sources.len());
    for source in sources {
        let (from, to) = (source.from, source.to?);
        match nested(&source, origin, visited) {
            Some(inner) => rects.extend(inner.iter().filter_map(|rect| place(*rect, from, to))),
            None => rects.push(to),
        }
        if rects.len() > MOST_RECTS {
            return None;
        }
    }
    Some(rects)
}

/// The covered parts of a source that is itself a VRT with gaps; each VRT is opened once.
fn nested<'a>(source: &VrtSource, origin: &str, visited: &'a mut Visited) -> Option<&'a [Rect]> {
    if !source.is_vrt() || source.has_options {
        return None;
    }
    let path = plain(&source.path(origin));
    if !visited.contains_key(&path) {
        if visited.len() >= MOST_VRTS {
            return None;
        }
        visited.insert(path.clone(), None);
        let inner = Opened::open(&path).ok().filter(|opened| !has_mask(opened));
        let inner = inner.and_then(|opened| rects(&opened, &path, visited));
        visited.insert(path.clone(), inner);
    }
    visited.get(&path)?.as_deref()
}

/// Whether a nodata value, a mask or an alpha band says what there is: that is for who looks at it.
fn has_mask(opened: &Opened) -> bool {
    let is_masked = |band: &RasterBand<'_>| band.mask_flags().is_ok_and(|flags| !flags.is_all_valid());
    opened.dataset().rasterbands().flatten().any(|band| is_alpha(&band) || is_masked(&band))
}

/// A part of the source rectangle `from`, moved to where `from` goes.
fn place(Rect(part): Rect, from: Option<Rect>, Rect(to): Rect) -> Option<Rect> {
    let Some(Rect(from)) = from else { return Some(Rect(to)) };
    let mut placed = [0.0; 4];
    for (low, high) in [(0, 2), (1, 3)] {
        let (start, end) = (part[low].max(from[low]), part[high].min(from[high]));
        if start >= end {
            return None;
        }
        let scale = (to[high] - to[low]) / (from[high] - from[low]);
        placed[low] = to[low] + (start - from[low]) * scale;
        placed[high] = to[low] + (end - from[low]) * scale;
    }
    Some(Rect(placed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VRT: &str = r#"<VRTDataset rasterXSize="20" rasterYSize="10"><VRTRasterBand dataType="Byte" band="1">
        <SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename><SourceBand>1</SourceBand>
          <SrcRect xOff="0" yOff="0" xSize="10" ySize="10"/><DstRect xOff="0" yOff="0" xSize="10" ySize="10"/></SimpleSource>
        <ComplexSource><SourceFilename relativeToVRT="0">/b.tif</SourceFilename>
          <SrcRect xOff="0" yOff="0" xSize="5" ySize="5"/><DstRect xOff="15" yOff="0" xSize="5" ySize="10"/></ComplexSource>
        </VRTRasterBand></VRTDataset>"#;

    #[test]
    fn a_gap_between_sources_is_masked_and_the_rest_is_not() {
        let sources = vrt::parse(VRT).unwrap();
        let coverage = Coverage(Some(sources.iter().filter_map(|s| s.to).collect()));
        let window = Window { col: 8, row: 0, width: 10, height: 1 };
        assert_eq!(coverage.mask(window, [1.0, 1.0]).unwrap(), [255, 255, 0, 0, 0, 0, 0, 255, 255, 255]);
        assert_eq!(coverage.mask(Window { col: 0, width: 10, ..window }, [1.0, 1.0]), None);
        // at half the resolution, centres decide: pixels 4 (8..10) and 7 (14..16, centre 15) are covered
        let half = Window { col: 4, row: 0, width: 4, height: 1 };
        assert_eq!(coverage.mask(half, [2.0, 2.0]).unwrap(), [255, 0, 0, 255]);
    }

    #[test]
    fn a_rectangle_that_ends_before_it_starts_covers_nothing() {
        let coverage = Coverage(Some(vec![Rect([3.0, 0.0, 2.0, 5.0]), Rect([0.0, 4.0, 5.0, 1.0])]));
        let window = Window { col: 0, row: 0, width: 5, height: 5 };
        assert_eq!(coverage.mask(window, [1.0, 1.0]).unwrap(), [0; 25]);
    }

    #[test]
    fn a_gap_inside_a_nested_vrt_moves_with_it() {
        let (from, to) = (Some(Rect([10.0, 0.0, 20.0, 10.0])), Rect([100.0, 50.0, 105.0, 55.0]));
        assert_eq!(place(Rect([0.0, 0.0, 12.0, 10.0]), from, to), Some(Rect([100.0, 50.0, 101.0, 55.0])));
        assert_eq!(place(Rect([0.0, 0.0, 9.0, 10.0]), from, to), None);
    }
}
