//! Which of a publisher's processes is the one that is there.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::api::media::Object;
use crate::api::time::Timestamp;
use crate::subscribe::reorder_buffer::Position;

/// How many former processes are remembered. What is older than that does not come back.
const MOST: usize = 8;

/// What a relay remembers of a track, it sends as soon as that is subscribed to: nothing that comes so long after the
/// first of it is remembered. (It may be more than one group, in any order: the real one sends all that have not ended.)
const RELAY_MEMORY: Duration = Duration::from_secs(1);

/// How far a process was heard that was left for another.
#[derive(Clone, Copy, Debug)]
pub(super) struct FormerProcess {
    pub(super) position: Position,
    /// How many frames of it were missing by then that had not been told, and how many of the track had been
    /// delivered.
    pub(super) missing: u64,
    pub(super) delivered: u64,
}

/// The incarnations of a publisher, as far as it had more than one. Most have one, and a track should be
/// small: nothing is kept until there is another.
///
/// A process that begins later has a higher incarnation, because it is taken from the clock. But clocks
/// are set back. So a lower one may be the present process, or a former one whose last groups a relay still
/// remembers; and so may one that was left for another. Only a process that is there begins another group after
/// those, or answers a FETCH.
#[derive(Clone, Debug, Default)]
pub(super) struct Incarnations(Option<Box<Known>>);

#[derive(Clone, Debug, Default)]
struct Known {
    /// Those that were heard before the present one, and how far.
    past: Vec<FormerProcess>,
    suspected: Option<Suspected>,
}

/// One that was left for another, or a lower one than the present one.
#[derive(Clone, Copy, Debug)]
struct Suspected {
    incarnation: u64,
    since: Timestamp,
    /// The last group of it that a relay may have remembered.
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

    /// One that was taken for a former process is there. How far it was heard, if it was.
    pub(super) fn is_back(&mut self, incarnation: u64) -> Option<FormerProcess> {
        let past = &mut self.0.as_mut()?.past;
        let index = past.iter().position(|left| left.position.next.incarnation == incarnation)?;
        Some(past.remove(index))
    }

    pub(super) fn is_over(&mut self, left: FormerProcess) {
        let Known { past, suspected } = self.known();
        if past.len() >= MOST {
            past.remove(0);
        }
        past.push(left);
        *suspected = None;
    }

    /// Whoever publishes the track now has answered: of those that are suspected to be there, who that is.
    pub(super) fn answered(&self) -> Option<u64> {
        self.0.as_ref()?.suspected.map(|suspected| suspected.incarnation)
    }

    /// What comes from here on may be somebody else's.
    pub(super) fn interrupted(&mut self) {
        if let Some(known) = &mut self.0 {
            known.suspected = None;
        }
    }

    /// The end of a track came of another incarnation than the present one: its process may be there.
    pub(super) fn suspect(&mut self, incarnation: u64, now: Timestamp) {
        let suspected = &mut self.known().suspected;
        if suspected.is_none_or(|known| known.incarnation != incarnation) {
            // No group follows the end. Only an answer to a FETCH can show that it is there.
            *suspected = Some(Suspected { incarnation, since: now, group: u64::MAX });
        }
    }

    /// An object of another incarnation than the present one came by subscription: whether its process is there.
    pub(super) fn is_alive(&mut self, object: &Object, now: Timestamp) -> bool {
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
