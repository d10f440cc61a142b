//! Which of a publisher's processes is the one that is there.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::media::Object;
use crate::window::Standing;

/// How many former processes are remembered. What is older than that does not come back.
const MOST: usize = 8;

/// How far a process was heard that was left for another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) standing: Standing,
    /// How many frames of it were missing by then that had not been told, and how many of the track had been
    /// delivered.
    pub(super) missing: u64,
    pub(super) delivered: u64,
}

/// The incarnations of a publisher, as far as it had more than one. Most have one, and a track should be
/// small: nothing is kept until there is another.
///
/// A process that begins later has a higher incarnation, because it is taken from the clock. But clocks
/// are set back. So a lower one may be the present process, or a former one whose last group a relay still
/// remembers; and so may one that was left for another. Only a process that is there begins another group, or
/// answers a FETCH.
#[derive(Clone, Debug, Default)]
pub(super) struct Incarnations(Option<Box<Known>>);

#[derive(Clone, Debug, Default)]
struct Known {
    /// Those that were heard before the present one, and how far.
    past: Vec<Left>,
    /// One of them, or a lower one than the present one, and the group that was heard of it.
    suspected: Option<(u64, u64)>,
}

impl Incarnations {
    fn known(&mut self) -> &mut Known {
        self.0.get_or_insert_default()
    }

    pub(super) fn is_past(&self, incarnation: u64) -> bool {
        let past = self.0.as_ref().map(|known| known.past.as_slice()).unwrap_or_default();
        past.iter().any(|left| left.standing.next.incarnation == incarnation)
    }

    /// One that was taken for a former process is there. How far it was heard, if it was.
    pub(super) fn is_back(&mut self, incarnation: u64) -> Option<Left> {
        let past = &mut self.0.as_mut()?.past;
        let index = past.iter().position(|left| left.standing.next.incarnation == incarnation)?;
        Some(past.remove(index))
    }

    pub(super) fn is_over(&mut self, left: Left) {
        let Known { past, suspected } = self.known();
        if past.len() >= MOST {
            past.remove(0);
        }
        past.push(left);
        *suspected = None;
    }

    /// Whoever publishes the track now has answered: of those that are suspected to be there, who that is.
    pub(super) fn answered(&self) -> Option<u64> {
        self.0.as_ref()?.suspected.map(|(incarnation, _)| incarnation)
    }

    /// What comes from here on may be somebody else's.
    pub(super) fn interrupted(&mut self) {
        if let Some(known) = &mut self.0 {
            known.suspected = None;
        }
    }

    /// The end of a track came of another incarnation than the present one: its process may be there.
    pub(super) fn suspect(&mut self, incarnation: u64) {
        let suspected = &mut self.known().suspected;
        if suspected.is_none_or(|(known, _)| known != incarnation) {
            // No group follows the end. Only an answer to a FETCH can show that it is there.
            *suspected = Some((incarnation, u64::MAX));
        }
    }

    /// An object of another incarnation than the present one came by subscription: whether its process is there.
    pub(super) fn is_alive(&mut self, object: &Object) -> bool {
        let (incarnation, group) = (object.number.incarnation, object.location.group);
        let suspected = &mut self.known().suspected;
        match *suspected {
            Some((known, first)) if known == incarnation => group > first,
            _ => {
                *suspected = Some((incarnation, group));
                false
            }
        }
    }
}
