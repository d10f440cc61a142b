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
use core::time::Duration;

use crate::api::id::{NamespaceSubscriptionId, SessionId};
use crate::api::time::{Timestamp, doubled};
use crate::connect::ConnectResources;
use crate::context::Context;
use crate::context::backoff::jittered;
use crate::context::soonest::soonest;
use crate::participants::{DISCOVERY_TIME, Namespaces};
use crate::session::{Leg, Legs, Phase, Role};

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

/// The search on other relays. Probes run side by side, as many as attempts may race.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    /// When to probe next; `None` if no participant is missing.
    next: Option<Timestamp>,
    rounds: u32,
    /// The participants that the search began for, and when it began.
    missing: Vec<String>,
    since: Timestamp,
}

impl Search {
    pub(crate) fn deadline(&self, legs: &Legs) -> Option<Timestamp> {
        soonest([self.next, legs.first_until(Role::Probe)])
    }

    /// Does what is due.
    pub(crate) fn advance(
        &mut self,
        plan: Option<&RendezvousPlan>,
        legs: &mut Legs,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) {
        let Some(plan) = plan else {
            if self.next.is_some() {
                self.stop(legs, cx);
            }
            return;
        };
        let now = cx.now;
        legs.close_where(Role::Probe, |leg| leg.until().is_some_and(|until| until <= now), cx);
        self.begin(plan, legs, now);
        if self.next.is_some_and(|at| at <= now) {
            self.next = Some(if plan.due(self.since, now).next().is_some() {
                self.probe_relays(plan, legs, resources, cx)
            } else {
                // The participants that were due are here, and the others have more time.
                plan.first_due(self.since)
            });
        }
    }

    /// Begins the search, or begins it anew if another participant is missing now.
    fn begin(&mut self, plan: &RendezvousPlan, legs: &Legs, now: Timestamp) {
        let known = |peer: &MissingPeer| self.missing.contains(&peer.participant);
        if legs.with(Role::Probe).next().is_none() && !plan.participants.iter().all(known) {
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
        legs: &mut Legs,
        resources: &mut ConnectResources,
        cx: &mut Context<'_>,
    ) -> Timestamp {
        let mut others = resources.relays.relays(cx.config).to_vec();
        others.retain(|other| legs.active().is_none_or(|leg| leg.relay != *other));
        others.sort_by_key(|other| Some(other) != plan.likely.as_ref());
        let turn = self.rounds as usize % others.len().max(1);
        others.rotate_left(turn);
        others.retain(|other| !legs.with(Role::Probe).any(|probe| probe.relay == *other));
        let probes = legs.with(Role::Probe).count();
        others.truncate(usize::from(cx.config.policy.racing).saturating_sub(probes));
        if others.is_empty()
            && let Some(free_at) = legs.first_until(Role::Probe)
        {
            return free_at;
        }
        for other in others {
            legs.add(Leg::new(other, Role::Probe, cx)).dial(resources, cx);
        }
        let bound = doubled(FIRST_PAUSE, self.rounds, LONGEST_PAUSE);
        self.rounds = self.rounds.saturating_add(1);
        cx.now + jittered(bound, 20, cx.rng)
    }

    /// A probe reached its relay, and subscribes to the missing participants. If none is missing,
    /// the search ends.
    pub(crate) fn connected(
        &mut self,
        id: SessionId,
        plan: Option<&RendezvousPlan>,
        legs: &mut Legs,
        cx: &mut Context<'_>,
    ) {
        let is_probe = |leg: &&mut Leg| leg.role == Role::Probe && leg.is_in_flight();
        let Some(probe) = legs.get_mut(id).filter(is_probe) else { return };
        let Some(plan) = plan else { return self.stop(legs, cx) };
        let mut participants = Vec::new();
        for peer in plan.due(self.since, cx.now) {
            let mut namespaces = Namespaces::new(peer.participant.clone());
            namespaces.attach(id, cx);
            participants.push(namespaces);
        }
        probe.phase = Phase::Reached { until: cx.now + SUBSCRIBE_TIMEOUT, participants };
    }

    /// A probe found a participant: the search ends, and the other probes are closed.
    pub(crate) fn found(&mut self, probe: SessionId, legs: &mut Legs, cx: &mut Context<'_>) {
        *self = Self::default();
        legs.close_where(Role::Probe, |leg| leg.id != probe, cx);
    }

    /// Ends the search and closes every probe.
    pub(crate) fn stop(&mut self, legs: &mut Legs, cx: &mut Context<'_>) {
        *self = Self::default();
        legs.close_where(Role::Probe, |_| true, cx);
    }
}

/// A probed relay accepted a namespace subscription.
pub(crate) fn accepted(legs: &mut Legs, id: NamespaceSubscriptionId, now: Timestamp) {
    for probe in legs.with_mut(Role::Probe) {
        if let Phase::Reached { until, participants } = &mut probe.phase
            && let Some(namespaces) = participants.iter_mut().find(|other| other.has(id))
        {
            namespaces.accepted(id, now);
            *until = (now + DISCOVERY_TIME).min(*until);
        }
    }
}

/// The probe that has a namespace subscription.
pub(crate) fn probe_with(legs: &Legs, id: NamespaceSubscriptionId) -> Option<&Leg> {
    legs.find(Role::Probe, |probe| match &probe.phase {
        Phase::Reached { participants, .. } => participants.iter().any(|other| other.has(id)),
        Phase::Dialing { .. } | Phase::Open(..) => false,
    })
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
