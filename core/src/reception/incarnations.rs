//! Which of a publisher's processes is the one that is there.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::media::Object;

/// How many former processes are remembered. What is older than that does not come back.
const MOST: usize = 8;

/// The incarnations of a publisher, as far as it had more than one. Most have one, and a track should be
/// small: nothing is kept until there is another.
///
/// A process that begins later has a higher incarnation, because it is taken from the clock. But clocks
/// are set back. So a lower one that was never heard may be the present process, or a former one whose
/// last group a relay still remembers. Only a process that is there begins another group, or answers a FETCH.
#[derive(Clone, Debug, Default)]
pub(super) struct Incarnations(Option<Box<Known>>);

#[derive(Clone, Debug, Default)]
struct Known {
    /// Those that were heard before the present one. Nobody goes back to them.
    past: Vec<u64>,
    /// A lower one than the present one, and the group that was heard of it.
    suspected: Option<(u64, u64)>,
}

impl Incarnations {
    fn known(&mut self) -> &mut Known {
        self.0.get_or_insert_default()
    }

    pub(super) fn is_past(&self, incarnation: u64) -> bool {
        self.0.as_ref().is_some_and(|known| known.past.contains(&incarnation))
    }

    pub(super) fn is_over(&mut self, incarnation: u64) {
        let Known { past, suspected } = self.known();
        if past.len() >= MOST {
            past.remove(0);
        }
        past.push(incarnation);
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

    /// The end of a track came of a lower incarnation than the present one: its process may be there.
    pub(super) fn suspect(&mut self, incarnation: u64) {
        let suspected = &mut self.known().suspected;
        if suspected.is_none_or(|(known, _)| known != incarnation) {
            // No group follows the end. Only an answer to a FETCH can show that it is there.
            *suspected = Some((incarnation, u64::MAX));
        }
    }

    /// An object of a lower incarnation than the present one came by subscription: whether its process is
    /// there.
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
