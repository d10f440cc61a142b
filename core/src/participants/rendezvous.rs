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
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::api::id::{NamespaceSubscriptionId, SessionId};
use crate::api::namespace;
use crate::api::output::Output;
use crate::api::time::{Timestamp, doubled};
use crate::connect::{ConnectResources, Dial};
use crate::context::Context;
use crate::context::backoff::jittered;
use crate::context::soonest::soonest;
use crate::participants::presence::DISCOVERY_TIME;

/// How soon to look for somebody, counted from when it is missed: one that an outage has moved, and is alone.
const MOVED_ALONE: Duration = Duration::from_millis(300);
/// One that misses a smaller name than those around it.
const MISSES_SMALLER_NAME: Duration = Duration::from_secs(1);
/// One that an outage has moved, and that would leave others.
const MOVED_TOGETHER: Duration = Duration::from_secs(5);
/// The smallest name.
const SMALLEST_NAME: Duration = Duration::from_secs(8);
/// Pauses between looks begin with this.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// They double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a relay may take to agree to look out.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Somebody who is missing, and may be on another relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MissingPeer {
    pub(crate) participant: String,
    /// How long after it was missed to look for it.
    pub(crate) patience: Duration,
}

/// Whom to look for, and where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RendezvousPlan {
    /// At least one.
    pub(crate) participants: Vec<MissingPeer>,
    /// The relay where they are most likely to be, if any is.
    pub(crate) likely: Option<String>,
}

/// Those that are here with us, and how we came here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeersHere<'a> {
    pub(crate) ourselves: &'a str,
    /// The smallest of their names and ours.
    pub(crate) smallest: &'a str,
    pub(crate) alone: bool,
    /// Whether an outage has moved us here lately.
    pub(crate) moved: bool,
}

impl PeersHere<'_> {
    /// How long to wait before a look for `participant`; `None` if it is not we who look.
    pub(crate) fn patience(&self, participant: &str) -> Option<Duration> {
        if self.moved && self.alone {
            Some(MOVED_ALONE)
        } else if participant < self.smallest {
            Some(MISSES_SMALLER_NAME)
        } else if self.smallest < self.ourselves {
            None
        } else if self.moved {
            Some(MOVED_TOGETHER)
        } else {
            Some(SMALLEST_NAME)
        }
    }
}

impl RendezvousPlan {
    /// Who of them is to be looked for by now, if they have been missed since then.
    fn due(&self, since: Timestamp, now: Timestamp) -> impl Iterator<Item = &MissingPeer> {
        self.participants.iter().filter(move |peer| since + peer.patience <= now)
    }

    /// When the first of them is to be looked for.
    fn first_due(&self, since: Timestamp) -> Timestamp {
        since + self.participants.iter().map(|peer| peer.patience).min().unwrap_or_default()
    }
}

/// One participant that another relay looks out for.
#[derive(Clone, Debug)]
pub(crate) struct NamespaceSubscription {
    pub(crate) namespace_subscription: NamespaceSubscriptionId,
    pub(crate) participant: String,
    pub(crate) accepted: bool,
}

/// A session on another relay that carries nothing, or the way to it.
#[derive(Clone, Debug)]
struct RelayProbe {
    dial: Dial,
    up: bool,
    namespace_subscriptions: Vec<NamespaceSubscription>,
    until: Timestamp,
}

/// Looks on other relays, on all of them side by side as far as attempts may race each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rendezvous {
    probes: Vec<RelayProbe>,
    /// When to look next; `None` if nobody is missing.
    next: Option<Timestamp>,
    rounds: u32,
    /// For whom it began, and when.
    began_for: Vec<String>,
    since: Timestamp,
}

impl Rendezvous {
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        soonest([self.next, self.probes.iter().map(|probe| probe.until).min()])
    }

    /// Does what is due. `relay` is where we are; there are others.
    pub(crate) fn advance(
        &mut self,
        plan: Option<&RendezvousPlan>,
        relay: &str,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) {
        let Some(plan) = plan else { return self.stop(cx) };
        let now = cx.now;
        for late in self.probes.extract_if(.., |probe| probe.until <= now) {
            late.dial.close(cx);
        }
        self.begin(plan, now);
        if self.next.is_some_and(|at| at <= now) {
            self.next = Some(if plan.due(self.since, now).next().is_some() {
                self.probe_relays(plan, relay, resources, cx)
            } else {
                // Who was to be looked for is here, and others have more time.
                plan.first_due(self.since)
            });
        }
    }

    /// Begins, or begins anew if somebody else is missing now.
    fn begin(&mut self, plan: &RendezvousPlan, now: Timestamp) {
        let known = |peer: &MissingPeer| self.began_for.contains(&peer.participant);
        if self.probes.is_empty() && !plan.participants.iter().all(known) {
            let names = plan.participants.iter().map(|peer| peer.participant.clone());
            self.began_for = names.collect();
            (self.since, self.rounds) = (now, 0);
            self.next = Some(plan.first_due(now));
        }
    }

    /// Dials whom nobody is on the way to; when to look again.
    fn probe_relays(
        &mut self,
        plan: &RendezvousPlan,
        relay: &str,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) -> Timestamp {
        let mut others = resources.relays.relays(cx.config).to_vec();
        others.retain(|other| *other != relay);
        others.sort_by_key(|other| Some(other) != plan.likely.as_ref());
        let turn = self.rounds as usize % others.len().max(1);
        others.rotate_left(turn);
        others.retain(|other| !self.probes.iter().any(|probe| probe.dial.relay == *other));
        others.truncate(usize::from(cx.config.policy.racing).saturating_sub(self.probes.len()));
        if others.is_empty()
            && let Some(free_at) = self.probes.iter().map(|probe| probe.until).min()
        {
            return free_at;
        }
        for other in others {
            let dial = Dial::new(other, cx).start(resources, cx);
            let until = dial.deadline;
            self.probes.push(RelayProbe {
                dial,
                up: false,
                namespace_subscriptions: Vec::new(),
                until,
            });
        }
        let bound = doubled(FIRST_PAUSE, self.rounds, LONGEST_PAUSE);
        self.rounds = self.rounds.saturating_add(1);
        cx.now + jittered(bound, 20, cx.rng)
    }

    /// The dial that waits for the credential of `relay`, if one does.
    pub(crate) fn waiting_for(&mut self, relay: &str) -> Option<&mut Dial> {
        let mut dials = self.probes.iter_mut().map(|probe| &mut probe.dial);
        dials.find(|dial| dial.waits_for(relay))
    }

    /// Another relay is reached. Perhaps nobody is missing any more.
    pub(crate) fn connected(
        &mut self,
        id: SessionId,
        plan: Option<&RendezvousPlan>,
        cx: &mut Context<'_>,
    ) {
        let is_it = |probe: &&mut RelayProbe| !probe.up && probe.dial.is_in_flight(id);
        let Some(probe) = self.probes.iter_mut().find(is_it) else { return };
        let Some(plan) = plan else { return self.stop(cx) };
        for peer in plan.due(self.since, cx.now) {
            let namespace_subscription = NamespaceSubscriptionId(cx.mint.next());
            let participant = peer.participant.clone();
            let prefix = namespace::of_participant(&cx.config.room, &participant);
            probe.namespace_subscriptions.push(NamespaceSubscription {
                namespace_subscription,
                participant,
                accepted: false,
            });
            cx.out.push(Output::SubscribeNamespace { session: id, namespace_subscription, prefix });
        }
        (probe.up, probe.until) = (true, cx.now + SUBSCRIBE_TIMEOUT);
    }

    /// Another relay looks out for us.
    pub(crate) fn accepted(
        &mut self,
        namespace_subscription: NamespaceSubscriptionId,
        now: Timestamp,
    ) {
        for probe in &mut self.probes {
            if let Some(subscription) = probe
                .namespace_subscriptions
                .iter_mut()
                .find(|other| other.namespace_subscription == namespace_subscription)
            {
                subscription.accepted = true;
                probe.until = (now + DISCOVERY_TIME).min(probe.until);
            }
        }
    }

    /// Somebody was found there: the session is the caller's now, with what was asked on it. The others are closed.
    pub(crate) fn found(
        &mut self,
        namespace_subscription: NamespaceSubscriptionId,
        cx: &mut Context<'_>,
    ) -> Option<(Dial, Vec<NamespaceSubscription>)> {
        let is_ours = |probe: &RelayProbe| {
            probe
                .namespace_subscriptions
                .iter()
                .any(|subscription| subscription.namespace_subscription == namespace_subscription)
        };
        let index = self.probes.iter().position(is_ours)?;
        let probe = self.probes.remove(index);
        self.stop(cx);
        Some((probe.dial, probe.namespace_subscriptions))
    }

    /// A dial failed; which it was.
    pub(crate) fn dial_failed(&mut self, id: SessionId) -> Option<Dial> {
        self.lose(|probe| !probe.up && probe.dial.session == id)
    }

    /// A session ended by itself; which dial had led to it.
    pub(crate) fn session_closed(&mut self, id: SessionId) -> Option<Dial> {
        self.lose(|probe| probe.up && probe.dial.session == id)
    }

    fn lose(&mut self, is_it: impl Fn(&RelayProbe) -> bool) -> Option<Dial> {
        let index = self.probes.iter().position(is_it)?;
        Some(self.probes.remove(index).dial)
    }

    /// Nobody needs to be looked for any more.
    pub(crate) fn stop(&mut self, cx: &mut Context<'_>) {
        for probe in mem::take(self).probes {
            probe.dial.close(cx);
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
            ("", false, "bob", Some(MISSES_SMALLER_NAME)),
            ("", false, "dave", Some(SMALLEST_NAME)),
            ("", true, "bob", Some(MOVED_ALONE)),
            ("", true, "dave", Some(MOVED_ALONE)),
            ("erin", false, "bob", Some(MISSES_SMALLER_NAME)),
            ("erin", false, "dave", Some(SMALLEST_NAME)),
            ("erin", true, "bob", Some(MISSES_SMALLER_NAME)),
            ("erin", true, "dave", Some(MOVED_TOGETHER)),
            ("bob", false, "alice", Some(MISSES_SMALLER_NAME)),
            ("bob", true, "alice", Some(MISSES_SMALLER_NAME)),
            ("bob", false, "dave", None),
            ("alice", true, "bob", None),
        ];
        for (here, moved, whom, patience) in rows {
            let (alone, ourselves) = (here.is_empty(), "carol");
            let smallest = if alone { ourselves } else { here.min(ourselves) };
            let peers_here = PeersHere { ourselves, smallest, alone, moved };
            assert_eq!(peers_here.patience(whom), patience, "{here} {moved} {whom}");
        }
    }
}
