//! The search for missing participants on other relays (R13): both sides of a call may have lost
//! their relay and reconnected to different ones. "Here" means on the relay of our session.
//!
//! The rule is fixed and needs no agreement: participants gather where the smallest name is.
//!
//! - A participant that misses a smaller name than all that are here probes other relays soon.
//! - A participant with the smallest name here leaves the others time to arrive. But if an outage
//!   moved it here, the others may be on its former relay, and will not notice as long as that
//!   relay remembers it: then it probes at once if it is alone, and a little later if it is not. (A
//!   participant that arrived here to meet a peer was not moved: they would chase each other
//!   forever.)
//! - Any other participant shares a relay with a smaller name and stays put: moving would separate
//!   them.
//!
//! A participant that was here until a moment ago is not missed yet: it most likely reconnects. A
//! participant that our session has not seen here is missed from the beginning, before it counts as
//! away and before the call is live: it has lost its relay, too.
//!
//! Two participants that find each other at the same moment nevertheless swap relays (glare). Then
//! the one with the smaller name returns as soon as it notices, and the other one stays.

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

/// Patience before other relays are probed for a missing participant, if an outage moved us here
/// and we are alone.
const MOVED_ALONE: Duration = Duration::from_millis(300);
/// Patience if the missing name is smaller than all that are here.
const MISSES_SMALLER_NAME: Duration = Duration::from_secs(1);
/// Patience if an outage moved us here, and a move would leave others.
const MOVED_TOGETHER: Duration = Duration::from_secs(5);
/// Patience if the smallest name is ours.
const SMALLEST_NAME: Duration = Duration::from_secs(8);
/// Pauses between rounds of probes begin with this.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// They double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a relay may take to accept a namespace subscription.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A participant that is missing here, and may be on another relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MissingPeer {
    pub(crate) participant: String,
    /// How long after it is missed other relays are probed for it.
    pub(crate) patience: Duration,
}

/// The participants to search for, and the relay to begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RendezvousPlan {
    /// At least one.
    pub(crate) participants: Vec<MissingPeer>,
    /// The relay where they most likely are, if one is known.
    pub(crate) likely: Option<String>,
}

/// The participants that are here with us, and how we arrived here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeersHere<'a> {
    pub(crate) ourselves: &'a str,
    /// The smallest of their names and ours.
    pub(crate) smallest: &'a str,
    pub(crate) alone: bool,
    /// Whether an outage moved us here lately.
    pub(crate) moved: bool,
}

impl PeersHere<'_> {
    /// How long to wait before probing for `participant`; `None` if we leave that to others.
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
    /// Those of the participants whose patience is over at `now`, if missed since `since`.
    fn due(&self, since: Timestamp, now: Timestamp) -> impl Iterator<Item = &MissingPeer> {
        self.participants.iter().filter(move |peer| since + peer.patience <= now)
    }

    /// When the first of these times is over.
    fn first_due(&self, since: Timestamp) -> Timestamp {
        since + self.participants.iter().map(|peer| peer.patience).min().unwrap_or_default()
    }
}

/// The subscription of a probe to the namespaces of one participant on another relay.
#[derive(Clone, Debug)]
pub(crate) struct NamespaceSubscription {
    pub(crate) namespace_subscription: NamespaceSubscriptionId,
    pub(crate) participant: String,
    pub(crate) accepted: bool,
}

/// A probe: a session on another relay that carries no media, or the dial to it.
#[derive(Clone, Debug)]
struct RelayProbe {
    dial: Dial,
    up: bool,
    namespace_subscriptions: Vec<NamespaceSubscription>,
    until: Timestamp,
}

/// The search on other relays. Probes run side by side, as many as attempts may race.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rendezvous {
    probes: Vec<RelayProbe>,
    /// When to probe next; `None` if no participant is missing.
    next: Option<Timestamp>,
    rounds: u32,
    /// The participants that the search began for, and when it began.
    missing: Vec<String>,
    since: Timestamp,
}

impl Rendezvous {
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        soonest([self.next, self.probes.iter().map(|probe| probe.until).min()])
    }

    /// Does what is due. `relay` is the relay of our session; the list names others.
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
                // The participants that were due are here, and the others have more time.
                plan.first_due(self.since)
            });
        }
    }

    /// Begins the search, or begins it anew if another participant is missing now.
    fn begin(&mut self, plan: &RendezvousPlan, now: Timestamp) {
        let known = |peer: &MissingPeer| self.missing.contains(&peer.participant);
        if self.probes.is_empty() && !plan.participants.iter().all(known) {
            let names = plan.participants.iter().map(|peer| peer.participant.clone());
            self.missing = names.collect();
            (self.since, self.rounds) = (now, 0);
            self.next = Some(plan.first_due(now));
        }
    }

    /// Dials relays that no probe is on the way to; returns when to probe again.
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

    /// The probe's dial that waits for the credential of `relay`, if there is one.
    pub(crate) fn waiting_for(&mut self, relay: &str) -> Option<&mut Dial> {
        let mut dials = self.probes.iter_mut().map(|probe| &mut probe.dial);
        dials.find(|dial| dial.waits_for(relay))
    }

    /// A probe reached its relay, and subscribes to the missing participants. If none is missing,
    /// the search ends.
    pub(crate) fn connected(
        &mut self,
        id: SessionId,
        plan: Option<&RendezvousPlan>,
        cx: &mut Context<'_>,
    ) {
        let matches = |probe: &&mut RelayProbe| !probe.up && probe.dial.is_in_flight(id);
        let Some(probe) = self.probes.iter_mut().find(matches) else { return };
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

    /// A probed relay accepted a namespace subscription.
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

    /// A probe found a participant. Its session passes to the caller, with its subscriptions, and
    /// the other probes are closed.
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

    /// Removes the probe whose dial failed; returns that dial.
    pub(crate) fn dial_failed(&mut self, id: SessionId) -> Option<Dial> {
        self.remove_probe(|probe| !probe.up && probe.dial.session == id)
    }

    /// Removes the probe whose session ended by itself; returns the dial that had led to it.
    pub(crate) fn session_closed(&mut self, id: SessionId) -> Option<Dial> {
        self.remove_probe(|probe| probe.up && probe.dial.session == id)
    }

    fn remove_probe(&mut self, matches: impl Fn(&RelayProbe) -> bool) -> Option<Dial> {
        let index = self.probes.iter().position(matches)?;
        Some(self.probes.remove(index).dial)
    }

    /// Ends the search and closes every probe.
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
    fn participants_gather_where_the_smallest_name_is() {
        let rows = [
            // The name here with carol, whether she was moved, the missing name, her patience.
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
        for (here, moved, missing, patience) in rows {
            let (alone, ourselves) = (here.is_empty(), "carol");
            let smallest = if alone { ourselves } else { here.min(ourselves) };
            let peers_here = PeersHere { ourselves, smallest, alone, moved };
            assert_eq!(peers_here.patience(missing), patience, "{here} {moved} {missing}");
        }
    }
}
