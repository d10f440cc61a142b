//! A call driven by hand, in virtual time.

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
/// Nearly twice as many as any test takes.
const MOST_STEPS: u64 = 1_000_000;

pub struct CallHarness {
    pub call: Supervisor,
    pub now: Timestamp,
    /// Everything that came out, with its time; taken by `take`.
    pub out: Vec<(Timestamp, Output)>,
    /// The last subscription asked for, whoever took it.
    pub asked_for: Option<(SubscriptionId, Vec<String>)>,
    /// The last watch asked for, whoever took it.
    pub watching: Option<NamespaceSubscriptionId>,
    /// How many objects made tracks ready.
    warm: u64,
    /// How often something was given, or time passed.
    steps: u64,
    /// The locations of the objects that Bob has sent, in their order: his frames are numbered so.
    pub said: Vec<Location>,
}

fn subscription(output: &Output) -> Option<SubscriptionId> {
    match output {
        Output::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    }
}

/// What came out of a dial.
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
            asked_for: None,
            watching: None,
            warm: 0,
            steps: 0,
            said: Vec::new(),
        }
    }

    /// A test that waits for what never comes fails instead of running for ever.
    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < MOST_STEPS, "this test waits for what never comes");
    }

    pub fn feed(&mut self, input: Input) -> &mut Self {
        self.step();
        self.call.handle(self.now, input);
        while let Some(output) = self.call.poll_output() {
            if let Output::Subscribe { subscription, namespace, .. } = &output {
                self.asked_for = Some((*subscription, namespace.clone()));
            }
            if let Output::SubscribeNamespace { namespace_subscription, .. } = &output {
                self.watching = Some(*namespace_subscription);
            }
            self.out.push((self.now, output));
        }
        self
    }

    /// Lets time pass, waking the machine exactly when it asks for it.
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

    /// Lets time pass with a path that answers, so that it never goes silent.
    pub fn advance_alive(&mut self, duration: Duration) -> &mut Self {
        let received = self.now.as_micros() + 1;
        self.pass_reporting(duration, |probes| received + probes)
    }

    /// Lets time pass with a path that is asked and shows nothing new.
    pub fn pass_silent(&mut self, duration: Duration) -> &mut Self {
        self.pass_reporting(duration, |_| 0)
    }

    /// Lets time pass; `count` is what the path's counters say after so many probes.
    fn pass_reporting(&mut self, duration: Duration, count: impl Fn(u64) -> u64) -> &mut Self {
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
                let (received, acknowledged) = (count(probes), count(probes));
                let rtt_micros = 10_000;
                self.feed(Input::PathReport { session, received, acknowledged, rtt_micros });
            }
        }
        self.now = until;
        self
    }

    /// Takes the outputs that `pick` wants, and leaves the others.
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

    /// When the next dial is made, within so long; it is left to be taken.
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
        self.dials().last().expect("a dial").session
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
        match &self.call.summary().expect("an ended call").outcome {
            Outcome::Failed(error) => error.clone(),
            ended @ (Outcome::Completed | Outcome::Idle) => {
                panic!("the call ended well: {ended:?}")
            }
        }
    }

    /// Answers the last dial with a session, and everything asked of it with yes.
    pub fn accept(&mut self) -> SessionId {
        let session = self.last_dial();
        self.accept_on(session);
        session
    }

    pub fn accept_on(&mut self, session: SessionId) {
        self.agree_on(session);
        let asked: Vec<SubscriptionId> =
            self.out.iter().filter_map(|(_, o)| subscription(o)).collect();
        if let Some(subscription) = asked.last() {
            self.feed(Input::SubscriptionAccepted { subscription: *subscription });
            self.first_object(*subscription);
        }
        assert_eq!(self.call.state(), StateName::Live);
    }

    /// The relay accepts the session, our namespace and whom we follow, and Bob is there.
    pub fn agree_on(&mut self, session: SessionId) {
        self.feed(Input::Connected { session });
        if let Some((session, epoch)) = self.namespace() {
            self.feed(Input::NamespaceAccepted { session, epoch });
        }
        if let Some(namespace_subscription) = self.namespace_subscription() {
            self.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
            self.feed(Input::NamespaceAdded { namespace_subscription, epoch: 500 });
        }
    }

    /// An object that makes a track ready, and that no test looks for.
    fn first_object(&mut self, subscription: SubscriptionId) {
        let held = self.out.len();
        self.warm += 1;
        self.object(subscription, 0, self.warm);
        let late = self.out.split_off(held);
        self.out.extend(late.into_iter().filter(|(_, o)| !matches!(o, Output::Deliver { .. })));
    }

    /// A call that publishes a microphone, listens to Bob, and is live.
    pub fn live(policy: RetryPolicy, seed: u64) -> (Self, SessionId) {
        let mut harness = Self::talking(policy, seed);
        let session = harness.accept();
        (harness, session)
    }

    /// The same, with everything agreed; only Bob's track is not ready.
    pub fn joining(policy: RetryPolicy, seed: u64) -> (Self, SessionId) {
        let mut harness = Self::talking(policy, seed);
        let session = harness.last_dial();
        harness.agree_on(session);
        assert_eq!(harness.call.state(), StateName::Joining);
        (harness, session)
    }

    fn talking(policy: RetryPolicy, seed: u64) -> Self {
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

    /// An object that was captured just now.
    pub fn object(&mut self, subscription: SubscriptionId, group: u64, object: u64) -> &mut Self {
        let object = self.said(group, object);
        self.feed(Input::Object { subscription, object })
    }

    /// What Bob says at a location: the next of his frames, if he has not said it before.
    pub fn said(&mut self, group: u64, object: u64) -> Object {
        let location = Location::new(group, object);
        let known = self.said.iter().position(|said| *said == location);
        let sequence = known.unwrap_or_else(|| {
            self.said.push(location);
            self.said.len() - 1
        });
        numbered(location, sequence as u64, self.now.as_micros())
    }

    pub fn lose(&mut self, session: SessionId) -> &mut Self {
        self.feed(Input::SessionClosed { session, cause: Cause::new(CauseKind::ClosedByRelay) })
    }

    /// Runs to the end of the call with a relay that never answers: when each attempt was made,
    /// counted from now.
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

/// A frame of Bob's.
pub fn numbered(location: Location, sequence: u64, captured_at: u64) -> Object {
    Object { location, number: FrameNumber::new(BOBS, sequence), frame: frame(captured_at) }
}

/// When Bob's process began.
pub const BOBS: u64 = 0;

pub fn frame(captured_at: u64) -> Frame {
    Frame::new(captured_at, Bytes::from_static(b"sound"))
}
