//! The other participants: their presence, their relay, and whether one of them answers.

mod namespaces;
mod participant;
mod presence;
mod rendezvous;
mod ringing;

pub(crate) use namespaces::Namespaces;
pub(crate) use participant::RemoteParticipant;
pub(crate) use presence::GLARE_WINDOW;
pub(crate) use rendezvous::{
    MissingPeer, NamespaceSubscription, PeersHere, Rendezvous, RendezvousPlan,
};
pub(crate) use ringing::Ringing;
