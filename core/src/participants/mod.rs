//! The other participants: who is online, on which relay, and whether somebody answers.

mod participant;
mod presence;
mod rendezvous;
mod ringing;

pub(crate) use participant::RemoteParticipant;
pub(crate) use presence::GLARE_WINDOW;
pub(crate) use rendezvous::{
    MissingPeer, NamespaceSubscription, PeersHere, Rendezvous, RendezvousPlan,
};
pub(crate) use ringing::Ringing;
