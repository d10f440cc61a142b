//! A participant that we listen to: which namespaces it has announced, and which is the newest.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec;

use crate::desk::Desk;
use crate::event::Event;
use crate::id::{SessionId, WatchId};
use crate::output::Output;
use crate::time::Timestamp;

/// How many namespaces of one participant are remembered. One that redials leaves its old one
/// behind until the relay's idle timeout, so a few are normal; the newest are kept.
const MOST_EPOCHS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    Wanted,
    Requested(WatchId),
    Accepted(WatchId),
    Ended { retry_at: Timestamp },
}

/// A followed participant.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) participant: String,
    watch: Watch,
    failures: u32,
    epochs: BTreeSet<u64>,
    /// What the application was told last. A recovery of our own does not change it.
    present: bool,
}

impl Followed {
    pub(crate) fn new(participant: String) -> Self {
        Self {
            participant,
            watch: Watch::Wanted,
            failures: 0,
            epochs: BTreeSet::new(),
            present: false,
        }
    }

    pub(crate) fn has(&self, watch: WatchId) -> bool {
        match self.watch {
            Watch::Requested(id) | Watch::Accepted(id) => id == watch,
            Watch::Wanted | Watch::Ended { .. } => false,
        }
    }

    /// Where the participant is to be found: the newest namespace that it announced.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.epochs.last().copied()
    }

    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self.watch, Watch::Accepted(_))
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.watch {
            Watch::Ended { retry_at } => Some(retry_at),
            Watch::Wanted | Watch::Requested(_) | Watch::Accepted(_) => None,
        }
    }

    pub(crate) fn advance(&mut self, session: SessionId, desk: &mut Desk<'_>) {
        if let Watch::Ended { retry_at } = self.watch
            && desk.now >= retry_at
        {
            self.request(session, desk);
        }
    }

    /// Follows the participant on a session that does not do so yet.
    pub(crate) fn attach(&mut self, session: SessionId, desk: &mut Desk<'_>) {
        if self.watch == Watch::Wanted {
            self.request(session, desk);
        }
    }

    fn request(&mut self, session: SessionId, desk: &mut Desk<'_>) {
        let watch = WatchId(desk.mint.next());
        self.watch = Watch::Requested(watch);
        desk.out.push(Output::Watch {
            session,
            watch,
            prefix: vec![desk.config.room.clone(), self.participant.clone()],
        });
    }

    /// The session is gone, and with it what it knew.
    pub(crate) fn detach(&mut self) {
        self.watch = Watch::Wanted;
        self.failures = 0;
        self.epochs.clear();
    }

    pub(crate) fn accepted(&mut self, watch: WatchId) {
        if self.watch == Watch::Requested(watch) {
            self.watch = Watch::Accepted(watch);
            self.failures = 0;
        }
    }

    pub(crate) fn ended(&mut self, desk: &mut Desk<'_>) {
        self.failures = self.failures.saturating_add(1);
        self.watch = Watch::Ended { retry_at: desk.retry_at(self.failures) };
    }

    pub(crate) fn added(&mut self, epoch: u64, desk: &mut Desk<'_>) {
        if !self.present {
            self.present = true;
            desk.out.event(Event::ParticipantJoined { participant: self.participant.clone() });
        }
        self.epochs.insert(epoch);
        if self.epochs.len() > MOST_EPOCHS {
            self.epochs.pop_first();
        }
    }

    pub(crate) fn removed(&mut self, epoch: u64, desk: &mut Desk<'_>) {
        if self.epochs.remove(&epoch) && self.epochs.is_empty() {
            self.present = false;
            desk.out.event(Event::ParticipantLeft { participant: self.participant.clone() });
        }
    }
}
