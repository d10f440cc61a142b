//! How relays are named in a run.

/// How a relay is called.
pub(crate) fn relay_name(relay: usize) -> String {
    format!("relay-{relay}")
}

pub(crate) fn relay_url(relay: usize) -> String {
    format!("moqt://{}", relay_name(relay))
}
