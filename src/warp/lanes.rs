//! Pixels spread out into lanes: the bands, and how valid they are. What processors do to a few numbers at once, they do
//! to one pixel.
//!
//! What is filtered is value x validity and validity, so that invalid pixels and colours under transparent ones never
//! count; the quotient is the value.

use std::ops::Range;

use super::sums::{Accumulator, Filterable};
use crate::raster::{Mask, MaskKind, Pixels};

/// The most lanes.
pub const MOST_LANES: usize = 8;

/// Some bands of what was read.
#[derive(Debug, Clone)]
pub struct Bands<'a, T> {
    pub values: &'a [T],
    pub source: &'a Pixels,
    /// Which bands.
    pub range: Range<usize>,
}

impl<'a, T: Filterable> Bands<'a, T> {
    /// All bands of what was read, as many at a time as lanes hold.
    pub fn groups(values: &'a [T], source: &'a Pixels) -> impl Iterator<Item = Self> {
        let at_once = match source.mask {
            Mask::AllValid => MOST_LANES,
            Mask::Shared(..) => MOST_LANES - 1,
            Mask::PerBand(_) => MOST_LANES / 2,
        };
        let range = move |first: usize| first..(first + at_once).min(source.bands);
        (0..source.bands).step_by(at_once).map(move |first| Self { values, source, range: range(first) })
    }

    /// How many lanes they take: 1, 2, 4 or 8. The share of a mask is in the last one.
    pub fn lanes(&self) -> usize {
        let lanes = match self.source.mask {
            Mask::AllValid => self.range.len(),
            Mask::Shared(..) => self.range.len() + 1,
            Mask::PerBand(_) => self.range.len() * 2,
        };
        lanes.next_power_of_two()
    }

    /// Whether these are all bands that there are, without any mask.
    fn are_plain(&self) -> bool {
        self.range.len() == self.source.bands && self.source.mask == Mask::AllValid
    }

    /// Appends some consecutive pixels, spread out.
    pub fn spread<const LANES: usize>(&self, pixels: Range<usize>, out: &mut Vec<[T::Acc; LANES]>) {
        let (bands, source) = (self.range.clone(), self.source);
        let all = source.bands;
        let values = &self.values[pixels.start * all..pixels.end * all];
        let share = |valid: u8| T::Acc::from_f64(SHARES[usize::from(valid)]);
        let zero = T::Acc::default();
        match &source.mask {
            Mask::AllValid if self.are_plain() && all == 1 => spread_plain::<T, 1, LANES>(values, out),
            Mask::AllValid if self.are_plain() && all == 3 => spread_plain::<T, 3, LANES>(values, out),
            Mask::AllValid if self.are_plain() && all == 4 => spread_plain::<T, 4, LANES>(values, out),
            Mask::AllValid => out.extend(values.chunks_exact(all).map(|pixel| {
                let mut lanes = [zero; LANES];
                lanes.iter_mut().zip(&pixel[bands.clone()]).for_each(|(lane, value)| *lane = value.load());
                lanes
            })),
            Mask::Shared(_, mask) if self.range.len() == 3 && all == 3 => {
                spread_masked::<T, 3, LANES>(values, &mask[pixels], out);
            }
            Mask::Shared(_, mask) => out.extend(values.chunks_exact(all).zip(&mask[pixels]).map(|(pixel, valid)| {
                let mut lanes = [zero; LANES];
                let values = lanes.iter_mut().zip(&pixel[bands.clone()]);
                // An invalid sample may be NaN: 0 x NaN would spread.
                if *valid > 0 {
                    let share = share(*valid);
                    values.for_each(|(lane, value)| *lane = zero.add_product(value.load(), share));
                    lanes[LANES - 1] = share;
                }
                lanes
            })),
            Mask::PerBand(mask) => {
                let flags = mask[pixels.start * all..pixels.end * all].chunks_exact(all);
                out.extend(values.chunks_exact(all).zip(flags).map(|(pixel, flags)| {
                    let mut lanes = [zero; LANES];
                    for (index, band) in bands.clone().enumerate().filter(|(_, band)| flags[*band] > 0) {
                        lanes[index] = pixel[band].load();
                        lanes[bands.len() + index] = share(flags[band]);
                    }
                    lanes
                }));
            }
        }
    }

    /// Stores these bands of one output pixel; gives its validity. `fill` is what an invalid sample holds, by band.
    pub fn store<const LANES: usize>(&self, sums: &[T::Acc; LANES], fill: &[T], pixel: &mut [T]) -> u8 {
        let Mask::PerBand(_) = self.source.mask else {
            let (stored, valid) = self.stored(sums);
            if valid > 0 {
                pixel.copy_from_slice(&stored[..self.range.len()]);
            }
            return valid;
        };
        let (values, shares) = sums.split_at(self.range.len());
        let mut any = 0;
        for (band, sample) in pixel.iter_mut().enumerate() {
            let valid = validity(MaskKind::Binary, shares[band].to_f64());
            let mean = || T::store(values[band].share_of(shares[band]));
            *sample = if valid > 0 { mean() } else { fill[self.range.start + band] };
            any = any.max(valid);
        }
        any
    }

    /// Stores consecutive output pixels of a source without masks by band, when all bands are there and their number is
    /// known. Lane after lane, whatever pixel it belongs to: so processors take as many at once as they can.
    pub fn store_row<const BANDS: usize, const LANES: usize>(
        &self, sums: &[[T::Acc; LANES]], stored: &mut Vec<T>, pixels: &mut [[T; BANDS]], flags: &mut [u8],
    ) {
        if self.source.mask != Mask::AllValid {
            for ((sums, pixel), flag) in sums.iter().zip(pixels).zip(flags) {
                let (stored, valid) = self.stored(sums);
                if let Some(stored) = stored.first_chunk::<BANDS>().filter(|_| valid > 0) {
                    *pixel = *stored;
                }
                *flag = valid;
            }
            return;
        }
        stored.clear();
        stored.extend(sums.as_flattened().iter().map(|sum| T::store(*sum)));
        for (stored, pixel) in stored.as_chunks::<LANES>().0.iter().zip(pixels) {
            if let Some(stored) = stored.first_chunk::<BANDS>() {
                *pixel = *stored;
            }
        }
        flags.fill(255);
    }

    /// The samples that sums are, and how valid they are.
    #[inline]
    fn stored<const LANES: usize>(&self, sums: &[T::Acc; LANES]) -> ([T; LANES], u8) {
        let Mask::Shared(kind, _) = self.source.mask else { return (sums.map(T::store), 255) };
        let share = sums[LANES - 1];
        if share.is_whole() {
            return (sums.map(T::store), 255);
        }
        (sums.map(|sum| T::store(sum.share_of(share))), validity(kind, share.to_f64()))
    }
}

/// How valid a pixel is by its mask.
static SHARES: [f64; 256] = {
    let mut shares = [0.0; 256];
    let (mut valid, mut sum) = (0, 0.0);
    while valid < shares.len() {
        shares[valid] = sum / 255.0;
        sum += 1.0;
        valid += 1;
    }
    shares
};

/// Lanes without a band hold what nobody looks at: of all but the last pixel, values of the next one, which are loaded with
/// its own at once.
fn spread_plain<T: Filterable, const BANDS: usize, const LANES: usize>(values: &[T], out: &mut Vec<[T::Acc; LANES]>) {
    let (pixels, _) = values.as_chunks::<BANDS>();
    let nothing = [T::Acc::default(); LANES];
    out.extend(
        pixels.windows(2).map(|two| two.as_flattened().first_chunk::<LANES>().map_or(nothing, |all| all.map(T::load))),
    );
    out.extend(pixels.last().map(|pixel| {
        let mut lanes = nothing;
        lanes.iter_mut().zip(pixel).for_each(|(lane, value)| *lane = value.load());
        lanes
    }));
}

/// The share is in the last lane.
fn spread_masked<T: Filterable, const BANDS: usize, const LANES: usize>(
    values: &[T], mask: &[u8], out: &mut Vec<[T::Acc; LANES]>,
) {
    let (pixels, _) = values.as_chunks::<BANDS>();
    out.extend(pixels.iter().zip(mask).map(|(pixel, valid)| {
        let mut lanes = [T::Acc::default(); LANES];
        // An invalid sample may be NaN: 0 x NaN would spread.
        if *valid > 0 {
            let share = T::Acc::from_f64(SHARES[usize::from(*valid)]);
            for band in 0..BANDS.min(LANES) {
                lanes[band] = T::Acc::NOTHING.add_product(pixel[band].load(), share);
            }
            lanes[LANES - 1] = share;
        }
        lanes
    }));
}

/// Adds weighted values, lane by lane.
#[inline]
pub fn add<A: Accumulator, const LANES: usize>(sums: &mut [A; LANES], weight: A, values: &[A; LANES]) {
    A::add_products(sums, weight, values);
}

/// The mask value of a pixel whose kernel found this share of its weight valid.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
pub fn validity(kind: MaskKind, share: f64) -> u8 {
    match kind {
        // a hair below one half: a pixel centre on the border of two source pixels must not flicker
        MaskKind::Binary => {
            if share >= 0.499_99 {
                255
            } else {
                0
            }
        }
        MaskKind::Alpha => (share * 255.0 + 0.5) as u8,
    }
}
