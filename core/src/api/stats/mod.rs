//! Counters of a call, its record, and its summary.
//!
//! [`Stats`] is a snapshot while a call lives. [`Summary`] is all that remains when it is over: the
//! [`Outcome`], the [`CallRecord`] and the last [`Stats`].
//!
//! Requirement numbers (R27) are those of `docs/REQUIREMENTS.md`.

mod call_record;
mod counters;
mod histogram;
mod summary;
mod telemetry;

pub(crate) use call_record::cut;
pub use call_record::{CallRecord, CallStatus, ParticipantRecord, SafetyAlert};
pub use counters::{
    Evicted, PublishedCounters, PublishedTrackStats, SubscribedCounters, SubscribedTrackStats,
};
pub use histogram::Histogram;
pub use summary::{Outcome, Stats, Summary};
pub use telemetry::Telemetry;
