//! The inputs of the state machine.

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

/// One thing that happened: a command of the application, a report of the driver, or the passing of
/// time.
///
/// [`Input::Connect`] to [`Input::Close`] are commands. The inputs after [`Input::Tick`] are
/// reports, most of them responses to an [`Output`](crate::Output).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "input")]
pub enum Input {
    /// The application starts the call. Only the first such input counts.
    Connect,
    /// The application publishes a track. [`Event::TrackRefused`](crate::Event::TrackRefused)
    /// reports a track that cannot be published.
    Publish {
        /// The application's handle.
        track: TrackId,
        /// Its name within our namespace, its kind of media, and its retention.
        description: Track,
    },
    /// The application subscribes to a track of `participant`.
    /// [`Event::TrackRefused`](crate::Event::TrackRefused) reports a track that it cannot have.
    Subscribe {
        /// The application's handle.
        track: TrackId,
        /// The publisher's name in the room.
        participant: String,
        /// Its name within the participant's namespace, its kind of media, delivery and retention.
        description: Track,
    },
    /// The application sends one frame.
    Send {
        /// The published track.
        track: TrackId,
        /// The frame.
        frame: Frame,
    },
    /// The application will send no more frames on this track.
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
        /// The problem, for a developer; cut at
        /// [`CallRecord::LONGEST_DETAIL`](crate::stats::CallRecord::LONGEST_DETAIL) bytes.
        detail: String,
    },
    /// The application raises a safety alert.
    SafetyAlert {
        /// The description; cut at
        /// [`CallRecord::LONGEST_DETAIL`](crate::stats::CallRecord::LONGEST_DETAIL) bytes.
        detail: String,
    },
    /// The application wants a fresh session now (requirement R18).
    ReconnectNow,
    /// The application ends the call.
    Close,
    /// Time passed: the deadline is reached.
    Tick,
    /// A dial succeeded: QUIC is up, and MoQ SETUP is complete.
    Connected {
        /// The dial, which is a session now.
        session: SessionId,
    },
    /// A dial failed.
    DialFailed {
        /// The dial.
        session: SessionId,
        /// The cause.
        cause: Cause,
    },
    /// A session ended, but not by [`Output::CloseSession`](crate::Output::CloseSession).
    SessionClosed {
        /// The session.
        session: SessionId,
        /// The cause.
        cause: Cause,
    },
    /// The provider of relays answered.
    DirectoryAnswered {
        /// The query.
        query: QueryId,
        /// The relays' addresses, in the format of the driver; empty if the provider has none. Only
        /// the first 16 are used.
        relays: Vec<String>,
    },
    /// The provider of credentials answered.
    CredentialAnswered {
        /// The query.
        query: QueryId,
        /// The credential.
        credential: Credential,
    },
    /// The provider has no credential.
    CredentialFailed {
        /// The query.
        query: QueryId,
        /// The cause.
        cause: Cause,
    },
    /// The host was checked, as requested by [`Output::CheckHost`](crate::Output::CheckHost).
    HostChecked {
        /// The capabilities of the host.
        host: HostReport,
    },
    /// The host's network changed: another interface, another address.
    NetworkChanged,
    /// The counters of a path, requested by [`Output::ProbePath`](crate::Output::ProbePath).
    PathReport {
        /// The session.
        session: SessionId,
        /// UDP datagrams received since the session began.
        received: u64,
        /// ACK frames received since the session began.
        acknowledged: u64,
        /// Smoothed round-trip time in microseconds (RFC 9002, section 5.3).
        rtt_micros: u64,
    },
    /// The relay accepted our namespace (REQUEST_OK to PUBLISH_NAMESPACE).
    NamespaceAccepted {
        /// The session.
        session: SessionId,
        /// The epoch, the last field of the namespace.
        epoch: u64,
    },
    /// The relay refused our namespace, or withdrew it later.
    NamespaceRefused {
        /// The session.
        session: SessionId,
        /// The epoch, the last field of the namespace.
        epoch: u64,
    },
    /// A published track cannot continue on a session that is still up.
    PublicationEnded {
        /// The publication.
        publication: PublicationId,
    },
    /// The relay accepted a namespace subscription (REQUEST_OK to SUBSCRIBE_NAMESPACE).
    NamespaceSubscriptionAccepted {
        /// The namespace subscription.
        namespace_subscription: NamespaceSubscriptionId,
    },
    /// The relay refused a namespace subscription, or ended it later.
    NamespaceSubscriptionEnded {
        /// The namespace subscription.
        namespace_subscription: NamespaceSubscriptionId,
    },
    /// A participant announced a namespace.
    NamespaceAdded {
        /// The namespace subscription that reports it.
        namespace_subscription: NamespaceSubscriptionId,
        /// The epoch, the last field of the namespace.
        epoch: u64,
    },
    /// A participant's namespace is gone.
    NamespaceRemoved {
        /// The namespace subscription that reports it.
        namespace_subscription: NamespaceSubscriptionId,
        /// The epoch, the last field of the namespace.
        epoch: u64,
    },
    /// The relay accepted a subscription (SUBSCRIBE_OK). The track is not ready yet, because a
    /// relay sends SUBSCRIBE_OK for a stale namespace too (requirement R1).
    SubscriptionAccepted {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// A subscription was refused or ended on a session that is still up.
    SubscriptionEnded {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// An object arrived by subscription.
    Object {
        /// The subscription.
        subscription: SubscriptionId,
        /// The object.
        object: Object,
    },
    /// The publisher announced the end of a track.
    EndOfTrack {
        /// The subscription.
        subscription: SubscriptionId,
        /// The number that the next frame would have had.
        number: FrameNumber,
    },
    /// An object arrived that [`Output::Fetch`](crate::Output::Fetch) requested.
    FetchedObject {
        /// The FETCH.
        fetch: FetchId,
        /// The object.
        object: Object,
    },
    /// A FETCH ended: no more objects arrive by it.
    FetchEnded {
        /// The FETCH.
        fetch: FetchId,
        /// How the FETCH ended.
        end: FetchEnd,
    },
    /// A listener requests a range of one of our tracks (FETCH).
    FetchRequested {
        /// The session.
        session: SessionId,
        /// The Request ID of the FETCH on that session.
        moq_request: u64,
        /// The track's name.
        name: String,
        /// The first location of the range.
        first: Location,
        /// The last location of the range, included; an object of `u64::MAX` is the last one of its
        /// group.
        last: Location,
    },
    /// A listener cancelled its FETCH.
    FetchCancelled {
        /// The session.
        session: SessionId,
        /// The Request ID of the FETCH on that session.
        moq_request: u64,
    },
}

/// Commands of the application about its tracks.
impl Input {
    /// The command to publish a track.
    pub const fn publish(track: TrackId, description: Track) -> Self {
        Self::Publish { track, description }
    }

    /// The command to subscribe to a track of `participant`.
    pub fn subscribe(track: TrackId, participant: impl Into<String>, description: Track) -> Self {
        Self::Subscribe { track, participant: participant.into(), description }
    }
}
