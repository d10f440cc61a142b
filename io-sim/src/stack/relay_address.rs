//! The names and URLs of a run's relays.

/// The host name of a relay.
pub(crate) fn relay_name(relay: usize) -> String {
    format!("relay-{relay}")
}

pub(crate) fn relay_url(relay: usize) -> String {
    format!("moqt://{}", relay_name(relay))
}
