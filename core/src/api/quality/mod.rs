//! How good a call is (R29).

mod quality_of;
mod rating;

pub use quality_of::{Quality, QualityOf};
pub use rating::{Measurement, Rating};
