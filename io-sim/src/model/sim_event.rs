//! What can happen at a moment of the model's time.

use holdline_core::{RequestId, SessionId};

use super::connection::ConnId;
use super::relay::{Reply, Request};
use crate::conditions::AppAction;

#[derive(Clone, Debug)]
pub(super) enum SimEvent {
    Begin(usize),
    /// The process in that life of a participant says its next frame.
    Speak(usize, usize),
    Connected(ConnId),
    AtRelay(ConnId, Request),
    AtParticipant(ConnId, Reply),
    RelayForgets(ConnId),
    ParticipantForgets(ConnId),
    /// A session ended that the participant has left.
    Outdated(usize, SessionId),
    /// To the process in that life of a participant.
    DirectoryAnswers(usize, usize, RequestId),
    RelayCrashes(usize),
    AppAction(usize, AppAction),
    Killed(usize),
    Finish,
    Close,
}
