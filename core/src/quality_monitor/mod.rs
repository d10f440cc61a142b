//! The quality monitor: it rates a live call every few seconds, without flapping (R29).

mod aggregate;
mod hysteresis;
mod meter;
mod monitor;

pub(crate) use meter::TrackMeter;
pub(crate) use monitor::Monitor;
