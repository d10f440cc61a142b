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
//! Who was here until a moment ago is not missed yet: it most likely comes again. Who was not found here is missed from
//! the beginning, before it counts as away and before the call is live: it has lost its relay, too.
//!
//! Two that find each other at the same moment nevertheless change places. Then the smaller name goes back as
//! soon as it sees it, and the other one does not.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::api::id::{SessionId, WatchId};
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::api::time::earlier;
use crate::connect::Dial;
use crate::context::Context;
use crate::context::backoff::{doubled, jittered};
use crate::participants::presence::LOOK;

/// How soon to look for somebody, counted from when it is missed: one that an outage has moved, and is alone.
const MOVED: Duration = Duration::from_millis(300);
/// One that misses a smaller name than those around it.
const POLITE: Duration = Duration::from_secs(1);
/// One that an outage has moved, and that would leave others.
const MOVED_TOGETHER: Duration = Duration::from_secs(5);
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

/// A session on another relay that carries nothing, or the way to it.
#[derive(Clone, Debug)]
struct Scout {
    dial: Dial,
    up: bool,
    watches: Vec<Lookout>,
    until: Timestamp,
}

/// Looks on other relays, on all of them side by side as far as attempts may race each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    scouts: Vec<Scout>,
    /// When to look next; `None` if nobody is missing.
    next: Option<Timestamp>,
    looks: u32,
    /// For whom it began, and when.
    began_for: Vec<String>,
    since: Timestamp,
}

impl Search {
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        earlier(self.next, self.scouts.iter().map(|scout| scout.until).min())
    }

    /// Does what is due. `relay` is where we are; there are others.
    pub(crate) fn advance(&mut self, missing: Option<&Missing>, relay: &str, cx: &mut Context<'_>) {
        let Some(missing) = missing else { return self.stop(cx) };
        let now = cx.now;
        for late in self.scouts.extract_if(.., |scout| scout.until <= now) {
            late.dial.close(cx);
        }
        self.begin(missing, now);
        if self.next.is_some_and(|at| at <= now) {
            self.next = Some(if missing.due(self.since, now).next().is_some() {
                self.look(missing, relay, cx)
            } else {
                // Who was to be looked for is here, and others have more time.
                missing.first_due(self.since)
            });
        }
    }

    /// Begins, or begins anew if somebody else is missing now.
    fn begin(&mut self, missing: &Missing, now: Timestamp) {
        let known = |missed: &Missed| self.began_for.contains(&missed.participant);
        if self.scouts.is_empty() && !missing.participants.iter().all(known) {
            let names = missing.participants.iter().map(|missed| missed.participant.clone());
            self.began_for = names.collect();
            (self.since, self.looks) = (now, 0);
            self.next = Some(missing.first_due(now));
        }
    }

    /// Dials whom nobody is on the way to; when to look again.
    fn look(&mut self, missing: &Missing, relay: &str, cx: &mut Context<'_>) -> Timestamp {
        let mut others = cx.directory.relays(cx.config).to_vec();
        others.retain(|other| *other != relay);
        others.sort_by_key(|other| Some(other) != missing.likely.as_ref());
        let turn = self.looks as usize % others.len().max(1);
        others.rotate_left(turn);
        others.retain(|other| !self.scouts.iter().any(|scout| scout.dial.relay == *other));
        others.truncate(usize::from(cx.config.policy.racing).saturating_sub(self.scouts.len()));
        if others.is_empty()
            && let Some(free_at) = self.scouts.iter().map(|scout| scout.until).min()
        {
            return free_at;
        }
        for other in others {
            let dial = Dial::new(other, cx).start(cx);
            let until = dial.gives_up_at;
            self.scouts.push(Scout { dial, up: false, watches: Vec::new(), until });
        }
        let bound = doubled(FIRST_PAUSE, self.looks, LONGEST_PAUSE);
        self.looks = self.looks.saturating_add(1);
        cx.now + jittered(bound, 20, cx.rng)
    }

    /// The dial that waits for the credential of `relay`, if one does.
    pub(crate) fn waiting_for(&mut self, relay: &str) -> Option<&mut Dial> {
        let mut dials = self.scouts.iter_mut().map(|scout| &mut scout.dial);
        dials.find(|dial| dial.waits_for(relay))
    }

    /// Another relay is reached. Perhaps nobody is missing any more.
    pub(crate) fn connected(
        &mut self,
        id: SessionId,
        missing: Option<&Missing>,
        cx: &mut Context<'_>,
    ) {
        let is_it = |scout: &&mut Scout| !scout.up && scout.dial.is_out(id);
        let Some(scout) = self.scouts.iter_mut().find(is_it) else { return };
        let Some(missing) = missing else { return self.stop(cx) };
        for missed in missing.due(self.since, cx.now) {
            let watch = WatchId(cx.mint.next());
            let participant = missed.participant.clone();
            let prefix = vec![cx.config.room.clone(), participant.clone()];
            scout.watches.push(Lookout { watch, participant, accepted: false });
            cx.out.push(Output::Watch { session: id, watch, prefix });
        }
        (scout.up, scout.until) = (true, cx.now + AGREE);
    }

    /// Another relay looks out for us.
    pub(crate) fn accepted(&mut self, watch: WatchId, now: Timestamp) {
        for scout in &mut self.scouts {
            if let Some(lookout) = scout.watches.iter_mut().find(|other| other.watch == watch) {
                lookout.accepted = true;
                scout.until = (now + LOOK).min(scout.until);
            }
        }
    }

    /// Somebody was found there: the session is the caller's now, with what was asked on it. The others are closed.
    pub(crate) fn found(
        &mut self,
        watch: WatchId,
        cx: &mut Context<'_>,
    ) -> Option<(Dial, Vec<Lookout>)> {
        let is_ours = |scout: &Scout| scout.watches.iter().any(|lookout| lookout.watch == watch);
        let index = self.scouts.iter().position(is_ours)?;
        let scout = self.scouts.remove(index);
        self.stop(cx);
        Some((scout.dial, scout.watches))
    }

    /// A dial failed; which it was.
    pub(crate) fn dial_failed(&mut self, id: SessionId) -> Option<Dial> {
        self.lose(|scout| !scout.up && scout.dial.session == id)
    }

    /// A session ended by itself; which dial had led to it.
    pub(crate) fn session_closed(&mut self, id: SessionId) -> Option<Dial> {
        self.lose(|scout| scout.up && scout.dial.session == id)
    }

    fn lose(&mut self, is_it: impl Fn(&Scout) -> bool) -> Option<Dial> {
        let index = self.scouts.iter().position(is_it)?;
        Some(self.scouts.remove(index).dial)
    }

    /// Nobody needs to be looked for any more.
    pub(crate) fn stop(&mut self, cx: &mut Context<'_>) {
        for scout in mem::take(self).scouts {
            scout.dial.close(cx);
        }
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
