//! What can happen at a moment of the model's time.

use holdline_core::{RequestId, SessionId};

use super::connection::ConnId;
use super::relay::{Reply, Request};
use crate::conditions::AppAction;

#[derive(Clone, Debug)]
pub(super) enum SimEvent {
    StartProcess(usize),
    /// The process in that life of a participant says its next frame.
    SendFrames(usize, usize),
    Connected(ConnId),
    AtRelay(ConnId, Request),
    AtParticipant(ConnId, Reply),
    RelayTimesOut(ConnId),
    ParticipantTimesOut(ConnId),
    /// A session ended that the participant has left.
    StaleSessionClosed(usize, SessionId),
    /// To the process in that life of a participant.
    DirectoryAnswers(usize, usize, RequestId),
    RelayCrashes(usize),
    AppAction(usize, AppAction),
    KillProcess(usize),
    FinishTracks,
    CloseCalls,
}
