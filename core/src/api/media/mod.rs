//! Media: frames, their place in a track, and how a track is delivered.

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
