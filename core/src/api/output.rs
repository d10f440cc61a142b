//! Everything that a call can ask for.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::api::credential::Token;
use crate::api::event::Event;
use crate::api::id::{
    FetchId, NamespaceSubscriptionId, PublicationId, QueryId, SessionId, SubscriptionId, TrackId,
};
use crate::api::media::{FrameNumber, Gap, Location, Object};

/// One thing for the driver to carry out. Outputs are in order; none needs a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "output")]
pub enum Output {
    /// Reach a relay on a fresh endpoint, up to the end of MoQ SETUP. Answered by
    /// [`Input::Connected`](crate::Input::Connected) or [`Input::DialFailed`](crate::Input::DialFailed).
    Dial {
        /// What to call it.
        session: SessionId,
        /// The relay's address, from the configuration or the directory.
        relay: String,
        /// What to show it in SETUP.
        token: Option<Token>,
    },
    /// Ask the application which relays there are. Answered by
    /// [`Input::DirectoryAnswered`](crate::Input::DirectoryAnswered).
    QueryDirectory {
        /// The question.
        query: QueryId,
    },
    /// Remember the list of relays, for the next call
    /// ([`RememberedRelays`](crate::RememberedRelays)).
    RememberDirectory {
        /// Their addresses.
        relays: Vec<String>,
    },
    /// Ask the application for a credential. Answered by
    /// [`Input::CredentialAnswered`](crate::Input::CredentialAnswered) or
    /// [`Input::CredentialFailed`](crate::Input::CredentialFailed).
    QueryCredential {
        /// The question.
        query: QueryId,
        /// The relay that it is for.
        relay: String,
    },
    /// Say what the host can do. Answered by [`Input::HostChecked`](crate::Input::HostChecked).
    CheckHost,
    /// Give up a dial or close a session. Nothing more is wanted from it.
    CloseSession {
        /// The dial or session.
        session: SessionId,
    },
    /// Say what the path's counters are, with [`Input::PathReport`](crate::Input::PathReport), and
    /// send something that the relay must acknowledge.
    ProbePath {
        /// The session.
        session: SessionId,
    },
    /// Move the session's connection to a fresh local socket.
    Migrate {
        /// The session.
        session: SessionId,
    },
    /// Make a track ready to be served, before its namespace is published.
    PublishTrack {
        /// The session.
        session: SessionId,
        /// What to call it.
        publication: PublicationId,
        /// The track's name.
        name: String,
        /// Whether its frames go before everything else that waits to be sent on the session: what is
        /// said now before what is said again.
        expedited: bool,
    },
    /// Publish a namespace (PUBLISH_NAMESPACE) and serve its tracks to whoever subscribes.
    PublishNamespace {
        /// The session.
        session: SessionId,
        /// The fields of the namespace.
        namespace: Vec<String>,
        /// The epoch, its last field.
        epoch: u64,
    },
    /// Send one object; an object in a new group opens a new subgroup stream.
    SendObject {
        /// The publication.
        publication: PublicationId,
        /// The object.
        object: Object,
    },
    /// Say that the track ends here, after how many frames (and object status 0x4, End of Track).
    SendEndOfTrack {
        /// The publication.
        publication: PublicationId,
        /// The location after the last object.
        location: Location,
        /// The number after that of the last frame.
        number: FrameNumber,
    },
    /// Follow a participant: hear of each namespace under the prefix (SUBSCRIBE_NAMESPACE).
    SubscribeNamespace {
        /// The session.
        session: SessionId,
        /// What to call it.
        namespace_subscription: NamespaceSubscriptionId,
        /// The fields of the prefix.
        prefix: Vec<String>,
    },
    /// Subscribe to a track, without a filter.
    Subscribe {
        /// The session.
        session: SessionId,
        /// What to call it.
        subscription: SubscriptionId,
        /// The fields of the namespace.
        namespace: Vec<String>,
        /// The track's name.
        name: String,
    },
    /// End a subscription. Nothing more is wanted from it.
    Unsubscribe {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// Ask for a part of a track (standalone FETCH), at a lower priority than subscriptions have.
    /// Answered by [`Input::FetchedObject`](crate::Input::FetchedObject)s, in order, and
    /// [`Input::FetchEnded`](crate::Input::FetchEnded).
    Fetch {
        /// The session.
        session: SessionId,
        /// What to call it.
        fetch: FetchId,
        /// The fields of the namespace.
        namespace: Vec<String>,
        /// The track's name.
        name: String,
        /// The first location.
        first: Location,
        /// The last location; an object of `u64::MAX` is the last one of its group.
        last: Location,
    },
    /// Give up a FETCH. Nothing more is wanted from it.
    CancelFetch {
        /// The request.
        fetch: FetchId,
    },
    /// Say that a FETCH is answered (FETCH_OK). Its objects follow, and [`Output::EndFetch`].
    AcceptFetch {
        /// The session.
        session: SessionId,
        /// The Request ID that it has there.
        moq_request: u64,
        /// The location of the last object; `None` if there is none.
        last: Option<Location>,
    },
    /// Send one object of an answer.
    FetchObject {
        /// The session.
        session: SessionId,
        /// The Request ID of the FETCH.
        moq_request: u64,
        /// The object.
        object: Object,
    },
    /// End an answer.
    EndFetch {
        /// The session.
        session: SessionId,
        /// The Request ID of the FETCH.
        moq_request: u64,
    },
    /// Refuse a FETCH: there is no such track, or there are too many of them.
    RefuseFetch {
        /// The session.
        session: SessionId,
        /// The Request ID of the FETCH.
        moq_request: u64,
    },
    /// Hand a frame to the application.
    Deliver {
        /// The subscribed track.
        track: TrackId,
        /// The frame, and its place.
        object: Object,
        /// What is missing before it.
        gap: Option<Gap>,
    },
    /// Close the application's stream of this track: nothing more will be delivered on it.
    CloseTrack {
        /// The subscribed track.
        track: TrackId,
    },
    /// Tell the application what happened.
    Event(Event),
}
