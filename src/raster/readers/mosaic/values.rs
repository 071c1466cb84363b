//! What a complex source does to the values of its file, as GDAL does it.

use crate::raster::{Band, BandMask, DataType, Rgba, Sample};
use crate::with_sample_type;

/// What is done to the values of a source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    /// Cells with this value are not drawn.
    pub nodata: Option<f64>,
    /// Nor are those that the file's mask hides.
    pub by_mask: bool,
    /// 1 to 4: values become this part of their colour.
    pub color: Option<usize>,
    /// `value * ratio + offset`
    pub scale: Option<Scale>,
    /// Inputs and outputs, by input, linear in between.
    pub table: Vec<[f64; 2]>,
}

/// A linear scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    pub ratio: f64,
    pub offset: f64,
}

impl Default for Scale {
    fn default() -> Self {
        Self { ratio: 1.0, offset: 0.0 }
    }
}

/// Values as they are worked on: GDAL calculates in single precision where the types of both sides fit into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    Single,
    Double,
}

impl Precision {
    pub fn of(source: DataType, target: DataType) -> Self {
        let is_wide = |dtype| matches!(dtype, DataType::I32 | DataType::U32 | DataType::I64 | DataType::U64);
        if is_wide(source) || is_wide(target) || target == DataType::F64 { Self::Double } else { Self::Single }
    }

    /// Rounds to it.
    #[expect(clippy::cast_possible_truncation, reason = "that is what single precision is")]
    fn round(self, value: f64) -> f64 {
        match self {
            Self::Single => f64::from(value as f32),
            Self::Double => value,
        }
    }
}

/// Cells that are not drawn for their value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Hidden {
    Nothing,
    Single(f32),
    /// Equal up to a relative difference.
    Double(f64, f64),
}

impl Hidden {
    /// A value that single precision does not reach hides nothing.
    #[expect(clippy::cast_possible_truncation, reason = "that is what single precision is")]
    fn single(nodata: f64) -> Self {
        let single = nodata as f32;
        if single.is_infinite() && nodata.is_finite() { Self::Nothing } else { Self::Single(single) }
    }

    /// Whole numbers are exact. Of others GDAL compares seven digits, even in double precision: a value is often written
    /// with as many.
    fn double(nodata: f64, dtype: DataType) -> Self {
        Self::Double(nodata, if dtype.is_integer() { 0.0 } else { f64::from(f32::EPSILON) })
    }

    /// Whether a value is it, up to two units in its last place (GDAL's `ARE_REAL_EQUAL`).
    #[expect(clippy::cast_possible_truncation, reason = "that is what single precision is")]
    pub fn hides(self, value: f64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Single(nodata) => {
                let value = value as f32;
                let near = || (value - nodata).abs() < 2.0 * f32::EPSILON * (value + nodata).abs();
                value == nodata || near() || (value.is_nan() && nodata.is_nan())
            }
            Self::Double(nodata, epsilon) => {
                let near = || (value - nodata).abs() < 2.0 * epsilon * (value + nodata).abs();
                value == nodata || near() || (value.is_nan() && nodata.is_nan())
            }
        }
    }
}

impl Values {
    /// Whether nothing is done.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing is done to the cells that are drawn.
    pub fn keeps_values(&self) -> bool {
        self.color.is_none() && self.scale.is_none() && self.table.is_empty()
    }

    /// Whether all cells become one value.
    pub fn is_constant(&self) -> bool {
        self.scale.is_some_and(|scale| scale.ratio == 0.0)
    }

    /// Takes an element of a complex source; `None` when it is unknown, or says nothing sensible.
    pub fn set(&mut self, element: &str, text: &str) -> Option<()> {
        let number = || text.parse::<f64>().ok().filter(|number| !(number.is_nan() && number.is_sign_negative()));
        match element {
            "NODATA" => self.nodata = Some(number()?),
            "UseMaskBand" => {
                self.by_mask = match text.to_ascii_lowercase().as_str() {
                    "1" | "true" | "yes" | "on" => true,
                    "0" | "false" | "no" | "off" => false,
                    _ => return None,
                }
            }
            "ColorTableComponent" => self.color = Some(text.parse().ok().filter(|part| (1..=4).contains(part))?),
            "ScaleOffset" => self.scale.get_or_insert_default().offset = number()?,
            "ScaleRatio" => self.scale.get_or_insert_default().ratio = number()?,
            "LUT" => self.table = table(text)?,
            _ => return None,
        }
        Some(())
    }

    /// The values that hide a cell of a band: with `by_mask` the band's nodata value, else the source's own.
    pub fn hidden(&self, band: &Band, precision: Precision) -> Hidden {
        let is_mask = |nodata: &f64| self.by_mask && band.mask == BandMask::Nodata && is_in_range(*nodata, band.dtype);
        let of_band = band.nodata.filter(is_mask);
        let Some(nodata) = of_band.or(self.nodata) else { return Hidden::Nothing };
        let is_nodata_alone = self.keeps_values() && !self.by_mask;
        if is_nodata_alone && matches!(band.dtype, DataType::U8 | DataType::U16 | DataType::I16) {
            let [low, high] = range(band.dtype);
            return if (low..=high).contains(&nodata) { Hidden::Double(nodata.trunc(), 0.0) } else { Hidden::Nothing };
        }
        match precision {
            Precision::Double => Hidden::double(nodata, band.dtype),
            Precision::Single => Hidden::single(nodata),
        }
    }

    /// Whether the mask of a band hides cells: not where a value does.
    pub fn hides_by_mask(&self, band: &Band, hidden: Hidden) -> bool {
        self.by_mask && hidden == Hidden::Nothing && (band.is_alpha || band.mask != BandMask::AllValid)
    }

    /// A value as it is drawn; `None` where its colour is unknown.
    pub fn apply(&self, value: f64, precision: Precision, colors: Option<&[Rgba]>) -> Option<f64> {
        let mut value = precision.round(value);
        if let Some(part) = self.color {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
            let color = colors?.get(value as usize).filter(|_| value >= 0.0)?;
            value = f64::from(color[part - 1]);
        }
        if let Some(Scale { ratio, offset }) = self.scale {
            // A constant, whatever the cell holds: unless GDAL has to look at it for something else.
            let is_seen = self.nodata.is_some() || self.by_mask;
            value = if ratio == 0.0 && !is_seen { offset } else { precision.round(value * ratio + offset) };
        }
        if !self.table.is_empty() {
            value = precision.round(self.looked_up(value));
        }
        Some(value)
    }

    fn looked_up(&self, value: f64) -> f64 {
        let after = self.table.partition_point(|[input, _]| *input < value);
        match (after.checked_sub(1).map(|before| self.table[before]), self.table.get(after)) {
            (None, Some([_, output])) => *output,
            (Some([_, output]), None) => output,
            (Some(_), Some([input, output])) if *input == value => *output,
            (Some([low, from]), Some([high, to])) => from + (value - low) * ((to - from) / (high - low)),
            (None, None) => value,
        }
    }
}

/// Whether a band of this type can hold a value, or one next to it.
fn is_in_range(value: f64, dtype: DataType) -> bool {
    let [low, high] = range(dtype);
    !dtype.is_integer() || (low..=high).contains(&value)
}

/// The lowest and the highest value of a type.
fn range(dtype: DataType) -> [f64; 2] {
    with_sample_type!(dtype, T => [f64::MIN, f64::MAX].map(|most| T::from_f64(most).to_f64()))
}

/// `input:output,input:output`, inputs ascending.
fn table(text: &str) -> Option<Vec<[f64; 2]>> {
    let pair = |entry: &str| {
        let (input, output) = entry.split_once(':')?;
        Some([input.trim().parse().ok()?, output.trim().parse().ok()?])
    };
    let table: Vec<[f64; 2]> = text.split(',').map(pair).collect::<Option<_>>()?;
    let is_ascending = table.windows(2).all(|pair| pair[0][0] <= pair[1][0]);
    (is_ascending && !table.is_empty() && !table[0][0].is_nan()).then_some(table)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Expected by GDAL 3.12: `gdal_translate` of a VRT with one pixel a value.
    #[rstest]
    #[case::below(-5.0, 10.0)]
    #[case::at_the_first(0.0, 10.0)]
    #[case::between(2.5, 15.0)]
    #[case::at_a_point(5.0, 20.0)]
    #[case::above(7.0, 0.0)]
    fn a_table_is_linear_between_its_points(#[case] value: f64, #[case] expected: f64) {
        let mut values = Values::default();
        values.set("LUT", "0:10, 5:20, 6:0").unwrap();
        assert_eq!(values.apply(value, Precision::Double, None), Some(expected));
    }

    #[test]
    fn a_table_out_of_order_is_left_to_gdal() {
        assert_eq!(Values::default().set("LUT", "5:1,0:2"), None);
        assert_eq!(Values::default().set("LUT", "5"), None);
    }

    #[test]
    fn a_scale_is_rounded_to_what_gdal_calculates_in() {
        let mut values = Values::default();
        values.set("ScaleRatio", "0.1").unwrap();
        assert_eq!(values.apply(3.0, Precision::Single, None), Some(f64::from(0.3_f32)));
        assert_eq!(values.apply(3.0, Precision::Double, None), Some(3.0 * 0.1));
    }
}
