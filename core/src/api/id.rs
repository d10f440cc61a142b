//! Identifiers. The core mints them, the driver echoes them back, and an outdated one changes nothing.

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
    /// One try to reach a relay, and the MoQ session that it becomes when it succeeds.
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
    /// One track offered to the relay on one session.
    PublicationId,
    "publication-"
);
id!(
    /// One SUBSCRIBE_NAMESPACE request on one session, following one participant.
    NamespaceSubscriptionId,
    "namespace-subscription-"
);
id!(
    /// One question to whoever knows the relays or hands out credentials.
    QueryId,
    "query-"
);
id!(
    /// One loss of media, from detection to recovered or terminal.
    IncidentId,
    "incident-"
);
id!(
    /// A track of the application, published or subscribed. Chosen by the application's side (the
    /// one identifier that the core does not mint), because its handle outlives every session.
    TrackId,
    "track-"
);

/// Mints identifiers: each number is handed out once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mint(u64);

impl Mint {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
