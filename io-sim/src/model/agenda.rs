//! The future events of a run, in order of time. Events of one moment keep the order in which they
//! were added.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Debug)]
pub(super) struct Agenda<T> {
    /// The time, serial number and slot of each event. The items are small because heaps move them.
    order: BinaryHeap<Reverse<(u64, u64, usize)>>,
    events: Vec<Option<T>>,
    free: Vec<usize>,
    serial: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { order: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), serial: 0 }
    }
}

impl<T> Agenda<T> {
    pub(super) fn add(&mut self, at: u64, event: T) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() - 1
        });
        self.events[slot] = Some(event);
        self.serial += 1;
        self.order.push(Reverse((at, self.serial, slot)));
    }

    /// The time of the next event.
    pub(super) fn peek(&self) -> Option<u64> {
        self.order.peek().map(|Reverse((at, ..))| *at)
    }

    pub(super) fn next(&mut self) -> Option<(u64, T)> {
        let Reverse((at, _, slot)) = self.order.pop()?;
        self.free.push(slot);
        self.events[slot].take().map(|event| (at, event))
    }

    pub(super) fn clear(&mut self) {
        self.order.clear();
    }
}
