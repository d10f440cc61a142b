//! Namespaces: each session of a participant announces `<room>/<participant>/<epoch>`.

use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

/// The fields of the prefix that all namespaces of a participant share.
pub(crate) fn of_participant(room: &str, participant: &str) -> Vec<String> {
    vec![room.into(), participant.into()]
}

/// The fields of the namespace that one session of a participant announces.
pub(crate) fn of_session(room: &str, participant: &str, epoch: u64) -> Vec<String> {
    vec![room.into(), participant.into(), epoch.to_string()]
}
