//! Identifiers of sessions, requests and tracks.
//!
//! The core mints them in its outputs, and the driver returns them in its inputs. An outdated one
//! changes nothing. Only a [`TrackId`] is chosen by the application's side.

use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// One dial to a relay, and the MoQ session that results from it.
    SessionId,
    "session-"
);
id!(
    /// One SUBSCRIBE request on one session.
    SubscriptionId,
    "subscription-"
);
id!(
    /// One FETCH request on one session.
    FetchId,
    "fetch-"
);
id!(
    /// One published track on one session.
    PublicationId,
    "publication-"
);
id!(
    /// One SUBSCRIBE_NAMESPACE request on one session, for the namespaces of one participant.
    NamespaceSubscriptionId,
    "namespace-subscription-"
);
id!(
    /// One query to the application's provider of relays or of credentials.
    QueryId,
    "query-"
);
id!(
    /// One loss of media, from its detection to recovered or terminal.
    IncidentId,
    "incident-"
);
id!(
    /// The application's handle to a track, published or subscribed. The application's side chooses
    /// this identifier, because the handle outlives every session.
    TrackId,
    "track-"
);

/// Mints identifiers. No number is used twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mint(u64);

impl Mint {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
