//! Tracks and frames: how they are identified, delivered and retained.
//!
//! A [`Track`] describes how its frames are delivered ([`Delivery`]) and retained
//! ([`Retention`]). A [`Frame`] travels as an [`Object`], with its [`FrameNumber`] and its
//! [`Location`]. A [`Gap`] reports frames that will not be delivered.
//!
//! Requirement numbers (R20) are those of `docs/REQUIREMENTS.md`.

mod delivery;
mod fetch_end;
mod frame;
mod gap;
mod location;
mod payload_digest;
mod track;

pub use delivery::{Delivery, Retention};
pub use fetch_end::FetchEnd;
pub use frame::{Frame, FrameNumber, Object};
pub use gap::{Gap, GapReason};
pub use location::Location;
pub use track::{MediaKind, Track};
