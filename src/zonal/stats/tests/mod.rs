//! Tests of the accumulators as a whole.

#![expect(clippy::unreadable_literal, reason = "as numpy prints them")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "values of all types are made of the same bits"
)]

mod any_order;
mod bounds;
mod known;
