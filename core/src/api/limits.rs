//! Bounds that no configuration can exceed.

use core::time::Duration;

/// The number of relays that a call may know.
pub(crate) const MOST_RELAYS: usize = 16;
/// The length of the name of a room, participant or track, in bytes.
pub(crate) const LONGEST_NAME: usize = 128;
/// The shortest pause between two attempts, so that no jitter causes a loop without delay.
pub(crate) const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
