//! The quality of a call (requirement R29 of `docs/REQUIREMENTS.md`).
//!
//! A [`Measurement`] of jitter, loss and round-trip time gives a [`Rating`]. The session and each
//! kind of media have a [`Quality`] of their own.

mod quality_of;
mod rating;

pub use quality_of::{Quality, QualityOf};
pub use rating::{Measurement, Rating};
