//! The affine map between pixel and CRS coordinates (GDAL's geotransform).

/// A geotransform in GDAL's order: `x = c[0] + col * c[1] + row * c[2]`, `y = c[3] + col * c[4] + row * c[5]`.
///
/// Pixel coordinates count from the outer corner of the first pixel: its centre is (0.5, 0.5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine(pub [f64; 6]);

impl Affine {
    /// CRS coordinates of a pixel position.
    #[must_use]
    pub fn apply(&self, col: f64, row: f64) -> (f64, f64) {
        let c = &self.0;
        (c[0] + col * c[1] + row * c[2], c[3] + col * c[4] + row * c[5])
    }

    /// The map from CRS coordinates to pixel positions; `None` when the geotransform is degenerate.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        let c = &self.0;
        let det = c[1] * c[5] - c[2] * c[4];
        if det == 0.0 || !det.is_finite() || c.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let (a, b, d, e) = (c[5] / det, -c[2] / det, -c[4] / det, c[1] / det);
        Some(Self([-(a * c[0] + b * c[3]), a, b, -(d * c[0] + e * c[3]), d, e]))
    }

    /// Whether rows and columns run along the axes of the CRS (north-up or south-up, either x direction).
    #[must_use]
    pub fn is_axis_aligned(&self) -> bool {
        self.0[2] == 0.0 && self.0[4] == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_inverse_undoes_the_map(
            c in prop::array::uniform6(-1000.0..1000.0f64), col in -1e4..1e4f64, row in -1e4..1e4f64,
        ) {
            let affine = Affine(c);
            prop_assume!((c[1] * c[5] - c[2] * c[4]).abs() > 1.0);
            let (x, y) = affine.apply(col, row);
            let (back_col, back_row) = affine.inverse().expect("not degenerate").apply(x, y);
            prop_assert!((back_col - col).abs() < 1e-4 && (back_row - row).abs() < 1e-4);
        }
    }

    #[test]
    fn a_degenerate_geotransform_has_no_inverse() {
        assert_eq!(Affine([0.0, 1.0, 2.0, 0.0, 2.0, 4.0]).inverse(), None);
        assert_eq!(Affine([f64::NAN, 1.0, 0.0, 0.0, 0.0, 1.0]).inverse(), None);
    }
}
