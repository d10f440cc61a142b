//! The outputs of the state machine.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::api::credential::Token;
use crate::api::event::Event;
use crate::api::id::{
    FetchId, NamespaceSubscriptionId, PublicationId, QueryId, SessionId, SubscriptionId, TrackId,
};
use crate::api::media::{FrameNumber, Gap, Location, Object};

/// One thing for the driver to do.
///
/// The driver carries out outputs in their order, and no output needs a decision. The driver uses
/// each new identifier of an output in the inputs that respond to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "output")]
pub enum Output {
    /// Dial a relay from a fresh endpoint, up to the end of MoQ SETUP. The response is
    /// [`Input::Connected`](crate::Input::Connected) or
    /// [`Input::DialFailed`](crate::Input::DialFailed).
    Dial {
        /// The new dial.
        session: SessionId,
        /// The relay's address, from the configuration or the provider.
        relay: String,
        /// The token to present in SETUP.
        token: Option<Token>,
    },
    /// Query the application's provider for relays. The response is
    /// [`Input::DirectoryAnswered`](crate::Input::DirectoryAnswered).
    QueryDirectory {
        /// The new query.
        query: QueryId,
    },
    /// Store the list of relays for the next call
    /// ([`RememberedRelays`](crate::config::RememberedRelays)).
    RememberDirectory {
        /// The relays' addresses.
        relays: Vec<String>,
    },
    /// Query the application's provider for a credential. The response is
    /// [`Input::CredentialAnswered`](crate::Input::CredentialAnswered) or
    /// [`Input::CredentialFailed`](crate::Input::CredentialFailed).
    QueryCredential {
        /// The new query.
        query: QueryId,
        /// The relay that the credential is for.
        relay: String,
    },
    /// Check the capabilities of the host. The response is
    /// [`Input::HostChecked`](crate::Input::HostChecked).
    CheckHost,
    /// Abandon a dial, or close a session. The core needs no more inputs from it.
    CloseSession {
        /// The dial or session.
        session: SessionId,
    },
    /// Probe a session's path: send a packet that the relay must acknowledge, and report the path's
    /// counters with [`Input::PathReport`](crate::Input::PathReport).
    ProbePath {
        /// The session.
        session: SessionId,
    },
    /// Move a session's connection to a fresh local socket (RFC 9000, section 9).
    Migrate {
        /// The session.
        session: SessionId,
    },
    /// Prepare to serve a track under the session's namespace. Tracks that exist when a session
    /// begins are prepared before the namespace is published.
    PublishTrack {
        /// The session.
        session: SessionId,
        /// The new publication.
        publication: PublicationId,
        /// The track's name.
        name: String,
        /// Whether its frames are sent before everything else that waits on the session, so that
        /// live speech is sent before retransmitted frames.
        expedited: bool,
    },
    /// Publish a namespace (PUBLISH_NAMESPACE), and serve its tracks to every subscriber. The
    /// response is [`Input::NamespaceAccepted`](crate::Input::NamespaceAccepted) or
    /// [`Input::NamespaceRefused`](crate::Input::NamespaceRefused).
    PublishNamespace {
        /// The session.
        session: SessionId,
        /// The fields of the namespace.
        namespace: Vec<String>,
        /// The epoch, the last field of the namespace.
        epoch: u64,
    },
    /// Send one object. The first object of a group opens a new subgroup stream.
    SendObject {
        /// The publication.
        publication: PublicationId,
        /// The object.
        object: Object,
    },
    /// Announce the end of a track: the number of its end, then an object of status 0x4 (End of
    /// Track).
    SendEndOfTrack {
        /// The publication.
        publication: PublicationId,
        /// The location after the last object.
        location: Location,
        /// The number after that of the last frame.
        number: FrameNumber,
    },
    /// Subscribe to a participant's namespaces (SUBSCRIBE_NAMESPACE). The relay then reports each
    /// namespace under the prefix.
    SubscribeNamespace {
        /// The session.
        session: SessionId,
        /// The new namespace subscription.
        namespace_subscription: NamespaceSubscriptionId,
        /// The fields of the prefix.
        prefix: Vec<String>,
    },
    /// Subscribe to a track, without a filter.
    Subscribe {
        /// The session.
        session: SessionId,
        /// The new subscription.
        subscription: SubscriptionId,
        /// The fields of the namespace.
        namespace: Vec<String>,
        /// The track's name.
        name: String,
    },
    /// End a subscription. The core needs no more inputs from it.
    Unsubscribe {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// Request a range of a track (standalone FETCH). The response is any number of
    /// [`Input::FetchedObject`](crate::Input::FetchedObject), in order, and then
    /// [`Input::FetchEnded`](crate::Input::FetchEnded).
    Fetch {
        /// The session.
        session: SessionId,
        /// The new FETCH.
        fetch: FetchId,
        /// The fields of the namespace.
        namespace: Vec<String>,
        /// The track's name.
        name: String,
        /// The first location of the range.
        first: Location,
        /// The last location of the range, included; an object of `u64::MAX` is the last one of its
        /// group.
        last: Location,
    },
    /// Cancel a FETCH of ours. The core needs no more inputs from it.
    CancelFetch {
        /// The FETCH.
        fetch: FetchId,
    },
    /// Accept a listener's FETCH (FETCH_OK). Its objects follow, and then [`Output::EndFetch`].
    AcceptFetch {
        /// The session.
        session: SessionId,
        /// The Request ID of the FETCH.
        moq_request: u64,
        /// The location of the last object of the response; `None` if there is none.
        last: Option<Location>,
    },
    /// Send one object of a FETCH response.
    FetchObject {
        /// The session.
        session: SessionId,
        /// The Request ID of the FETCH.
        moq_request: u64,
        /// The object.
        object: Object,
    },
    /// End a FETCH response.
    EndFetch {
        /// The session.
        session: SessionId,
        /// The Request ID of the FETCH.
        moq_request: u64,
    },
    /// Refuse a listener's FETCH: the track does not exist, or too many FETCHes are waiting.
    RefuseFetch {
        /// The session.
        session: SessionId,
        /// The Request ID of the FETCH.
        moq_request: u64,
    },
    /// Deliver a frame to the application.
    Deliver {
        /// The subscribed track.
        track: TrackId,
        /// The frame, with its place in the track.
        object: Object,
        /// The frames that are missing in front of this one.
        gap: Option<Gap>,
    },
    /// Close the application's stream of a track: no more frames will be delivered on it.
    CloseTrack {
        /// The subscribed track.
        track: TrackId,
    },
    /// Report an event to the application.
    Event(Event),
}
