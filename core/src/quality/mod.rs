//! How good a call sounds and looks: rated every few seconds, without flapping (requirement R29).

mod aggregate;
mod hysteresis;
mod meter;
mod monitor;
mod rating;

pub(crate) use meter::TrackMeter;
pub(crate) use monitor::Monitor;
pub use monitor::{Quality, QualityOf};
pub use rating::{Measurement, Rating};
