//! The other participants: their namespaces, their presence, and whether one of them answers.

mod namespaces;
mod participant;
mod presence;
mod ringing;

pub(crate) use namespaces::Namespaces;
pub(crate) use participant::RemoteParticipant;
pub(crate) use presence::{DISCOVERY_TIME, GLARE_WINDOW};
pub(crate) use ringing::Ringing;
