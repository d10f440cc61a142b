//! The events that are reported to the application (requirement R26).

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{Cause, CauseKind, ErrorCode, Severity};
use crate::api::id::{IncidentId, SessionId, TrackId};
use crate::api::media::Gap;
use crate::api::quality::{Measurement, QualityOf, Rating};
use crate::api::state_name::StateName;
use crate::api::stats::{Outcome, Summary};

/// One piece of news that the application may show, log or act on (requirement R26).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// The call changed its state.
    StateChanged {
        /// The state before.
        from: StateName,
        /// The state now.
        to: StateName,
    },
    /// An incident began: media was lost, or the call moves to another session. Its recovery begins
    /// at once.
    IncidentStarted {
        /// The incident.
        incident: IncidentId,
        /// The root cause.
        cause: Cause,
    },
    /// The session's connection is moved to a fresh local socket.
    PathMigrating {
        /// The incident, if the path is silent; `None` if the host's network changed.
        incident: Option<IncidentId>,
    },
    /// An attempt to reach a relay began: to set up the call or, with an incident, to recover it.
    AttemptStarted {
        /// The incident, if the call was up before.
        incident: Option<IncidentId>,
        /// The number of this attempt, from 1, with those since the last stable session.
        attempt: u32,
        /// The number of attempts that the policy allows.
        of: u32,
        /// The dial, which becomes the session.
        session: SessionId,
        /// The address of the relay.
        relay: String,
    },
    /// An attempt led to a session. The attempts that raced it are abandoned.
    AttemptSucceeded {
        /// The incident, if the call was up before.
        incident: Option<IncidentId>,
        /// The session.
        session: SessionId,
    },
    /// An attempt failed: its dial, or its session before the call was live on it.
    AttemptFailed {
        /// The incident, if the call was up before.
        incident: Option<IncidentId>,
        /// The dial, or its session.
        session: SessionId,
        /// The cause.
        cause: Cause,
    },
    /// An incident is over, and the call continues.
    Recovered {
        /// The incident.
        incident: IncidentId,
        /// The time since the incident was detected.
        duration: Duration,
        /// How many attempts were made; 0 if the old path came back first.
        attempts: u32,
    },
    /// A session that works is being replaced, as planned. The call continues on it meanwhile.
    SessionReplacing {
        /// Why: [`CauseKind::Requested`](crate::error::CauseKind::Requested), or
        /// [`CauseKind::CredentialRenewed`](crate::error::CauseKind::CredentialRenewed).
        cause: CauseKind,
    },
    /// Another session carries the call. Nothing was interrupted.
    SessionReplaced {
        /// The time since the planned change began.
        duration: Duration,
        /// How many attempts were made.
        attempts: u32,
    },
    /// The planned change failed, and the call continues on its session.
    SessionKept {
        /// Why the last attempt failed.
        cause: Cause,
    },
    /// A participant that we listen to is online: it announced a namespace.
    ParticipantJoined {
        /// The participant's name in the room.
        participant: String,
        /// Whether the participant had been online before.
        rejoined: bool,
    },
    /// A participant that we listen to is away: its namespace has been gone for 2 s. It may come
    /// back.
    ParticipantAway {
        /// The participant's name in the room.
        participant: String,
    },
    /// No participant has answered yet, and the next try to be answered begins.
    Ringing {
        /// The number of the try that begins, from 2.
        attempt: u32,
        /// The number of all tries.
        of: u32,
    },
    /// A problem that the user can act on. The call continues.
    Notice {
        /// The error code.
        code: ErrorCode,
        /// The track that has the problem, if it is one track.
        track: Option<TrackId>,
        /// A detail for a developer.
        detail: String,
    },
    /// A safety alert was raised.
    SafetyAlert {
        /// The description.
        detail: String,
    },
    /// A participant that we listen to has been away for
    /// [`Config::rejoin_timeout`](crate::Config::rejoin_timeout), and counts as gone.
    ParticipantLeft {
        /// The participant's name in the room.
        participant: String,
    },
    /// A subscribed track is ready on a new subscription: its first object arrived, or the
    /// subscription stayed alive for 300 ms after the relay accepted it (requirement R1).
    TrackReady {
        /// The track.
        track: TrackId,
        /// The time since the subscription was requested.
        latency: Duration,
    },
    /// The subscription of a ready track ended while the session is up. The track is subscribed to
    /// again.
    TrackInterrupted {
        /// The track.
        track: TrackId,
    },
    /// Frames will not be delivered. The event precedes the next frame that is delivered.
    Gap {
        /// The track.
        track: TrackId,
        /// The frames, and why.
        gap: Gap,
    },
    /// Missing frames of a track were recovered, at least in part.
    TrackRepaired {
        /// The track.
        track: TrackId,
        /// How many frames were recovered.
        frames: u64,
        /// How long later frames waited for them.
        duration: Duration,
    },
    /// A track brings no frames and its publisher does not answer, although the session is healthy:
    /// the publisher has an outage.
    TrackStalled {
        /// The track.
        track: TrackId,
    },
    /// A stalled track brings frames again, or its publisher answers.
    TrackResumed {
        /// The track.
        track: TrackId,
        /// How long the track was stalled.
        after: Duration,
    },
    /// A track cannot be published or subscribed to. The call continues without it.
    TrackRefused {
        /// The track.
        track: TrackId,
        /// The problem, for a developer.
        problem: String,
    },
    /// A rating changed.
    QualityChanged {
        /// The session, or the kind of media.
        of: QualityOf,
        /// The rating before; `None` if this is the first one.
        from: Option<Rating>,
        /// The rating now.
        to: Rating,
        /// The measurement that the rating results from.
        measured: Measurement,
    },
    /// The publisher ended the track, and each of its frames was delivered or abandoned.
    TrackFinished {
        /// The track.
        track: TrackId,
    },
    /// The call is over. This event is the last one, and there is exactly one.
    Ended {
        /// How the call ended, and what happened in it.
        summary: Box<Summary>,
    },
}

impl Event {
    /// The severity of a problem: a notice is a warning, a failed call is fatal. `None` if the
    /// event is no problem.
    pub fn severity(&self) -> Option<Severity> {
        match self {
            Self::Notice { .. } => Some(Severity::Warning),
            Self::Ended { summary } => match &summary.outcome {
                Outcome::Failed(error) => Some(error.severity()),
                Outcome::Completed | Outcome::Idle => None,
            },
            Self::StateChanged { .. }
            | Self::IncidentStarted { .. }
            | Self::PathMigrating { .. }
            | Self::AttemptStarted { .. }
            | Self::AttemptSucceeded { .. }
            | Self::AttemptFailed { .. }
            | Self::Recovered { .. }
            | Self::SessionReplacing { .. }
            | Self::SessionReplaced { .. }
            | Self::SessionKept { .. }
            | Self::ParticipantJoined { .. }
            | Self::ParticipantAway { .. }
            | Self::Ringing { .. }
            | Self::SafetyAlert { .. }
            | Self::ParticipantLeft { .. }
            | Self::TrackReady { .. }
            | Self::TrackInterrupted { .. }
            | Self::Gap { .. }
            | Self::TrackRepaired { .. }
            | Self::TrackStalled { .. }
            | Self::TrackResumed { .. }
            | Self::TrackRefused { .. }
            | Self::QualityChanged { .. }
            | Self::TrackFinished { .. } => None,
        }
    }
}
