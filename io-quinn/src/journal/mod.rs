//! The journal of a call: what went into the core and what came out, as JSON Lines.
//!
//! Line 1 is the [`Header`]; each line after it is an [`Entry`]. Payloads are kept as length and
//! digest only, relays without the query of their address, so a journal can be passed on.

mod format;
mod record;
mod replay;

pub use format::{Entry, Header, VERSION};
pub(crate) use record::Journal;
pub use replay::{ReplayError, Replayed, replay};
