//! The journal of a call: the inputs and the outputs of the core, as JSON Lines.
//!
//! Line 1 is the [`Header`]; each line after it is an [`Entry`]. A payload is recorded as its
//! length and digest, and a relay without the query of its address, so a journal holds no media and
//! no tokens.

mod format;
mod record;
mod replay;

pub use format::{Entry, Header, VERSION};
pub(crate) use record::Journal;
pub use replay::{ReplayError, Replayed, replay};
