//! Tracks of other participants: subscriptions, the order of frames, gaps and their repair.

mod gaps;
mod lateness;
mod readiness;
mod reception;
mod reorder_buffer;
mod repair;
mod stall_detector;
mod subscription;
mod track;

pub(crate) use subscription::{Source, Subscription};
pub(crate) use track::SubscribedTrack;
