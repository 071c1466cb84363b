//! Numbers that numpy and rio-tiler gave.

use rstest::rstest;
use serde_json::{Value, json};

use super::super::*;
use crate::raster::DataType;
use crate::zonal::{CellRule, WHOLE};

const CELLS: [u8; 8] = [11, 11, 11, 42, 42, 90, 90, 200];
const VALID: [u8; 8] = [255, 1, 255, 255, 255, 255, 255, 0];
const QUARTERS: [u64; 8] = [4, 4, 2, 1, 4, 4, 3, 4];

fn band<T: Cell>(cells: &[T], validity: Option<&[u8]>, wanted: &Wanted) -> BandPartial {
    let mut band = BandPartial::new(T::DTYPE, wanted);
    band.push(cells, validity, WHOLE).unwrap();
    band
}

fn options(rule: CellRule, bins: usize) -> StatisticsOptions {
    StatisticsOptions { rule, bins: Bins::Count(bins), ..StatisticsOptions::default() }
}

#[test]
fn whole_cells_give_the_statistics_of_rio_tiler() {
    // a = np.array([11,11,11,42,42,90,90,200],'u1'); m = np.ma.MaskedArray(a, a==200)
    // rio_tiler.utils.get_array_statistics(m[None,None], percentiles=[2,98], bins=3), rio-tiler 9.4.12
    // np.percentile(a[:7], [2, 50, 98])
    let statistics = band(&CELLS, Some(&VALID), &Wanted::default()).finish(&options(CellRule::Center, 3));
    let expected = json!({
        "min": 11.0, "max": 90.0, "mean": 42.42857142857143, "count": 7.0, "sum": 297.0, "std": 32.71023056588671,
        "median": 42.0, "majority": 11.0, "minority": 42.0, "unique": 3.0,
        "histogram": [[3, 2, 2], [11.0, 37.33333333333333, 63.666666666666664, 90.0]],
        "valid_percent": 87.5, "masked_pixels": 1.0, "valid_pixels": 7.0,
        "percentile_2": 11.0, "percentile_98": 90.0, "percentile_error": 0.0,
    });
    assert_eq!(serde_json::to_value(statistics).unwrap(), expected);
}

#[test]
fn parts_of_cells_weigh_their_share_and_count_as_cells() {
    // get_array_statistics(m[None,None], coverage=np.array([[1,1,.5,.25,1,1,.75,1]]), percentiles=[2,98], bins=3)
    let mut band = BandPartial::new(DataType::U8, &Wanted::default());
    for (index, quarters) in QUARTERS.iter().enumerate() {
        let one = index..=index;
        band.push(&CELLS[one.clone()], Some(&VALID[one]), quarters * (WHOLE / 4)).unwrap();
    }
    let statistics = band.finish(&options(CellRule::Coverage, 3));
    assert_eq!(
        [statistics.mean, statistics.sum, statistics.std, statistics.median].map(Option::unwrap),
        [43.18181818181818, 237.5, 34.183510596400346, 42.0]
    );
    assert_eq!((statistics.count, statistics.valid_pixels, statistics.masked_pixels), (5.5, 7.0, 1.0));
    assert_eq!(statistics.histogram.unwrap().0, [3, 2, 2]);
}

#[test]
fn floats_give_the_statistics_of_numpy() {
    // f = np.array([-2.5,0,0.1,1e-3,7.25,7.25],'f4'); f.mean(dtype='f8'), f.std(dtype='f8')
    // np.percentile(f.astype('f8'), [10, 75]); np.histogram(f, 4)
    let cells = [-2.5_f32, 0.0, 0.1, f32::NAN, 1e-3, 7.25, 7.25, f32::INFINITY];
    let mut options = options(CellRule::Center, 4);
    options.percentiles = vec![10.0, 75.0];
    let statistics = band(&cells, None, &options.wanted(DataType::F32).unwrap()).finish(&options);
    assert_eq!(statistics.mean, Some(2.0168333335896023));
    assert_eq!(statistics.std, Some(3.807433536899216));
    assert_eq!(statistics.percentiles["percentile_10"], Some(-1.25));
    assert_eq!(statistics.percentiles["percentile_75"], Some(5.462500000372529));
    let edges = [-2.5, -0.0625, 2.375, 4.8125, 7.25].map(|edge| serde_json::Number::from_f64(edge).unwrap());
    assert_eq!(statistics.histogram, Some((vec![1, 3, 0, 2], edges.to_vec())));
    assert_eq!(statistics.masked_pixels, 2.0);
}

#[rstest]
#[case(&[1.0, 2.0, 1.0], Bins::Edges(vec![0.0, 1.0, 2.0, 3.0]), &[0, 2, 1])] // np.histogram([1,2,1], [0,1,2,3])
#[case(&[5.0, 5.0, 5.0], Bins::Count(2), &[0, 3])] // np.histogram([5,5,5], 2)
#[case(&[0.0, 1.0, 2.0, 3.0, 4.0], Bins::Edges(vec![1.0, 2.0, 2.0, 4.0]), &[1, 0, 3])] // np.histogram(range(5), [1,2,2,4])
#[case(&[], Bins::Count(3), &[0, 0, 0])] // np.histogram([], 3)
fn bins_are_closed_below_and_the_last_one_above_too(
    #[case] cells: &[f64], #[case] bins: Bins, #[case] expected: &[u64],
) {
    let options = StatisticsOptions { bins, ..StatisticsOptions::default() };
    let first = band(cells, None, &options.wanted(DataType::F64).unwrap());
    assert_eq!(first.finish(&options).histogram.unwrap().0, expected);
}

#[test]
fn a_histogram_over_the_range_of_unknown_values_takes_a_second_pass() {
    let cells: Vec<f64> = (0..1000).map(f64::from).collect();
    let options = options(CellRule::Center, 10);
    let wanted = Wanted { distinct: Some(10), ..options.wanted(DataType::F64).unwrap() };
    let mut first = band(&cells, None, &wanted);
    assert_eq!(first.finish(&options).histogram, None);
    let second = first.second_pass(&options).unwrap();
    first.set_histogram(band(&cells, None, &second));
    assert_eq!(first.finish(&options).histogram.unwrap().0, [100; 10]);
    assert_eq!(first.second_pass(&options), None);
}

#[rstest]
#[case(vec![], json!([[3, 2, 2], [11, 42, 90]]))] // get_array_statistics(m[None,None], categorical=True)
#[case(vec![42.0, 7.0], json!([[2, 0], [42, 7]]))] // ..., categories=[42, 7]
#[case(vec![0.5], json!([[0], [0.5]]))]
fn categories_are_counted_as_cells(#[case] categories: Vec<f64>, #[case] expected: Value) {
    let options = StatisticsOptions { categorical: true, categories, ..StatisticsOptions::default() };
    let statistics = band(&CELLS, Some(&VALID), &options.wanted(DataType::U8).unwrap()).finish(&options);
    assert_eq!(serde_json::to_value(statistics.histogram).unwrap(), expected);
}

#[test]
fn nothing_valid_is_null() {
    let all = options(CellRule::Coverage, 2);
    for statistics in [
        band(&CELLS, Some(&[0; 8]), &Wanted::default()).finish(&all),
        band(&[f32::NAN; 8], None, &all.wanted(DataType::F32).unwrap()).finish(&all),
    ] {
        let answer = serde_json::to_value(&statistics).unwrap();
        for name in ["min", "max", "mean", "std", "median", "majority", "minority", "percentile_2", "percentile_error"]
        {
            assert_eq!(answer[name], Value::Null, "{name}");
        }
        assert_eq!((statistics.count, statistics.sum, statistics.unique), (0.0, Some(0.0), Some(0.0)));
        assert_eq!((statistics.masked_pixels, statistics.valid_percent), (8.0, 0.0));
    }
}

#[test]
fn counts_name_values_exactly_and_in_order() {
    let mut counts = Counts::new(DataType::F32, 10);
    counts.push(&[0.5_f32, -3.0, 0.5, 11.0, -0.0, 0.0, f32::NAN], None, WHOLE).unwrap();
    counts.push(&[0.5_f32, 7.0], Some(&[1, 0]), WHOLE / 2).unwrap();
    let halves: Vec<(String, u64, f64)> = counts.values().into_iter().map(|(_, v, t)| (v, t.cells, t.area())).collect();
    let expected = [("-3", 1, 1.0), ("0", 2, 2.0), ("0.5", 3, 2.5), ("11", 1, 1.0)];
    assert_eq!(halves, expected.map(|(value, cells, area)| (value.to_owned(), cells, area)));
    assert_eq!((counts.nodata().cells, counts.nodata().area()), (2, 1.5));
}

#[test]
fn one_value_more_than_the_limit_is_an_error_and_no_majority() {
    let cells: Vec<i32> = (0..11).collect();
    let mut counts = Counts::new(DataType::I32, 10);
    assert_eq!(counts.push(&cells[..10], None, WHOLE), Ok(()));
    assert_eq!(counts.push(&cells[10..], None, 1), Err(StatsError::TooManyValues { limit: 10 }));
    let wanted = Wanted { distinct: Some(10), distribution: true, ..Wanted::default() };
    let statistics = band(&cells, None, &wanted).finish(&options(CellRule::Center, 10));
    assert_eq!((statistics.majority, statistics.minority, statistics.unique), (None, None, None));
    assert_eq!((statistics.median, statistics.percentile_error), (Some(5.0), Some(RELATIVE_ERROR)));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let mut band = BandPartial::new(DataType::F32, &Wanted { moments: true, ..Wanted::default() });
    assert_eq!(band.push(&[1_u8], None, WHOLE), Err(StatsError::Mismatch));
    assert_eq!(band.merge(&BandPartial::new(DataType::F32, &Wanted::default())), Err(StatsError::Mismatch));
    assert_eq!(band.merge(&BandPartial::new(DataType::F64, &Wanted::default())), Err(StatsError::Mismatch));
}

#[rstest]
#[case(Bins::Count(0), None, "a histogram has 1 to 65536 bins, not 0")]
#[case(Bins::Count(70_000), None, "a histogram has 1 to 65536 bins, not 70000")]
#[case(Bins::Edges(vec![0.0, 2.0, 1.0]), None, "edge 2 of the histogram is 1.0: edges are finite and do not fall")]
#[case(Bins::Count(4), Some([0.0, f64::NAN]), "a histogram goes from a number to one that is not lower, not from 0.0 to NaN")]
#[case(Bins::Count(4), Some([1.0, 0.0]), "a histogram goes from a number to one that is not lower, not from 1.0 to 0.0")]
#[case(Bins::Count(4), Some([1.0, 1.0 + f64::EPSILON]),
    "4 bins between 1.0 and 1.0000000000000002 would be narrower than the numbers are apart")]
fn bins_that_cannot_be_are_refused(#[case] bins: Bins, #[case] range: Option<[f64; 2]>, #[case] message: &str) {
    let options = StatisticsOptions { bins, range, ..StatisticsOptions::default() };
    assert_eq!(options.wanted(DataType::F64).unwrap_err().to_string(), message);
}

#[rstest]
#[case(1, 3)]
#[case(40, 7)]
#[case(5000, 2)]
fn long_rows_of_long_and_short_stretches_count_every_cell(#[case] stretch: usize, #[case] masked_each: usize) {
    let classes: Vec<u8> = (0..5003).map(|index| (index / stretch * 37 % 256) as u8).collect();
    let validity: Vec<u8> = (0..5003).map(|index| u8::from(index < 2000 || index % masked_each != 0)).collect();
    let tables = [
        table(&classes, &validity),
        table(&classes.iter().map(|cell| u16::from(*cell)).collect::<Vec<_>>(), &validity),
        table(&classes.iter().map(|cell| i32::from(*cell)).collect::<Vec<_>>(), &validity),
        table(&classes.iter().map(|cell| f32::from(*cell)).collect::<Vec<_>>(), &validity),
    ];
    let is = |class: u8| classes.iter().zip(&validity).filter(|(cell, valid)| **cell == class && **valid > 0).count();
    let expected: Vec<_> =
        (0..=255).map(|class| (class.to_string(), is(class) as u64)).filter(|entry| entry.1 > 0).collect();
    for (counted, nodata) in tables {
        assert_eq!(counted, expected);
        assert_eq!(nodata, validity.iter().filter(|valid| **valid == 0).count() as u64);
    }
}

fn table<T: Cell>(cells: &[T], validity: &[u8]) -> (Vec<(String, u64)>, u64) {
    let mut counts = Counts::new(T::DTYPE, 256);
    counts.push(cells, Some(validity), WHOLE).unwrap();
    (counts.values().into_iter().map(|(_, value, tally)| (value, tally.cells)).collect(), counts.nodata().cells)
}
