//! The events of the model, which happen at one moment of simulated time.

use holdline_core::id::{QueryId, SessionId};

use super::connection::ConnId;
use super::relay::{Reply, Request};
use crate::conditions::AppAction;

#[derive(Clone, Debug)]
pub(super) enum SimEvent {
    StartProcess(usize),
    /// The participant sends its next frames, in the call with this index.
    SendFrames(usize, usize),
    Connected(ConnId),
    AtRelay(ConnId, Request),
    AtParticipant(ConnId, Reply),
    RelayTimesOut(ConnId),
    ParticipantTimesOut(ConnId),
    /// A session closed that the participant had already closed itself.
    StaleSessionClosed(usize, SessionId),
    /// The directory answers the participant's call with this index.
    DirectoryAnswers(usize, usize, QueryId),
    RelayCrashes(usize),
    AppAction(usize, AppAction),
    KillProcess(usize),
    FinishTracks,
    CloseCalls,
}
