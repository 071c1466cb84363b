//! Reclassification: values, lists and ranges to classes or scores.
//!
//! Every rule looks at the cell's own value, never at what an earlier rule made of it; where several match, the last one
//! declared wins.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::raster::DataType;

/// The most rules that are looked at.
const MOST_RULES: usize = 1_000;

/// A set of values: single ones, and ranges with both ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Values(Vec<[f64; 2]>);

/// Rules in the order in which they were declared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    rules: Vec<(Values, f64)>,
    /// What becomes of a value that no rule matches; `None` makes it "no data".
    otherwise: Option<f64>,
}

/// Text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\": {reason}")]
pub struct BadRules {
    /// The part that is wrong.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Values {
    /// Whether a value is in the set.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.0.iter().any(|[low, high]| (*low..=*high).contains(&value))
    }

    /// As a number where it is one value, else as text.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "whole numbers that an f64 holds")]
    pub fn to_json(&self) -> serde_json::Value {
        match self.0.as_slice() {
            [[low, high]] if low == high && low.fract() == 0.0 && low.abs() < 1e15 => (*low as i64).into(),
            [[low, high]] if low == high => (*low).into(),
            _ => self.to_string().into(),
        }
    }

    /// One value.
    #[must_use]
    pub fn one(value: f64) -> Self {
        Self(vec![[value, value]])
    }

    /// From `low` to `high`, both included.
    #[must_use]
    pub fn range(low: f64, high: f64) -> Self {
        Self(vec![[low, high]])
    }
}

/// `21`, `21:24`, or several with `|` between: `21:24|31`.
impl FromStr for Values {
    type Err = BadRules;

    fn from_str(text: &str) -> Result<Self, BadRules> {
        text.split('|').map(|part| interval(part.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn interval(text: &str) -> Result<[f64; 2], BadRules> {
    let bad = |reason: &str| BadRules { text: text.to_owned(), reason: reason.to_owned() };
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| !number.is_nan());
    let (low, high) = text.split_once(':').unwrap_or((text, text));
    match (number(low), number(high)) {
        (Some(low), Some(high)) if low <= high => Ok([low, high]),
        (Some(_), Some(_)) => Err(bad("the range ends before it begins")),
        _ => Err(bad("it is neither a number nor a range low:high")),
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, [low, high]) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { "|" };
            if low == high {
                write!(f, "{between}{low}")?;
            } else {
                write!(f, "{between}{low}:{high}")?;
            }
        }
        Ok(())
    }
}

impl Rules {
    /// What becomes of a value; `None` is "no data".
    #[must_use]
    pub fn apply(&self, value: f64) -> Option<f64> {
        let matching = self.rules.iter().rev().find(|(values, _)| values.contains(value));
        matching.map(|(_, score)| *score).or(self.otherwise)
    }

    /// The lowest and highest score.
    #[must_use]
    pub fn range(&self) -> [f64; 2] {
        let scores = self.rules.iter().map(|(_, score)| *score).chain(self.otherwise);
        scores.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], score| [low.min(score), high.max(score)])
    }

    /// The same, fast, for cells of one type.
    #[must_use]
    pub fn table(&self, dtype: DataType) -> Table<'_> {
        let score = |byte: usize| self.apply(f64::from(u8::try_from(byte).unwrap_or(u8::MAX)));
        let scores = || Box::new(std::array::from_fn(score));
        Table { rules: self, bytes: (dtype == DataType::U8).then(scores) }
    }
}

/// Scores of a type's values: looked up where there are few.
pub struct Table<'a> {
    rules: &'a Rules,
    /// Of 0 to 255.
    bytes: Option<Box<[Option<f64>; 256]>>,
}

impl Table<'_> {
    /// What becomes of a value; `None` is "no data".
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes")]
    pub fn score(&self, value: f64) -> Option<f64> {
        self.bytes.as_ref().map_or_else(|| self.rules.apply(value), |bytes| bytes[usize::from(value as u8)])
    }
}

/// `21:24=10,41:43=1`, with `*=5` for whatever no rule matches (0 without it) or `*=nodata`.
impl FromStr for Rules {
    type Err = BadRules;

    fn from_str(text: &str) -> Result<Self, BadRules> {
        let mut rules = Self { rules: Vec::new(), otherwise: Some(0.0) };
        for part in text.split(',') {
            let bad = |reason: String| BadRules { text: part.to_owned(), reason };
            let (values, score) =
                part.split_once('=').ok_or_else(|| bad("it is no rule values=score, such as 21:24=10".to_owned()))?;
            let number = score.trim().parse::<f64>().ok().filter(|score| score.is_finite());
            match (values.trim(), score.trim(), number) {
                ("*", "nodata", _) => rules.otherwise = None,
                ("*", _, Some(score)) => rules.otherwise = Some(score),
                (values, _, Some(score)) => rules.rules.push((values.parse()?, score)),
                (_, score, None) => return Err(bad(format!("the score \"{score}\" is no number"))),
            }
            if rules.rules.len() > MOST_RULES {
                return Err(bad(format!("there are more than {MOST_RULES} rules")));
            }
        }
        Ok(rules)
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (values, score) in &self.rules {
            write!(f, "{values}={score},")?;
        }
        match self.otherwise {
            Some(score) => write!(f, "*={score}"),
            None => write!(f, "*=nodata"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("21:24=10,41:43=1", 21.0, Some(10.0))]
    #[case("21:24=10,41:43=1", 24.0, Some(10.0))]
    #[case("21:24=10,41:43=1", 43.0, Some(1.0))]
    #[case::no_rule_matches("21:24=10,41:43=1", 11.0, Some(0.0))]
    #[case::otherwise("21:24=10,*=7", 11.0, Some(7.0))]
    #[case::otherwise_no_data("21:24=10, *=nodata", 11.0, None)]
    #[case::a_list("21|23=10", 23.0, Some(10.0))]
    #[case::a_list_with_a_range("21|31:33=10", 32.0, Some(10.0))]
    #[case::between_a_list("21|23=10", 22.0, Some(0.0))]
    #[case::the_last_one_wins("1:10=5,5=9", 5.0, Some(9.0))]
    #[case::none_feeds_the_next("1=2,2=3", 1.0, Some(2.0))]
    #[case::fractions("0:0.5=1,0.5:1=2", 0.25, Some(1.0))]
    #[case::negative("-10:-1=-3", -5.5, Some(-3.0))]
    #[case::open_end("100:inf=4", 1e9, Some(4.0))]
    fn a_value_gets_the_score_of_its_rule(#[case] rules: &str, #[case] value: f64, #[case] expected: Option<f64>) {
        assert_eq!(rules.parse::<Rules>().unwrap().apply(value), expected);
    }

    #[rstest]
    #[case("", "no rule")]
    #[case("21", "no rule")]
    #[case("21=", "the score \"\" is no number")]
    #[case("21=inf", "no number")]
    #[case("a=1", "neither a number nor a range")]
    #[case("5:1=1", "ends before it begins")]
    #[case("nan=1", "neither")]
    #[case("1=2,,3=4", "no rule")]
    fn what_is_no_rule_is_quoted(#[case] rules: &str, #[case] reason: &str) {
        let error = rules.parse::<Rules>().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn values_are_written_as_they_are_read() {
        for text in ["5", "5:9", "1|3:4|-2.5"] {
            assert_eq!(text.parse::<Values>().unwrap().to_string(), text);
        }
    }
}
