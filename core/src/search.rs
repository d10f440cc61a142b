//! Looking for the others on other relays (R13): both sides of a call may have lost their relay
//! and come back on different ones.
//!
//! The rule is fixed and needs no agreement. Whoever an outage has moved to this relay looks at once: the
//! others may be where it was, and will not notice for as long as that relay remembers it. (Who came here to
//! meet somebody does not: they would chase each other for ever.) Of those that stayed where they were,
//! whoever has the greater name is polite: it looks soon. The other one looks only after a patience that is
//! long enough for the polite one to have come. So two that look for each other do not pass each other for
//! ever.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::backoff::jittered;
use crate::desk::Desk;
use crate::dial::Dial;
use crate::id::{SessionId, WatchId};
use crate::output::Output;
use crate::presence::LOOK;
use crate::time::Timestamp;

/// How soon one looks that has moved, counted from when the other counts as missing.
const MOVED: Duration = Duration::from_millis(300);
/// How soon the polite one looks, counted from when the other counts as missing. Late enough for one that has moved
/// to have come back first: two that look at the same moment change places.
const POLITE: Duration = Duration::from_secs(3);
/// How soon the other one does.
const PATIENT: Duration = Duration::from_secs(8);
/// Pauses between looks begin with this.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// They double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a relay may take to agree to look out.
const AGREE: Duration = Duration::from_secs(2);

/// Who is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) participants: Vec<String>,
    /// Whether an outage has moved us here lately.
    pub(crate) moved: bool,
    /// Whether it is we who should look first, of those that did not.
    pub(crate) polite: bool,
}

/// One participant that another relay looks out for.
#[derive(Clone, Debug)]
pub(crate) struct Lookout {
    pub(crate) watch: WatchId,
    pub(crate) participant: String,
    pub(crate) accepted: bool,
}

#[derive(Clone, Debug, Default)]
enum Phase {
    /// Nobody is missing, or there is nowhere to look.
    #[default]
    Idle,
    Pausing {
        until: Timestamp,
    },
    Dialing(Dial),
    /// The dial has become a session.
    Looking {
        dial: Dial,
        watches: Vec<Lookout>,
        until: Timestamp,
    },
}

/// A second session, on another relay, that carries nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    phase: Phase,
    looks: u32,
}

impl Search {
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Pausing { until } | Phase::Looking { until, .. } => Some(*until),
            Phase::Dialing(dial) => Some(dial.gives_up_at),
        }
    }

    /// Does what is due. `relay` is where we are; there are others.
    pub(crate) fn advance(&mut self, missing: Option<&Missing>, relay: &str, desk: &mut Desk<'_>) {
        let Some(missing) = missing else { return self.stop(desk) };
        match &self.phase {
            Phase::Idle => {
                let patience = match missing {
                    Missing { moved: true, .. } => MOVED,
                    Missing { polite: true, .. } => POLITE,
                    Missing { .. } => PATIENT,
                };
                self.phase = Phase::Pausing { until: desk.now + patience };
            }
            Phase::Pausing { until } if desk.now >= *until => {
                let relays = desk.directory.relays(desk.config);
                let others: Vec<&String> = relays.iter().filter(|other| *other != relay).collect();
                let Some(other) = others.get(self.looks as usize % others.len().max(1)) else {
                    return self.give_up(desk);
                };
                let other = (*other).clone();
                self.phase = Phase::Dialing(Dial::new(other, desk).start(desk));
            }
            Phase::Dialing(Dial { gives_up_at: until, .. }) | Phase::Looking { until, .. }
                if desk.now >= *until =>
            {
                self.give_up(desk);
            }
            Phase::Pausing { .. } | Phase::Dialing(_) | Phase::Looking { .. } => {}
        }
    }

    /// The session that it has or tries to get.
    pub(crate) fn session(&self) -> Option<SessionId> {
        match &self.phase {
            Phase::Idle | Phase::Pausing { .. } => None,
            Phase::Dialing(dial) | Phase::Looking { dial, .. } => Some(dial.session),
        }
    }

    /// The dial that waits for the credential of `relay`, if it does.
    pub(crate) fn waiting_for(&mut self, relay: &str) -> Option<&mut Dial> {
        match &mut self.phase {
            Phase::Dialing(dial) if dial.waits_for(relay) => Some(dial),
            Phase::Idle | Phase::Pausing { .. } | Phase::Dialing(_) | Phase::Looking { .. } => None,
        }
    }

    /// The other relay is reached. Perhaps nobody is missing any more.
    pub(crate) fn connected(
        &mut self,
        id: SessionId,
        missing: Option<&Missing>,
        desk: &mut Desk<'_>,
    ) {
        let Phase::Dialing(dial) = &self.phase else { return };
        if !dial.is_out(id) {
            return;
        }
        let Some(missing) = missing else { return self.stop(desk) };
        let mut watches = Vec::new();
        for participant in &missing.participants {
            let watch = WatchId(desk.mint.next());
            let participant = participant.clone();
            let prefix = vec![desk.config.room.clone(), participant.clone()];
            watches.push(Lookout { watch, participant, accepted: false });
            desk.out.push(Output::Watch { session: id, watch, prefix });
        }
        self.phase = Phase::Looking { dial: dial.clone(), watches, until: desk.now + AGREE };
    }

    /// The other relay looks out for us.
    pub(crate) fn accepted(&mut self, watch: WatchId, now: Timestamp) {
        if let Phase::Looking { watches, until, .. } = &mut self.phase
            && let Some(lookout) = watches.iter_mut().find(|lookout| lookout.watch == watch)
        {
            lookout.accepted = true;
            *until = (now + LOOK).min(*until);
        }
    }

    /// Somebody was found there: the session is the caller's now, with what was asked on it.
    pub(crate) fn found(&mut self, watch: WatchId) -> Option<(Dial, Vec<Lookout>)> {
        match core::mem::take(&mut self.phase) {
            Phase::Looking { dial, watches, .. }
                if watches.iter().any(|lookout| lookout.watch == watch) =>
            {
                Some((dial, watches))
            }
            other => {
                self.phase = other;
                None
            }
        }
    }

    /// The dial failed.
    pub(crate) fn dial_failed(&mut self, id: SessionId, desk: &mut Desk<'_>) {
        if matches!(&self.phase, Phase::Dialing(dial) if dial.session == id) {
            self.pause(desk);
        }
    }

    /// The session ended by itself.
    pub(crate) fn session_closed(&mut self, id: SessionId, desk: &mut Desk<'_>) {
        if matches!(&self.phase, Phase::Looking { dial, .. } if dial.session == id) {
            self.pause(desk);
        }
    }

    /// Nobody needs to be looked for any more.
    pub(crate) fn stop(&mut self, desk: &mut Desk<'_>) {
        if let Some(session) = self.session() {
            desk.out.push(Output::CloseSession { session });
        }
        *self = Self::default();
    }

    fn give_up(&mut self, desk: &mut Desk<'_>) {
        if let Some(session) = self.session() {
            desk.out.push(Output::CloseSession { session });
        }
        self.pause(desk);
    }

    fn pause(&mut self, desk: &mut Desk<'_>) {
        let bound = FIRST_PAUSE.saturating_mul(1 << self.looks.min(10)).min(LONGEST_PAUSE);
        self.looks = self.looks.saturating_add(1);
        self.phase = Phase::Pausing { until: desk.now + jittered(bound, 20, desk.rng) };
    }
}
