//! What is promised of the numbers: exact sums, and percentiles within their error.

use proptest::prelude::*;

use super::super::*;
use crate::zonal::{CellRule, WHOLE};

fn finish<T: Cell>(cells: &[T], p: f64, rule: CellRule) -> BandStatistics {
    let mut band = BandPartial::new(T::DTYPE, &Wanted { moments: true, distribution: true, ..Wanted::default() });
    band.push(cells, None, WHOLE).unwrap();
    band.finish(&StatisticsOptions { rule, percentiles: vec![p], ..StatisticsOptions::default() })
}

fn finite() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_filter("a number", |value| value.is_finite())
}

/// Whether an answer is as near to a value as promised.
fn is_near(answer: f64, value: f64) -> bool {
    (answer - value).abs() <= value.abs() * RELATIVE_ERROR
        || (value.abs() < f64::MIN_POSITIVE && (answer - value).abs() < f64::from_bits(1 << 41)) // 2^-1033
}

proptest! {
    #[test]
    fn a_percentile_of_floats_is_within_its_error(
        mut cells in prop::collection::vec(prop_oneof![finite(), -5.0..5.0_f64, 0.0..1e-309], 1..50), p in 0.0..=100.0_f64,
    ) {
        let answer = finish(&cells, p, CellRule::Coverage);
        prop_assert_eq!(answer.percentile_error, Some(RELATIVE_ERROR));
        cells.sort_by(f64::total_cmp);
        let rank = (p / 100.0 * cells.len() as f64).ceil().max(1.0) as usize - 1;
        prop_assert!(is_near(answer.percentiles[0].unwrap(), cells[rank]));
    }

    #[test]
    fn an_interpolated_percentile_lies_near_or_between_its_neighbours(
        mut cells in prop::collection::vec(-1e6..1e6_f64, 1..50), p in 0.0..=100.0_f64,
    ) {
        let answer = finish(&cells, p, CellRule::Center).percentiles[0].unwrap();
        cells.sort_by(f64::total_cmp);
        let rank = (cells.len() - 1) as f64 * (p / 100.0);
        let (low, high) = (cells[rank as usize], cells[(rank as usize + 1).min(cells.len() - 1)]);
        let exact = low + (high - low) * rank.fract();
        prop_assert!((answer - exact).abs() <= low.abs().max(high.abs()) * RELATIVE_ERROR * (1.0 + 1e-9));
    }

    #[test]
    fn a_percentile_of_integers_is_within_its_error_and_exact_below_4096(
        mut signed in prop::collection::vec(prop_oneof![any::<i64>(), -5000..5000_i64], 3..50),
        mut unsigned in prop::collection::vec(prop_oneof![any::<u64>(), 0..5000_u64], 3..50),
    ) {
        let (a, b) = (finish(&signed, 50.0, CellRule::Coverage), finish(&unsigned, 50.0, CellRule::Coverage));
        signed.sort_unstable();
        unsigned.sort_unstable();
        let (i, u) = (signed[signed.len().div_ceil(2) - 1], unsigned[unsigned.len().div_ceil(2) - 1]);
        prop_assert!(is_near(a.median.unwrap(), i as f64) && is_near(b.median.unwrap(), u as f64));
        prop_assert!(i.abs() >= 4096 || a.median == Some(i as f64));
        prop_assert!(u >= 4096 || b.median == Some(u as f64));
    }

    #[test]
    fn moments_of_integers_are_exact(cells in prop::collection::vec(any::<i32>(), 1..50)) {
        let answer = finish(&cells, 50.0, CellRule::Center);
        let (n, sum) = (cells.len() as i128, cells.iter().map(|cell| i128::from(*cell)).sum::<i128>());
        let squares: i128 = cells.iter().map(|cell| i128::from(*cell).pow(2)).sum();
        prop_assert_eq!(answer.sum, Some(sum as f64));
        prop_assert_eq!(answer.mean, Some(sum as f64 / n as f64));
        let spread = n * squares - sum * sum;
        let std = (spread as f64 / (n * n) as f64).sqrt();
        prop_assert!((answer.std.unwrap() - std).abs() <= std * 1e-15);
    }
}

#[test]
fn large_values_that_cancel_leave_what_is_between_them() {
    let answer = finish(&[1e100, 1.0, -1e100, 5e-324, 1.0], 50.0, CellRule::Center);
    assert_eq!((answer.sum, answer.mean), (Some(2.0), Some(0.4)));
    // np.std([1e9 + 1, 1e9 + 2, 1e9 + 3]); the naive E[x^2] - E[x]^2 gives 0
    assert_eq!(finish(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0], 50.0, CellRule::Center).std, Some(0.816496580927726));
}

#[test]
fn values_beyond_every_float_have_no_sum_but_a_mean() {
    let answer = finish(&[f64::MAX, f64::MAX], 50.0, CellRule::Center);
    assert_eq!((answer.sum, answer.mean, answer.std), (None, Some(f64::MAX), Some(0.0)));
}

#[test]
fn the_ends_of_a_sketch_are_exact() {
    let cells: Vec<f32> = (0..1000).map(|i| 1.0 + i as f32 / 1e4).collect();
    for rule in [CellRule::Center, CellRule::Coverage] {
        assert_eq!(finish(&cells, 0.0, rule).percentiles[0], Some(1.0));
        assert_eq!(finish(&cells, 100.0, rule).percentiles[0], Some(f64::from(cells[999])));
    }
}
