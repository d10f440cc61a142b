//! Incarnations of a publisher: which of its processes is the present one.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::api::media::Object;
use crate::api::time::Timestamp;
use crate::subscribe::reorder_buffer::Position;

/// How many former processes are remembered. An older one is not expected to return.
const MOST_PAST: usize = 8;

/// A relay sends what it retains of a track as soon as the track is subscribed to: an object that
/// arrives this long after the first one was not retained. (The relay may retain more than one
/// group, in any order: the real one sends all that have not ended.)
const RELAY_MEMORY: Duration = Duration::from_secs(1);

/// Where reception stood with a process when it switched to another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct FormerProcess {
    pub(super) position: Position,
    /// How many of its missing frames were not reported by then, and how many frames of the track
    /// had been delivered.
    pub(super) missing: u64,
    pub(super) delivered: u64,
}

/// The incarnations of a publisher that had more than one. Most have one, and a track should be
/// small: nothing is stored until there is another.
///
/// A later process has a higher incarnation, because an incarnation is taken from the clock. But
/// clocks are set back. So a lower incarnation, or one that reception left for another, may be the
/// present process, or a former one whose last groups a relay still retains. Only the present
/// process begins another group after those, or answers a FETCH.
#[derive(Clone, Debug, Default)]
pub(super) struct Incarnations(Option<Box<Known>>);

#[derive(Clone, Debug, Default)]
struct Known {
    /// The processes before the present one, and where reception stood with each.
    past: Vec<FormerProcess>,
    suspected: Option<Suspected>,
}

/// A past or lower incarnation whose process may be the present one.
#[derive(Clone, Copy, Debug)]
struct Suspected {
    incarnation: u64,
    since: Timestamp,
    /// Its last group that a relay may have retained.
    group: u64,
}

impl Incarnations {
    fn known(&mut self) -> &mut Known {
        self.0.get_or_insert_default()
    }

    pub(super) fn is_past(&self, incarnation: u64) -> bool {
        let past = self.0.as_ref().map(|known| known.past.as_slice()).unwrap_or_default();
        past.iter().any(|left| left.position.next.incarnation == incarnation)
    }

    /// A process that was taken for a former one is the present one: where reception stood with it.
    pub(super) fn take_past(&mut self, incarnation: u64) -> Option<FormerProcess> {
        let past = &mut self.0.as_mut()?.past;
        let index = past.iter().position(|left| left.position.next.incarnation == incarnation)?;
        Some(past.remove(index))
    }

    pub(super) fn retire(&mut self, left: FormerProcess) {
        let Known { past, suspected } = self.known();
        if past.len() >= MOST_PAST {
            past.remove(0);
        }
        past.push(left);
        *suspected = None;
    }

    /// The suspected incarnation: an answer to FETCH proves that its process is there.
    pub(super) fn suspected(&self) -> Option<u64> {
        self.0.as_ref()?.suspected.map(|suspected| suspected.incarnation)
    }

    /// The subscription was interrupted: later objects may be of another process.
    pub(super) fn interrupted(&mut self) {
        if let Some(known) = &mut self.0 {
            known.suspected = None;
        }
    }

    /// The end of the track arrived from another incarnation: its process may be the present one.
    pub(super) fn suspect(&mut self, incarnation: u64, now: Timestamp) {
        let suspected = &mut self.known().suspected;
        if suspected.is_none_or(|known| known.incarnation != incarnation) {
            // No group follows the end. Only an answer to a FETCH can prove the process alive.
            *suspected = Some(Suspected { incarnation, since: now, group: u64::MAX });
        }
    }

    /// Whether an object of another incarnation, on the subscription, proves its process alive.
    pub(super) fn proves_alive(&mut self, object: &Object, now: Timestamp) -> bool {
        let (incarnation, group) = (object.number.incarnation, object.location.group);
        match &mut self.known().suspected {
            Some(known) if known.incarnation == incarnation => {
                if now >= known.since + RELAY_MEMORY {
                    return group > known.group;
                }
                known.group = known.group.max(group);
            }
            suspected => *suspected = Some(Suspected { incarnation, since: now, group }),
        }
        false
    }
}
