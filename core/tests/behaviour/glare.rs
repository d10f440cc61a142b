//! R13: both sides recover at once, onto different relays, and find each other.

use crate::common::{publish, subscribe};
use std::collections::BTreeMap;
use std::time::Duration;

use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{NamespaceSubscriptionId, SessionId, TrackId};
use holdline_core::{Config, Input, Output, StateName, Supervisor, Timestamp};

const MS: Duration = Duration::from_millis(1);

/// A relay that a caller cannot reach from one time to another.
struct Outage {
    caller: usize,
    relay: &'static str,
    from: Duration,
    until: Duration,
}

/// Who is where: sessions, what they publish and whom they look out for.
struct Session {
    caller: usize,
    id: SessionId,
    relay: String,
    epoch: Option<u64>,
    namespace_subscriptions: Vec<(NamespaceSubscriptionId, String)>,
}

struct World {
    names: Vec<&'static str>,
    calls: Vec<Supervisor>,
    now: Timestamp,
    serial: u64,
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
            world.calls.push(Supervisor::new(config, seed, world.now).expect("valid"));
            world.feed(caller, publish(TrackId(1), "a"));
            for (track, other) in (10..).zip(names.iter().filter(|other| *other != name)) {
                world.feed(caller, subscribe(TrackId(track), other, "a"));
            }
            world.feed(caller, Input::Connect);
        }
        world
    }

    fn reaches(&self, caller: usize, relay: &str) -> bool {
        let now = self.now - Timestamp::ZERO;
        !self.outages.iter().any(|outage| {
            outage.caller == caller
                && outage.relay == relay
                && (outage.from..outage.until).contains(&now)
        })
    }

    fn later(&mut self, caller: usize, millis: u32, input: Input) {
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
                let (_, (caller, input)) = self.pending.pop_first().expect("there is one");
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
                if self.reaches(caller, &relay) {
                    let (epoch, namespace_subscriptions) = (None, Vec::new());
                    self.sessions.push(Session {
                        caller,
                        id,
                        relay,
                        epoch,
                        namespace_subscriptions,
                    });
                    self.later(caller, 40, Input::Connected { session: id });
                } else {
                    let cause = Cause::new(CauseKind::NetworkUnavailable);
                    self.later(caller, 40, Input::DialFailed { session: id, cause });
                }
            }
            Output::CloseSession { session } => {
                if let Some(index) = self.find(caller, session) {
                    let gone = self.sessions.remove(index);
                    if let Some(epoch) = gone.epoch {
                        self.tell(&gone.relay, caller, |namespace_subscription| {
                            Input::NamespaceRemoved { namespace_subscription, epoch }
                        });
                    }
                }
            }
            Output::PublishNamespace { session, epoch, .. } => {
                if let Some(index) = self.find(caller, session) {
                    self.sessions[index].epoch = Some(epoch);
                    let relay = self.sessions[index].relay.clone();
                    self.later(caller, 20, Input::NamespaceAccepted { session, epoch });
                    self.tell(&relay, caller, |namespace_subscription| Input::NamespaceAdded {
                        namespace_subscription,
                        epoch,
                    });
                }
            }
            Output::SubscribeNamespace { session, namespace_subscription, prefix } => {
                if let Some(index) = self.find(caller, session) {
                    let relay = self.sessions[index].relay.clone();
                    self.sessions[index]
                        .namespace_subscriptions
                        .push((namespace_subscription, prefix[1].clone()));
                    self.later(
                        caller,
                        20,
                        Input::NamespaceSubscriptionAccepted { namespace_subscription },
                    );
                    let there: Vec<u64> = self
                        .sessions
                        .iter()
                        .filter(|s| s.relay == relay && self.names[s.caller] == prefix[1])
                        .filter_map(|s| s.epoch)
                        .collect();
                    for epoch in there {
                        self.later(
                            caller,
                            21,
                            Input::NamespaceAdded { namespace_subscription, epoch },
                        );
                    }
                }
            }
            Output::Subscribe { subscription, .. } => {
                self.later(caller, 20, Input::SubscriptionAccepted { subscription });
            }
            Output::ProbePath { session } => {
                if let Some(index) = self.find(caller, session) {
                    let relay = self.sessions[index].relay.clone();
                    let counter =
                        if self.reaches(caller, &relay) { self.now.as_micros() } else { 0 };
                    let (received, acknowledged, rtt_micros) = (counter, counter, 40_000);
                    let report = Input::PathReport { session, received, acknowledged, rtt_micros };
                    self.later(caller, 0, report);
                }
            }
            _ => {}
        }
    }

    /// Tells whoever looks out for `caller` at `relay`.
    fn tell(
        &mut self,
        relay: &str,
        caller: usize,
        input: impl Fn(NamespaceSubscriptionId) -> Input,
    ) {
        let watchers: Vec<(usize, NamespaceSubscriptionId)> = self
            .sessions
            .iter()
            .filter(|s| s.relay == relay)
            .flat_map(|s| {
                s.namespace_subscriptions
                    .iter()
                    .map(|(namespace_subscription, whom)| (s.caller, *namespace_subscription, whom))
            })
            .filter(|(_, _, whom)| *whom == self.names[caller])
            .map(|(watcher, namespace_subscription, _)| (watcher, namespace_subscription))
            .collect();
        for (watcher, namespace_subscription) in watchers {
            self.later(watcher, 20, input(namespace_subscription));
        }
    }

    fn everybody_is_here(&self) -> bool {
        self.calls.iter().all(|call| {
            call.state() == StateName::Live && call.record().participants.iter().all(|p| p.present)
        })
    }

    /// Where everybody is that is live.
    fn relays(&self) -> Vec<&str> {
        let mut relays: Vec<&str> = Vec::new();
        for session in self.sessions.iter().filter(|s| s.epoch.is_some()) {
            relays.push(&session.relay);
        }
        relays
    }
}

fn cut(caller: usize, relay: &'static str, from: u64, until: u64) -> Outage {
    let (from, until) = (Duration::from_millis(from), Duration::from_millis(until));
    Outage { caller, relay, from, until }
}

#[test]
fn two_that_came_back_on_different_relays_find_each_other_within_seconds() {
    for seed in 0..200 {
        // Both lose the north; for Alice it comes back before Bob gives it up.
        let outages = vec![cut(0, "north", 5_000, 5_700), cut(1, "north", 5_000, 9_000)];
        let mut world = World::new(&["alice", "bob"], seed, outages);
        world.run(Duration::from_secs(4));
        assert!(world.everybody_is_here(), "seed {seed}");
        world.run(Duration::from_millis(7_000));
        let apart = !world.everybody_is_here();
        world.run(Duration::from_secs(20));
        assert!(world.everybody_is_here(), "seed {seed}: {:?}", world.relays());
        assert!(apart, "seed {seed}: the scenario shows nothing");
        let before = format!("{:?}", world.relays());
        world.run(Duration::from_secs(60));
        assert_eq!(format!("{:?}", world.relays()), before, "seed {seed}: it stays so");
    }
}

#[test]
fn two_that_miss_each_other_at_the_same_moment_do_not_change_places_for_ever() {
    let mut world = World::with(&["alice", "bob"], 1, Vec::new(), |caller, config| {
        if caller == 1 {
            config.relays.reverse();
        }
    });
    world.run(Duration::from_secs(4));
    assert!(world.everybody_is_here(), "{:?}", world.relays());
    assert_eq!(world.relays(), ["north", "north"], "whoever has the smaller name stays");
}

#[test]
fn two_that_each_can_reach_only_the_others_old_relay_for_a_while_do_not_pass_each_other_for_ever() {
    for seed in 0..200 {
        let mut outages = Vec::new();
        for start in [5_000, 12_000, 19_000] {
            outages.push(cut(0, "north", start, start + 2_500));
            outages.push(cut(1, "south", start, start + 2_500));
            outages.push(cut(0, "south", start + 3_500, start + 6_000));
            outages.push(cut(1, "north", start + 3_500, start + 6_000));
        }
        let mut world = World::new(&["alice", "bob"], seed, outages);
        world.run(Duration::from_secs(45));
        assert!(world.everybody_is_here(), "seed {seed}: {:?}", world.relays());
    }
}

#[test]
fn one_that_starts_on_the_wrong_relay_finds_the_other_while_it_rings() {
    for polite_is_lost in [0, 1] {
        let outages = vec![cut(polite_is_lost, "north", 0, 3_000)];
        let mut world = World::new(&["alice", "bob"], 1, outages);
        world.run(Duration::from_secs(20));
        assert!(world.everybody_is_here(), "{:?}", world.relays());
    }
}

/// One looks because it had to move, the other because it misses it: neither sees in time that the other comes.
#[test]
fn two_that_find_each_other_at_the_same_moment_change_places_and_one_goes_back_at_once() {
    let mut crossings = 0;
    for noticed in (5_600..5_900).step_by(10) {
        let mut world = World::new(&["alice", "bob"], 1, vec![cut(0, "north", 5_000, 8_000)]);
        world.run(Duration::from_secs(4));
        let session = |caller| world.sessions.iter().find(move |s| s.caller == caller).expect("up");
        let (epoch, namespace_subscription) =
            (session(0).epoch.expect("published"), session(1).namespace_subscriptions[0].0);
        world.later(1, noticed - 4_000, Input::NamespaceRemoved { namespace_subscription, epoch });
        // Without a change of places all are together by 9 s.
        world.run(Duration::from_millis(9_300));
        assert!(world.everybody_is_here(), "noticed at {noticed} ms: {:?}", world.relays());
        let incidents = |caller: usize| world.calls[caller].stats().telemetry.incidents;
        crossings += u32::from(incidents(0) + incidents(1) == 4);
    }
    assert!(crossings > 0, "nobody changed places: the scenario shows nothing");
}

/// The others do not notice for as long as their relay remembers who has gone.
#[test]
fn one_that_had_to_move_looks_back_at_once() {
    for lost in [0, 1] {
        let outages = vec![cut(lost, "north", 5_000, 9_000)];
        let mut world = World::new(&["alice", "bob"], 1, outages);
        world.run(Duration::from_millis(12_500));
        assert!(world.everybody_is_here(), "{:?}", world.relays());
    }
}

#[test]
fn three_gather_on_one_relay_and_whoever_is_really_gone_does_not_move_the_others() {
    for seed in 0..100 {
        let outages = vec![cut(0, "north", 5_000, 9_000), cut(2, "north", 5_000, 5_700)];
        let mut world = World::new(&["alice", "bob", "carol"], seed, outages);
        world.run(Duration::from_secs(40));
        assert!(world.everybody_is_here(), "seed {seed}: {:?}", world.relays());
        world.feed(0, Input::Close);
        world.run(Duration::from_secs(45));
        let incidents = |world: &World| -> Vec<u64> {
            world.calls[1..].iter().map(|call| call.stats().telemetry.incidents).collect()
        };
        let before = incidents(&world);
        world.run(Duration::from_secs(300));
        assert_eq!(incidents(&world), before, "seed {seed}: a look disturbs nobody");
        let left = world.calls[1].record().participants;
        assert!(left.iter().any(|p| p.name == "alice" && !p.present));
    }
}
