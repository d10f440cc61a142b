//! The other participants: who is online, on which relay, and whether somebody answers.

mod participant;
mod presence;
mod rendezvous;
mod ringing;

pub(crate) use participant::Followed;
pub(crate) use presence::CROSSING;
pub(crate) use rendezvous::{Company, Lookout, Missed, Missing, Search};
pub(crate) use ringing::Answer;
