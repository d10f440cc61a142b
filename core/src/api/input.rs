//! Everything that a call can be told.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::api::credential::Credential;
use crate::api::error::Cause;
use crate::api::id::{
    FetchId, NamespaceSubscriptionId, PublicationId, QueryId, SessionId, SubscriptionId, TrackId,
};
use crate::api::media::{FetchEnd, Frame, FrameNumber, Location, Object, Track};
use crate::api::pre_call::HostReport;

/// One thing that happened: the application asked for something, the network reported something,
/// or time passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "input")]
pub enum Input {
    /// The application starts the call. Only the first one counts.
    Connect,
    /// The application publishes a track.
    Publish {
        /// The application's handle.
        track: TrackId,
        /// Its name within our namespace, what it carries, and how much of it is retained.
        description: Track,
    },
    /// The application listens to a track of `participant`.
    Subscribe {
        /// The application's handle.
        track: TrackId,
        /// The publisher's name in the room.
        participant: String,
        /// Its name within the participant's namespace, what it carries, and how it is delivered.
        description: Track,
    },
    /// The application has one frame to send.
    Send {
        /// The published track.
        track: TrackId,
        /// The frame.
        frame: Frame,
    },
    /// The application will send nothing more on this track.
    Finish {
        /// The published track.
        track: TrackId,
    },
    /// The application no longer listens to this track.
    Unsubscribe {
        /// The subscribed track.
        track: TrackId,
    },
    /// The application cannot capture or play a track.
    MediaDeviceError {
        /// The track.
        track: TrackId,
        /// What is wrong, for a developer.
        detail: String,
    },
    /// Somebody raised a safety alert.
    SafetyAlert {
        /// What there is to say of it.
        detail: String,
    },
    /// The application wants a fresh session now (R18).
    ReconnectNow,
    /// The application ends the call.
    Close,
    /// Time has passed: the deadline was reached.
    Tick,
    /// A dial succeeded: QUIC is up and MoQ SETUP is done.
    Connected {
        /// The dial, now a session.
        session: SessionId,
    },
    /// A dial failed.
    DialFailed {
        /// The dial.
        session: SessionId,
        /// Why.
        cause: Cause,
    },
    /// A session ended without our asking.
    SessionClosed {
        /// The session.
        session: SessionId,
        /// Why.
        cause: Cause,
    },
    /// Which relays there are, as the application says.
    DirectoryAnswered {
        /// The question.
        query: QueryId,
        /// Their addresses, as the driver understands them; none if nobody could say.
        relays: Vec<String>,
    },
    /// The application has a credential.
    CredentialAnswered {
        /// The question.
        query: QueryId,
        /// The credential.
        credential: Credential,
    },
    /// The application has no credential.
    CredentialFailed {
        /// The question.
        query: QueryId,
        /// Why.
        cause: Cause,
    },
    /// What the host can do.
    HostChecked {
        /// What it can do.
        host: HostReport,
    },
    /// The host's network changed: another interface, another address.
    NetworkChanged,
    /// What the path's counters say, asked for by [`Output::ProbePath`](crate::Output::ProbePath).
    PathReport {
        /// The session.
        session: SessionId,
        /// UDP datagrams received since the session began.
        received: u64,
        /// ACK frames received since the session began.
        acknowledged: u64,
        /// Smoothed round-trip time in microseconds (RFC 9002 section 5.3).
        rtt_micros: u64,
    },
    /// The relay accepted our namespace (REQUEST_OK to PUBLISH_NAMESPACE).
    NamespaceAccepted {
        /// The session.
        session: SessionId,
        /// The epoch that the namespace ends in.
        epoch: u64,
    },
    /// The relay refused our namespace, or withdrew it.
    NamespaceRefused {
        /// The session.
        session: SessionId,
        /// The epoch that the namespace ends in.
        epoch: u64,
    },
    /// A published track cannot go on, on a session that is still up.
    PublicationEnded {
        /// The publication.
        publication: PublicationId,
    },
    /// The relay follows a participant for us (REQUEST_OK to SUBSCRIBE_NAMESPACE).
    NamespaceSubscriptionAccepted {
        /// The watch.
        namespace_subscription: NamespaceSubscriptionId,
    },
    /// The relay no longer follows a participant for us, or refused to.
    NamespaceSubscriptionEnded {
        /// The watch.
        namespace_subscription: NamespaceSubscriptionId,
    },
    /// A participant announced a namespace.
    NamespaceAdded {
        /// The watch that saw it.
        namespace_subscription: NamespaceSubscriptionId,
        /// The epoch that the namespace ends in.
        epoch: u64,
    },
    /// A participant's namespace is gone.
    NamespaceRemoved {
        /// The watch that saw it.
        namespace_subscription: NamespaceSubscriptionId,
        /// The epoch that the namespace ends in.
        epoch: u64,
    },
    /// SUBSCRIBE_OK. Not readiness: a stale namespace answers it too (R1).
    SubscriptionAccepted {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// A subscription was refused or ended, on a session that is still up.
    SubscriptionEnded {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// An object arrived.
    Object {
        /// The subscription.
        subscription: SubscriptionId,
        /// The object.
        object: Object,
    },
    /// The publisher said that the track ends here.
    EndOfTrack {
        /// The subscription.
        subscription: SubscriptionId,
        /// The number that the next frame would have had.
        number: FrameNumber,
    },
    /// An object arrived that was asked for by [`Output::Fetch`](crate::Output::Fetch).
    FetchedObject {
        /// The request.
        fetch: FetchId,
        /// The object.
        object: Object,
    },
    /// Nothing more comes by a request.
    FetchEnded {
        /// The request.
        fetch: FetchId,
        /// How it ended.
        end: FetchEnd,
    },
    /// A listener asks for a part of a track of ours (FETCH).
    FetchRequested {
        /// The session.
        session: SessionId,
        /// The Request ID that it has there.
        moq_request: u64,
        /// The track's name.
        name: String,
        /// The first location.
        first: Location,
        /// The last location.
        last: Location,
    },
    /// A listener no longer wants an answer.
    FetchCancelled {
        /// The session.
        session: SessionId,
        /// The Request ID that it has there.
        moq_request: u64,
    },
}

/// Commands about tracks.
impl Input {
    /// The application publishes a track.
    pub const fn publish(track: TrackId, description: Track) -> Self {
        Self::Publish { track, description }
    }

    /// The application listens to a track of `participant`.
    pub fn subscribe(track: TrackId, participant: impl Into<String>, description: Track) -> Self {
        Self::Subscribe { track, participant: participant.into(), description }
    }
}
