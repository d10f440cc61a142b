//! Everything that a call can ask for.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::credentials::Token;
use crate::event::Event;
use crate::id::{PublicationId, RequestId, SessionId, SubscriptionId, TrackId, WatchId};
use crate::media::{Frame, Location};

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
    AskDirectory {
        /// The question.
        request: RequestId,
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
    AskCredential {
        /// The question.
        request: RequestId,
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
        /// Where it stands in the track.
        location: Location,
        /// What it carries.
        frame: Frame,
    },
    /// Say that the track ends here (object status 0x4, End of Track).
    SendEndOfTrack {
        /// The publication.
        publication: PublicationId,
        /// The location after the last object.
        location: Location,
    },
    /// Follow a participant: hear of each namespace under the prefix (SUBSCRIBE_NAMESPACE).
    Watch {
        /// The session.
        session: SessionId,
        /// What to call it.
        watch: WatchId,
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
    /// Hand a frame to the application.
    Deliver {
        /// The subscribed track.
        track: TrackId,
        /// Where it stands in the track.
        location: Location,
        /// The frame.
        frame: Frame,
    },
    /// Close the application's stream of this track: nothing more will be delivered on it.
    CloseTrack {
        /// The subscribed track.
        track: TrackId,
    },
    /// Tell the application what happened.
    Event(Event),
}
