//! The test harness: one call in virtual time, whose test feeds every input.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::time::Duration;

use bytes::Bytes;
use holdline_core::config::RetryPolicy;
use holdline_core::error::{CallError, Cause, CauseKind};
use holdline_core::id::{NamespaceSubscriptionId, SessionId, SubscriptionId, TrackId};
use holdline_core::media::{Frame, FrameNumber, Location, Object, Track};
use holdline_core::stats::Outcome;
use holdline_core::{Config, Event, Input, Output, StateName, Supervisor, Timestamp};

pub const MIC: TrackId = TrackId(1);
pub const BOB: TrackId = TrackId(2);
pub const MS: Duration = Duration::from_millis(1);
/// Nearly twice as many steps as the longest test takes.
const MOST_STEPS: u64 = 1_000_000;

pub struct CallHarness {
    pub call: Supervisor,
    pub now: Timestamp,
    /// Every output with its time. `drain` removes outputs from here.
    pub out: Vec<(Timestamp, Output)>,
    /// The last subscription that the call requested. `drain` does not clear it.
    pub last_subscription: Option<(SubscriptionId, Vec<String>)>,
    /// The last namespace subscription that the call requested. `drain` does not clear it.
    pub last_namespace_subscription: Option<NamespaceSubscriptionId>,
    /// How many objects `first_object` has sent.
    first_objects: u64,
    /// How often the test fed an input or let time pass.
    steps: u64,
    /// The Locations of the objects that Bob has sent. The index of each is its frame's number.
    pub sent_by_bob: Vec<Location>,
}

fn subscription(output: &Output) -> Option<SubscriptionId> {
    match output {
        Output::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    }
}

/// A dial that the call made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialed {
    pub at: Timestamp,
    pub session: SessionId,
}

impl CallHarness {
    pub fn new(policy: RetryPolicy, seed: u64) -> Self {
        let mut config = Config::new("moqt://relay.example", "room", "alice");
        config.policy = policy;
        Self::with(config, seed)
    }

    pub fn with(config: Config, seed: u64) -> Self {
        let call = Supervisor::new(config, seed, Timestamp::ZERO).expect("a valid configuration");
        Self {
            call,
            now: Timestamp::ZERO,
            out: Vec::new(),
            last_subscription: None,
            last_namespace_subscription: None,
            first_objects: 0,
            steps: 0,
            sent_by_bob: Vec::new(),
        }
    }

    /// Counts a step. A test whose condition never becomes true fails instead of running for ever.
    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < MOST_STEPS, "the condition of this test never becomes true");
    }

    pub fn feed(&mut self, input: Input) -> &mut Self {
        self.step();
        self.call.handle(self.now, input);
        while let Some(output) = self.call.poll_output() {
            if let Output::Subscribe { subscription, namespace, .. } = &output {
                self.last_subscription = Some((*subscription, namespace.clone()));
            }
            if let Output::SubscribeNamespace { namespace_subscription, .. } = &output {
                self.last_namespace_subscription = Some(*namespace_subscription);
            }
            self.out.push((self.now, output));
        }
        self
    }

    /// Lets time pass, and feeds a tick at exactly each deadline of the call.
    pub fn advance(&mut self, duration: Duration) -> &mut Self {
        self.step();
        let until = self.now + duration;
        while let Some(deadline) = self.call.deadline().filter(|d| d.at <= until) {
            assert!(deadline.at > self.now, "the deadline is later than now");
            self.now = deadline.at;
            self.feed(Input::Tick);
        }
        self.now = until;
        self
    }

    /// Lets time pass while the path answers every probe, so that it never goes silent.
    pub fn advance_alive(&mut self, duration: Duration) -> &mut Self {
        let received = self.now.as_micros() + 1;
        self.pass_reporting(duration, |_, probes| received + probes)
    }

    /// Lets time pass while every path answers, but that of one session.
    pub fn advance_alive_but(&mut self, silent: SessionId, duration: Duration) -> &mut Self {
        let received = self.now.as_micros() + 1;
        let count = |session, probes| if session == silent { 0 } else { received + probes };
        self.pass_reporting(duration, count)
    }

    /// Lets time pass on a silent path: the counters in its reports stay at 0.
    pub fn pass_silent(&mut self, duration: Duration) -> &mut Self {
        self.pass_reporting(duration, |_, _| 0)
    }

    /// Lets time pass. `count` maps a session and the number of probes to the counters in the
    /// report of its path.
    fn pass_reporting(
        &mut self,
        duration: Duration,
        count: impl Fn(SessionId, u64) -> u64,
    ) -> &mut Self {
        self.step();
        let until = self.now + duration;
        let mut probes = 0;
        while let Some(deadline) = self.call.deadline().filter(|d| d.at <= until) {
            assert!(deadline.at > self.now, "the deadline is later than now");
            self.now = deadline.at;
            self.feed(Input::Tick);
            for (_, session) in self.drain(|o| match o {
                Output::ProbePath { session } => Some(*session),
                _ => None,
            }) {
                probes += 1;
                let (received, acknowledged) = (count(session, probes), count(session, probes));
                let rtt_micros = 10_000;
                self.feed(Input::PathReport { session, received, acknowledged, rtt_micros });
            }
        }
        self.now = until;
        self
    }

    /// Removes the outputs for which `pick` returns a value, and returns these values.
    pub fn drain<T>(&mut self, pick: impl Fn(&Output) -> Option<T>) -> Vec<(Timestamp, T)> {
        let mut taken = Vec::new();
        self.out.retain(|(at, output)| match pick(output) {
            Some(found) => {
                taken.push((*at, found));
                false
            }
            None => true,
        });
        taken
    }

    pub fn dials(&mut self) -> Vec<Dialed> {
        self.drain(|o| match o {
            Output::Dial { session, .. } => Some(*session),
            _ => None,
        })
        .into_iter()
        .map(|(at, session)| Dialed { at, session })
        .collect()
    }

    /// Lets time pass until the next dial.
    pub fn next_dial(&mut self) -> Dialed {
        for _ in 0..60_000 {
            if let Some(dial) = self.dials().first() {
                return *dial;
            }
            self.advance(MS);
        }
        panic!("no dial within a minute");
    }

    /// The time of the next dial, which must be made within `most`. The dial stays in `out`.
    pub fn next_dial_after(&mut self, most: Duration) -> Timestamp {
        let before = self.out.len();
        let until = self.now + most;
        while self.now < until {
            self.advance(MS);
            let dial = |(_, output): &&(_, Output)| matches!(output, Output::Dial { .. });
            if let Some((at, _)) = self.out[before..].iter().find(dial) {
                return *at;
            }
        }
        panic!("no dial within {most:?}");
    }

    pub fn last_dial(&mut self) -> SessionId {
        self.dials().last().expect("a dial was made").session
    }

    pub fn closed_sessions(&mut self) -> Vec<SessionId> {
        self.drain(|o| match o {
            Output::CloseSession { session } => Some(*session),
            _ => None,
        })
        .into_iter()
        .map(|(_, s)| s)
        .collect()
    }

    pub fn namespace(&mut self) -> Option<(SessionId, u64)> {
        self.drain(|o| match o {
            Output::PublishNamespace { session, epoch, .. } => Some((*session, *epoch)),
            _ => None,
        })
        .last()
        .map(|(_, n)| *n)
    }

    pub fn namespace_subscription(&mut self) -> Option<NamespaceSubscriptionId> {
        self.drain(|o| match o {
            Output::SubscribeNamespace { namespace_subscription, .. } => {
                Some(*namespace_subscription)
            }
            _ => None,
        })
        .last()
        .map(|(_, w)| *w)
    }

    pub fn subscription(&mut self) -> Option<(SubscriptionId, Vec<String>)> {
        self.drain(|o| match o {
            Output::Subscribe { subscription, namespace, .. } => {
                Some((*subscription, namespace.clone()))
            }
            _ => None,
        })
        .pop()
        .map(|(_, s)| s)
    }

    pub fn sent(&mut self) -> Vec<Location> {
        self.drain(|o| match o {
            Output::SendObject { object, .. } => Some(object.location),
            _ => None,
        })
        .into_iter()
        .map(|(_, l)| l)
        .collect()
    }

    pub fn delivered(&mut self) -> Vec<Location> {
        self.drain(|o| match o {
            Output::Deliver { object, .. } => Some(object.location),
            _ => None,
        })
        .into_iter()
        .map(|(_, l)| l)
        .collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        self.drain(|o| match o {
            Output::Event(event) => Some(event.clone()),
            _ => None,
        })
        .into_iter()
        .map(|(_, e)| e)
        .collect()
    }

    /// The error that the call ended with.
    pub fn error(&self) -> CallError {
        match &self.call.summary().expect("the call has ended").outcome {
            Outcome::Failed(error) => error.clone(),
            ended @ (Outcome::Completed | Outcome::Idle) => {
                panic!("the call ended without an error: {ended:?}")
            }
        }
    }

    /// Connects the last dial, and accepts every request that the call makes on its session.
    pub fn accept(&mut self) -> SessionId {
        let session = self.last_dial();
        self.accept_on(session);
        session
    }

    pub fn accept_on(&mut self, session: SessionId) {
        self.accept_requests_on(session);
        let requested: Vec<SubscriptionId> =
            self.out.iter().filter_map(|(_, o)| subscription(o)).collect();
        if let Some(subscription) = requested.last() {
            self.feed(Input::SubscriptionAccepted { subscription: *subscription });
            self.first_object(*subscription);
        }
        assert_eq!(self.call.state(), StateName::Live);
    }

    /// The relay accepts the session, our namespace and our namespace subscription. Bob is online.
    pub fn accept_requests_on(&mut self, session: SessionId) {
        self.feed(Input::Connected { session });
        if let Some((session, epoch)) = self.namespace() {
            self.feed(Input::NamespaceAccepted { session, epoch });
        }
        if let Some(namespace_subscription) = self.namespace_subscription() {
            self.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
            self.feed(Input::NamespaceAdded { namespace_subscription, epoch: 500 });
        }
    }

    /// Bob's track flows on the last subscription.
    pub fn make_ready(&mut self) {
        let (subscription, _) = self.last_subscription.clone().expect("the call subscribes");
        self.feed(Input::SubscriptionAccepted { subscription });
        self.first_object(subscription);
    }

    /// Sends an object that makes a track ready, and removes its delivery from `out`.
    fn first_object(&mut self, subscription: SubscriptionId) {
        let before = self.out.len();
        self.first_objects += 1;
        self.object(subscription, 0, self.first_objects);
        let caused = self.out.split_off(before);
        self.out.extend(caused.into_iter().filter(|(_, o)| !matches!(o, Output::Deliver { .. })));
    }

    /// A call that publishes a microphone, listens to Bob, and is live.
    pub fn live(policy: RetryPolicy, seed: u64) -> (Self, SessionId) {
        let mut harness = Self::connecting(policy, seed);
        let session = harness.accept();
        (harness, session)
    }

    /// The same call before it is live: everything is accepted, but Bob's track is not ready.
    pub fn joining(policy: RetryPolicy, seed: u64) -> (Self, SessionId) {
        let mut harness = Self::connecting(policy, seed);
        let session = harness.last_dial();
        harness.accept_requests_on(session);
        assert_eq!(harness.call.state(), StateName::Joining);
        (harness, session)
    }

    fn connecting(policy: RetryPolicy, seed: u64) -> Self {
        let mut harness = Self::new(policy, seed);
        harness.feed(publish(MIC, "audio"));
        harness.feed(subscribe(BOB, "bob", "audio"));
        harness.feed(Input::Connect);
        harness
    }

    pub fn send(&mut self) -> &mut Self {
        let captured_at = self.now.as_micros();
        self.feed(Input::Send { track: MIC, frame: frame(captured_at) })
    }

    /// Feeds Bob's object at a Location, captured now.
    pub fn object(&mut self, subscription: SubscriptionId, group: u64, object: u64) -> &mut Self {
        let object = self.bobs_object(group, object);
        self.feed(Input::Object { subscription, object })
    }

    /// Bob's object at a Location. At a new Location, this is his next frame.
    pub fn bobs_object(&mut self, group: u64, object: u64) -> Object {
        let location = Location::new(group, object);
        let known = self.sent_by_bob.iter().position(|sent| *sent == location);
        let sequence = known.unwrap_or_else(|| {
            self.sent_by_bob.push(location);
            self.sent_by_bob.len() - 1
        });
        numbered(location, sequence as u64, self.now.as_micros())
    }

    pub fn lose(&mut self, session: SessionId) -> &mut Self {
        self.feed(Input::SessionClosed { session, cause: Cause::new(CauseKind::ClosedByRelay) })
    }

    /// Runs the call to its end with a relay that never answers. Returns how long from now each
    /// attempt was made.
    pub fn abandon(&mut self) -> Vec<Duration> {
        let start = self.now;
        self.advance(Duration::from_secs(600));
        self.dials().into_iter().map(|dial| dial.at - start).collect()
    }
}

pub fn publish(track: TrackId, name: &str) -> Input {
    Input::publish(track, Track::audio(name))
}

pub fn subscribe(track: TrackId, participant: &str, name: &str) -> Input {
    Input::subscribe(track, participant, Track::audio(name))
}

/// An object of Bob's with the given sequence number.
pub fn numbered(location: Location, sequence: u64, captured_at: u64) -> Object {
    Object {
        location,
        number: FrameNumber::new(BOBS_INCARNATION, sequence),
        frame: frame(captured_at),
    }
}

/// The incarnation of Bob's process.
pub const BOBS_INCARNATION: u64 = 0;

pub fn frame(captured_at: u64) -> Frame {
    Frame::new(captured_at, Bytes::from_static(b"sound"))
}
