//! What the application hears about its call (requirement R26).

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{Cause, ErrorCode, Severity};
use crate::api::id::{IncidentId, SessionId, TrackId};
use crate::api::media::Gap;
use crate::api::quality::{Measurement, QualityOf, Rating};
use crate::api::state_name::StateName;
use crate::api::stats::{Outcome, Summary};

/// One thing that the application may want to show, log or act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// The call moved from one state to another.
    StateChanged {
        /// From.
        from: StateName,
        /// To.
        to: StateName,
    },
    /// Media was lost: an incident begins, and so does its recovery.
    IncidentStarted {
        /// The incident.
        incident: IncidentId,
        /// Its root cause.
        cause: Cause,
    },
    /// The session's connection moves to a fresh local socket.
    PathMigrating {
        /// The incident, if the path is silent; none if the host's network changed.
        incident: Option<IncidentId>,
    },
    /// An attempt to reach a relay begins: to set the call up, or (with an incident) to recover it.
    AttemptStarted {
        /// The incident, if the call was up before.
        incident: Option<IncidentId>,
        /// Which attempt, from 1.
        attempt: u32,
        /// How many the policy allows.
        of: u32,
        /// The session that it is to become.
        session: SessionId,
        /// The relay.
        relay: String,
    },
    /// An attempt has become a session. Those that raced it are given up.
    AttemptSucceeded {
        /// The incident, if the call was up before.
        incident: Option<IncidentId>,
        /// The session.
        session: SessionId,
    },
    /// An attempt ended without a session that carries the call.
    AttemptFailed {
        /// The incident, if the call was up before.
        incident: Option<IncidentId>,
        /// The session that it was to become, or was for a moment.
        session: SessionId,
        /// Why.
        cause: Cause,
    },
    /// The incident is over: the call goes on.
    Recovered {
        /// The incident.
        incident: IncidentId,
        /// From detection to now.
        duration: Duration,
        /// How many attempts it took; 0 if the old path came back first.
        attempts: u32,
    },
    /// A participant that we listen to is there (it announced a namespace).
    ParticipantJoined {
        /// Who.
        participant: String,
        /// Whether it had been here before.
        rejoined: bool,
    },
    /// A participant that we listen to is not there, and may come back.
    ParticipantAway {
        /// Who.
        participant: String,
    },
    /// Nobody has answered yet; the call goes on ringing.
    Ringing {
        /// Which try begins, from 2.
        attempt: u32,
        /// How many there are.
        of: u32,
    },
    /// Something that the user can do something about. The call goes on.
    Notice {
        /// What it is.
        code: ErrorCode,
        /// The track that it is about, if it is about one.
        track: Option<TrackId>,
        /// For a developer.
        detail: String,
    },
    /// A safety alert was raised.
    SafetyAlert {
        /// What was said of it.
        detail: String,
    },
    /// A participant that we listen to has been away for so long that it is declared gone.
    ParticipantLeft {
        /// Who.
        participant: String,
    },
    /// The first object of a subscribed track arrived on this subscription: it is ready (R1).
    TrackReady {
        /// The track.
        track: TrackId,
        /// From the request for it to now.
        latency: Duration,
    },
    /// A subscribed track ended or was refused while the session is healthy; it is asked for again.
    TrackInterrupted {
        /// The track.
        track: TrackId,
    },
    /// Frames will not be delivered. Comes before the frame that follows them.
    Gap {
        /// The track.
        track: TrackId,
        /// What is missing, and why.
        gap: Gap,
    },
    /// What was missing of a track was got back, as far as it could be.
    TrackRepaired {
        /// The track.
        track: TrackId,
        /// How many frames were got back.
        frames: u64,
        /// For how long they kept others waiting.
        duration: Duration,
    },
    /// The publisher of a track has fallen silent and does not answer, while the session is healthy:
    /// the outage is theirs.
    TrackStalled {
        /// The track.
        track: TrackId,
    },
    /// The publisher of a stalled track is heard again, or answers.
    TrackResumed {
        /// The track.
        track: TrackId,
        /// How long it was stalled.
        after: Duration,
    },
    /// A track cannot be published or subscribed to as asked. The call goes on without it.
    TrackRefused {
        /// The track.
        track: TrackId,
        /// Why, naming what is wrong.
        problem: String,
    },
    /// A rating changed.
    QualityChanged {
        /// Of what.
        of: QualityOf,
        /// The rating before; `None` if this is the first.
        from: Option<Rating>,
        /// The rating now.
        to: Rating,
        /// What it was made from.
        measured: Measurement,
    },
    /// The publisher has said everything that it had to say on this track.
    TrackFinished {
        /// The track.
        track: TrackId,
    },
    /// The call is over. Exactly one, and nothing after it.
    Ended {
        /// How it ended and what happened in it.
        summary: Box<Summary>,
    },
}

impl Event {
    /// How bad it is, if it is a problem: a notice is a warning, a call that failed is fatal.
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
