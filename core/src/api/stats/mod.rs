//! What a call amounts to: its record, its counters, and its summary when it ends.

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
