//! A parameter that can't be used, wherever it was given: in a query, in a body, on a command line.

/// A parameter that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {reason}")]
pub struct BadParameter {
    /// Its name.
    pub parameter: &'static str,
    /// What is wrong and what would be right.
    pub reason: String,
}
