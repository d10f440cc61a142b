//! How relays are named in a run.

/// How a relay is called.
pub(crate) fn relay_name(which: usize) -> String {
    format!("relay-{which}")
}

pub(crate) fn relay_url(relay: usize) -> String {
    format!("moqt://{}", relay_name(relay))
}
