//! R13: both sides recover at once, onto different relays, and find each other.

use crate::common::{publish, subscribe};
use std::collections::BTreeMap;
use std::time::Duration;

use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{NamespaceSubscriptionId, SessionId, TrackId};
use holdline_core::{Config, Input, Output, StateName, Supervisor, Timestamp};

const MS: Duration = Duration::from_millis(1);

/// A time in which one caller cannot reach one relay.
struct Outage {
    caller: usize,
    relay: &'static str,
    from: Duration,
    until: Duration,
}

/// A caller's session on a relay: the epoch that it publishes, and its namespace subscriptions with
/// the names of their participants.
struct Session {
    caller: usize,
    id: SessionId,
    relay: String,
    epoch: Option<u64>,
    namespace_subscriptions: Vec<(NamespaceSubscriptionId, String)>,
}

/// Calls in one room, two relays that route their namespaces, and the outages between them.
///
/// A caller is an index of `names` and `calls`.
struct World {
    names: Vec<&'static str>,
    calls: Vec<Supervisor>,
    now: Timestamp,
    serial: u64,
    /// The inputs that arrive later, by time and serial number.
    pending: BTreeMap<(Timestamp, u64), (usize, Input)>,
    sessions: Vec<Session>,
    outages: Vec<Outage>,
}

impl World {
    fn new(names: &[&'static str], seed: u64, outages: Vec<Outage>) -> Self {
        Self::with(names, seed, outages, |_, _| {})
    }

    fn with(
        names: &[&'static str],
        seed: u64,
        outages: Vec<Outage>,
        change: impl Fn(usize, &mut Config),
    ) -> Self {
        let mut world = Self {
            names: names.to_vec(),
            calls: Vec::new(),
            now: Timestamp::ZERO,
            serial: 0,
            pending: BTreeMap::new(),
            sessions: Vec::new(),
            outages,
        };
        for (caller, name) in names.iter().enumerate() {
            let mut config = Config::new("north", "room", *name);
            config.relays.push("south".into());
            config.idle_timeout = None;
            change(caller, &mut config);
            let seed = seed * 100 + caller as u64;
            world
                .calls
                .push(Supervisor::new(config, seed, world.now).expect("a valid configuration"));
            world.feed(caller, publish(TrackId(1), "a"));
            for (track, other) in (10..).zip(names.iter().filter(|other| *other != name)) {
                world.feed(caller, subscribe(TrackId(track), other, "a"));
            }
            world.feed(caller, Input::Connect);
        }
        world
    }

    fn can_reach(&self, caller: usize, relay: &str) -> bool {
        let now = self.now - Timestamp::ZERO;
        !self.outages.iter().any(|outage| {
            outage.caller == caller
                && outage.relay == relay
                && (outage.from..outage.until).contains(&now)
        })
    }

    fn schedule(&mut self, caller: usize, millis: u32, input: Input) {
        self.serial += 1;
        self.pending.insert((self.now + MS * millis, self.serial), (caller, input));
    }

    fn run(&mut self, until: Duration) {
        let until = Timestamp::ZERO + until;
        loop {
            let input = self.pending.keys().next().map(|(at, _)| *at);
            let tick = (0..self.calls.len())
                .filter_map(|caller| self.calls[caller].deadline().map(|d| (d.at, caller)))
                .min();
            let next = input.into_iter().chain(tick.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|at| *at <= until) else { break };
            self.now = next;
            if input == Some(next) {
                let (_, (caller, input)) = self.pending.pop_first().expect("an input is pending");
                self.feed(caller, input);
            } else if let Some((_, caller)) = tick {
                self.feed(caller, Input::Tick);
                let next = self.calls[caller].deadline();
                assert!(
                    next.is_none_or(|next| next.at > self.now),
                    "the deadline is later than now"
                );
            }
        }
        self.now = until;
    }

    fn feed(&mut self, caller: usize, input: Input) {
        self.calls[caller].handle(self.now, input);
        while let Some(output) = self.calls[caller].poll_output() {
            self.carry_out(caller, output);
        }
    }

    fn find(&mut self, caller: usize, id: SessionId) -> Option<usize> {
        self.sessions.iter().position(|s| s.caller == caller && s.id == id)
    }

    fn carry_out(&mut self, caller: usize, output: Output) {
        match output {
            Output::Dial { session: id, relay, .. } => {
                if self.can_reach(caller, &relay) {
                    let (epoch, namespace_subscriptions) = (None, Vec::new());
                    self.sessions.push(Session {
                        caller,
                        id,
                        relay,
                        epoch,
                        namespace_subscriptions,
                    });
                    self.schedule(caller, 40, Input::Connected { session: id });
                } else {
                    let cause = Cause::new(CauseKind::NetworkUnavailable);
                    self.schedule(caller, 40, Input::DialFailed { session: id, cause });
                }
            }
            Output::CloseSession { session } => {
                if let Some(index) = self.find(caller, session) {
                    let closed = self.sessions.remove(index);
                    if let Some(epoch) = closed.epoch {
                        self.notify_subscribers(&closed.relay, caller, |namespace_subscription| {
                            Input::NamespaceRemoved { namespace_subscription, epoch }
                        });
                    }
                }
            }
            Output::PublishNamespace { session, epoch, .. } => {
                if let Some(index) = self.find(caller, session) {
                    self.sessions[index].epoch = Some(epoch);
                    let relay = self.sessions[index].relay.clone();
                    self.schedule(caller, 20, Input::NamespaceAccepted { session, epoch });
                    self.notify_subscribers(&relay, caller, |namespace_subscription| {
                        Input::NamespaceAdded { namespace_subscription, epoch }
                    });
                }
            }
            Output::SubscribeNamespace { session, namespace_subscription, prefix } => {
                if let Some(index) = self.find(caller, session) {
                    let relay = self.sessions[index].relay.clone();
                    self.sessions[index]
                        .namespace_subscriptions
                        .push((namespace_subscription, prefix[1].clone()));
                    self.schedule(
                        caller,
                        20,
                        Input::NamespaceSubscriptionAccepted { namespace_subscription },
                    );
                    let epochs: Vec<u64> = self
                        .sessions
                        .iter()
                        .filter(|s| s.relay == relay && self.names[s.caller] == prefix[1])
                        .filter_map(|s| s.epoch)
                        .collect();
                    for epoch in epochs {
                        self.schedule(
                            caller,
                            21,
                            Input::NamespaceAdded { namespace_subscription, epoch },
                        );
                    }
                }
            }
            Output::Subscribe { subscription, .. } => {
                self.schedule(caller, 20, Input::SubscriptionAccepted { subscription });
            }
            Output::ProbePath { session } => {
                if let Some(index) = self.find(caller, session) {
                    let relay = self.sessions[index].relay.clone();
                    let counter =
                        if self.can_reach(caller, &relay) { self.now.as_micros() } else { 0 };
                    let (received, acknowledged, rtt_micros) = (counter, counter, 40_000);
                    let report = Input::PathReport { session, received, acknowledged, rtt_micros };
                    self.schedule(caller, 0, report);
                }
            }
            _ => {}
        }
    }

    /// Feeds an input for each namespace subscription to `caller` at `relay`.
    fn notify_subscribers(
        &mut self,
        relay: &str,
        caller: usize,
        input: impl Fn(NamespaceSubscriptionId) -> Input,
    ) {
        let subscribers: Vec<(usize, NamespaceSubscriptionId)> = self
            .sessions
            .iter()
            .filter(|s| s.relay == relay)
            .flat_map(|s| {
                s.namespace_subscriptions
                    .iter()
                    .map(|(namespace_subscription, name)| (s.caller, *namespace_subscription, name))
            })
            .filter(|(_, _, name)| *name == self.names[caller])
            .map(|(subscriber, namespace_subscription, _)| (subscriber, namespace_subscription))
            .collect();
        for (subscriber, namespace_subscription) in subscribers {
            self.schedule(subscriber, 20, input(namespace_subscription));
        }
    }

    fn everyone_is_present(&self) -> bool {
        self.calls.iter().all(|call| {
            call.state() == StateName::Live && call.record().participants.iter().all(|p| p.present)
        })
    }

    /// The relays of the sessions that publish a namespace.
    fn relays(&self) -> Vec<&str> {
        let mut relays: Vec<&str> = Vec::new();
        for session in self.sessions.iter().filter(|s| s.epoch.is_some()) {
            relays.push(&session.relay);
        }
        relays
    }
}

fn outage(caller: usize, relay: &'static str, from: u64, until: u64) -> Outage {
    let (from, until) = (Duration::from_millis(from), Duration::from_millis(until));
    Outage { caller, relay, from, until }
}

#[test]
fn participants_on_different_relays_find_each_other_within_seconds() {
    for seed in 0..200 {
        // Both lose the north. Alice reaches it again before Bob dials the south.
        let outages = vec![outage(0, "north", 5_000, 5_700), outage(1, "north", 5_000, 9_000)];
        let mut world = World::new(&["alice", "bob"], seed, outages);
        world.run(Duration::from_secs(4));
        assert!(world.everyone_is_present(), "seed {seed}");
        world.run(Duration::from_millis(7_000));
        let apart = !world.everyone_is_present();
        world.run(Duration::from_secs(20));
        assert!(world.everyone_is_present(), "seed {seed}: {:?}", world.relays());
        assert!(apart, "seed {seed}: the participants were never apart");
        let before = format!("{:?}", world.relays());
        world.run(Duration::from_secs(60));
        assert_eq!(
            format!("{:?}", world.relays()),
            before,
            "seed {seed}: the relays stay the same"
        );
    }
}

/// Both start on different relays, and miss each other at the same moment.
#[test]
fn participants_do_not_swap_relays_for_ever() {
    let mut world = World::with(&["alice", "bob"], 1, Vec::new(), |caller, config| {
        if caller == 1 {
            config.relays.reverse();
        }
    });
    world.run(Duration::from_secs(4));
    assert!(world.everyone_is_present(), "{:?}", world.relays());
    assert_eq!(world.relays(), ["north", "north"], "the participant with the smaller name stays");
}

/// For some time, each participant can reach only the relay that the other one has to leave.
#[test]
fn alternating_outages_do_not_keep_participants_apart() {
    for seed in 0..200 {
        let mut outages = Vec::new();
        for start in [5_000, 12_000, 19_000] {
            outages.push(outage(0, "north", start, start + 2_500));
            outages.push(outage(1, "south", start, start + 2_500));
            outages.push(outage(0, "south", start + 3_500, start + 6_000));
            outages.push(outage(1, "north", start + 3_500, start + 6_000));
        }
        let mut world = World::new(&["alice", "bob"], seed, outages);
        world.run(Duration::from_secs(45));
        assert!(world.everyone_is_present(), "seed {seed}: {:?}", world.relays());
    }
}

#[test]
fn participants_who_start_apart_meet_while_the_call_rings() {
    for lost in [0, 1] {
        let outages = vec![outage(lost, "north", 0, 3_000)];
        let mut world = World::new(&["alice", "bob"], 1, outages);
        world.run(Duration::from_secs(20));
        assert!(world.everyone_is_present(), "{:?}", world.relays());
    }
}

/// Alice probes because an outage moved her, and Bob probes because he misses her. Neither notices
/// in time that the other one moves, so they swap relays (glare).
#[test]
fn after_a_swap_of_relays_one_participant_returns_at_once() {
    let mut swaps = 0;
    for noticed in (5_600..5_900).step_by(10) {
        let mut world = World::new(&["alice", "bob"], 1, vec![outage(0, "north", 5_000, 8_000)]);
        world.run(Duration::from_secs(4));
        let session = |caller| {
            world
                .sessions
                .iter()
                .find(move |s| s.caller == caller)
                .expect("the caller has a session")
        };
        let (epoch, namespace_subscription) = (
            session(0).epoch.expect("the session publishes a namespace"),
            session(1).namespace_subscriptions[0].0,
        );
        world.schedule(
            1,
            noticed - 4_000,
            Input::NamespaceRemoved { namespace_subscription, epoch },
        );
        // Without a swap, both are together by 9 s.
        world.run(Duration::from_millis(9_300));
        assert!(world.everyone_is_present(), "noticed at {noticed} ms: {:?}", world.relays());
        let incidents = |caller: usize| world.calls[caller].stats().telemetry.incidents;
        swaps += u32::from(incidents(0) + incidents(1) == 4);
    }
    assert!(swaps > 0, "no run contains a swap: the test proves nothing");
}

/// The other participant does not notice as long as the relay announces the lost namespace.
#[test]
fn a_participant_moved_by_an_outage_probes_home_at_once() {
    for lost in [0, 1] {
        let outages = vec![outage(lost, "north", 5_000, 9_000)];
        let mut world = World::new(&["alice", "bob"], 1, outages);
        world.run(Duration::from_millis(12_500));
        assert!(world.everyone_is_present(), "{:?}", world.relays());
    }
}

#[test]
fn three_participants_gather_and_a_departed_one_moves_nobody() {
    for seed in 0..100 {
        let outages = vec![outage(0, "north", 5_000, 9_000), outage(2, "north", 5_000, 5_700)];
        let mut world = World::new(&["alice", "bob", "carol"], seed, outages);
        world.run(Duration::from_secs(40));
        assert!(world.everyone_is_present(), "seed {seed}: {:?}", world.relays());
        world.feed(0, Input::Close);
        world.run(Duration::from_secs(45));
        let incidents = |world: &World| -> Vec<u64> {
            world.calls[1..].iter().map(|call| call.stats().telemetry.incidents).collect()
        };
        let before = incidents(&world);
        world.run(Duration::from_secs(300));
        assert_eq!(incidents(&world), before, "seed {seed}: a probe moves no participant");
        let left = world.calls[1].record().participants;
        assert!(left.iter().any(|p| p.name == "alice" && !p.present));
    }
}
