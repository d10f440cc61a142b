//! Looking for the others on other relays (R13): both sides of a call may have lost their relay
//! and come back on different ones.
//!
//! The rule is fixed and needs no agreement: people gather where the smallest name is.
//!
//! - Whoever misses somebody with a smaller name than all that are with it looks soon.
//! - Who has the smallest name itself of those that it is with leaves the others time to come. But if an outage
//!   has moved it to this relay, the others may be where it was, and will not notice for as long as that relay
//!   remembers it: then it looks at once if it is alone, and a little later if it is not. (Who came here to meet
//!   somebody has not been moved: they would chase each other for ever.)
//! - Who is with somebody smaller does not look for anybody else: it would only lose them.
//!
//! Two that find each other at the same moment nevertheless change places. Then the smaller name goes back as
//! soon as it sees it, and the other one does not.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::backoff::{doubled, jittered};
use crate::desk::Desk;
use crate::dial::Dial;
use crate::id::{SessionId, WatchId};
use crate::output::Output;
use crate::presence::LOOK;
use crate::time::Timestamp;

/// How soon to look for somebody, counted from when it counts as missing: one that an outage has moved, and is alone.
const MOVED: Duration = Duration::from_millis(300);
/// One that misses a smaller name than those around it.
const POLITE: Duration = Duration::from_secs(1);
/// One that an outage has moved, and that would leave others.
const MOVED_TOGETHER: Duration = Duration::from_secs(3);
/// The smallest name.
const PATIENT: Duration = Duration::from_secs(8);
/// Pauses between looks begin with this.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// They double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a relay may take to agree to look out.
const AGREE: Duration = Duration::from_secs(2);

/// Somebody who is missing, and may be on another relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) participant: String,
    /// How long after it was missed to look for it.
    pub(crate) patience: Duration,
}

/// Whom to look for, and where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// At least one.
    pub(crate) participants: Vec<Missed>,
    /// The relay where they are most likely to be, if any is.
    pub(crate) likely: Option<String>,
}

/// Those that are here with us, and how we came here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Company<'a> {
    pub(crate) ourselves: &'a str,
    /// The smallest of their names and ours.
    pub(crate) smallest: &'a str,
    pub(crate) alone: bool,
    /// Whether an outage has moved us here lately.
    pub(crate) moved: bool,
}

impl Company<'_> {
    /// How long to wait before a look for `participant`; `None` if it is not we who look.
    pub(crate) fn patience(&self, participant: &str) -> Option<Duration> {
        if self.moved && self.alone {
            Some(MOVED)
        } else if participant < self.smallest {
            Some(POLITE)
        } else if self.smallest < self.ourselves {
            None
        } else if self.moved {
            Some(MOVED_TOGETHER)
        } else {
            Some(PATIENT)
        }
    }
}

impl Missing {
    /// Who of them is to be looked for by now, if they have been missed since then.
    fn due(&self, since: Timestamp, now: Timestamp) -> impl Iterator<Item = &Missed> {
        self.participants.iter().filter(move |missed| since + missed.patience <= now)
    }

    /// When the first of them is to be looked for.
    fn first_due(&self, since: Timestamp) -> Timestamp {
        since + self.participants.iter().map(|missed| missed.patience).min().unwrap_or_default()
    }
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
    /// For whom it began, and when.
    began_for: Vec<String>,
    since: Timestamp,
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
        self.begin(missing, desk.now);
        match &self.phase {
            Phase::Pausing { until } if desk.now >= *until => {
                if missing.due(self.since, desk.now).next().is_none() {
                    // Who was to be looked for is here, and others have more time.
                    self.phase = Phase::Pausing { until: missing.first_due(self.since) };
                    return;
                }
                let relays = desk.directory.relays(desk.config);
                let mut others: Vec<&String> =
                    relays.iter().filter(|other| *other != relay).collect();
                others.sort_by_key(|other| Some(*other) != missing.likely.as_ref());
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
            Phase::Idle | Phase::Pausing { .. } | Phase::Dialing(_) | Phase::Looking { .. } => {}
        }
    }

    /// Begins, or begins anew if somebody else is missing now.
    fn begin(&mut self, missing: &Missing, now: Timestamp) {
        let known = |missed: &Missed| self.began_for.contains(&missed.participant);
        if !missing.participants.iter().all(known)
            && matches!(self.phase, Phase::Idle | Phase::Pausing { .. })
        {
            let names = missing.participants.iter().map(|missed| missed.participant.clone());
            self.began_for = names.collect();
            (self.since, self.looks) = (now, 0);
            self.phase = Phase::Pausing { until: missing.first_due(now) };
        }
    }

    /// What it reaches the other relay by, or tries to.
    fn dial(&self) -> Option<&Dial> {
        match &self.phase {
            Phase::Idle | Phase::Pausing { .. } => None,
            Phase::Dialing(dial) | Phase::Looking { dial, .. } => Some(dial),
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
        for missed in missing.due(self.since, desk.now) {
            let watch = WatchId(desk.mint.next());
            let participant = missed.participant.clone();
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
        let Phase::Looking { dial, watches, .. } = &self.phase else { return None };
        let is_ours = watches.iter().any(|lookout| lookout.watch == watch);
        let found = is_ours.then(|| (dial.clone(), watches.clone()))?;
        self.phase = Phase::Idle;
        Some(found)
    }

    /// The dial failed; which it was.
    pub(crate) fn dial_failed(&mut self, id: SessionId, desk: &mut Desk<'_>) -> Option<Dial> {
        let Phase::Dialing(dial) = &self.phase else { return None };
        let failed = (dial.session == id).then(|| dial.clone())?;
        self.pause(desk);
        Some(failed)
    }

    /// The session ended by itself; which dial had led to it.
    pub(crate) fn session_closed(&mut self, id: SessionId, desk: &mut Desk<'_>) -> Option<Dial> {
        let Phase::Looking { dial, .. } = &self.phase else { return None };
        let closed = (dial.session == id).then(|| dial.clone())?;
        self.pause(desk);
        Some(closed)
    }

    /// Nobody needs to be looked for any more.
    pub(crate) fn stop(&mut self, desk: &mut Desk<'_>) {
        if let Some(dial) = self.dial() {
            dial.close(desk);
        }
        *self = Self::default();
    }

    fn give_up(&mut self, desk: &mut Desk<'_>) {
        if let Some(dial) = self.dial() {
            dial.close(desk);
        }
        self.pause(desk);
    }

    fn pause(&mut self, desk: &mut Desk<'_>) {
        let bound = doubled(FIRST_PAUSE, self.looks, LONGEST_PAUSE);
        self.looks = self.looks.saturating_add(1);
        self.phase = Phase::Pausing { until: desk.now + jittered(bound, 20, desk.rng) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_gather_where_the_smallest_name_is() {
        let rows = [
            // Who is with carol, whether she has moved, whom she misses, and when she looks.
            ("", false, "bob", Some(POLITE)),
            ("", false, "dave", Some(PATIENT)),
            ("", true, "bob", Some(MOVED)),
            ("", true, "dave", Some(MOVED)),
            ("erin", false, "bob", Some(POLITE)),
            ("erin", false, "dave", Some(PATIENT)),
            ("erin", true, "bob", Some(POLITE)),
            ("erin", true, "dave", Some(MOVED_TOGETHER)),
            ("bob", false, "alice", Some(POLITE)),
            ("bob", true, "alice", Some(POLITE)),
            ("bob", false, "dave", None),
            ("alice", true, "bob", None),
        ];
        for (here, moved, whom, patience) in rows {
            let (alone, ourselves) = (here.is_empty(), "carol");
            let smallest = if alone { ourselves } else { here.min(ourselves) };
            let company = Company { ourselves, smallest, alone, moved };
            assert_eq!(company.patience(whom), patience, "{here} {moved} {whom}");
        }
    }
}
