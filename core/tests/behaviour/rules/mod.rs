//! The reference: what must hold of a call, whatever happens to it, written down from the design
//! and not from the code. It sees what goes in and what comes out, keeps its own books, and never
//! looks inside.

#![allow(dead_code, unreachable_pub, missing_docs)]

mod homing;
mod inputs;
mod outputs;
mod providers;
pub mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use homing::Homing;
use providers::{Dialled, Providers};

use holdline_core::error::CauseKind;
use holdline_core::id::{
    FetchId, IncidentId, NamespaceSubscriptionId, PublicationId, SessionId, SubscriptionId, TrackId,
};
use holdline_core::media::{Frame, FrameNumber, Location, Object};
use holdline_core::{Config, Input, StateName, Supervisor, Timestamp};

/// What the relay and we have said to each other on one session.
#[derive(Clone, Debug)]
pub struct Session {
    pub dial: Dialled,
    pub up_at: Timestamp,
    pub publications: BTreeMap<PublicationId, String>,
    /// Whether any track was ever offered on it.
    pub offered: bool,
    /// The epoch that was asked for last, and whether the relay accepted it.
    pub namespace: Option<(u64, bool)>,
    pub namespace_subscriptions: BTreeMap<NamespaceSubscriptionId, NamespaceSubscription>,
    /// Which namespaces watches that have ended told of, by participant.
    pub remembered: BTreeMap<String, BTreeSet<u64>>,
    pub subscriptions: BTreeMap<SubscriptionId, (String, String)>,
    pub fetches: BTreeMap<FetchId, (String, String)>,
    /// Whoever asked for what we have said, by Request ID.
    pub answers: BTreeMap<u64, Answer>,
}

impl Session {
    pub fn new(dial: Dialled, up_at: Timestamp) -> Self {
        Self {
            dial,
            up_at,
            publications: BTreeMap::new(),
            offered: false,
            namespace: None,
            namespace_subscriptions: BTreeMap::new(),
            remembered: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            fetches: BTreeMap::new(),
            answers: BTreeMap::new(),
        }
    }

    /// Whether the relay has told of that participant.
    fn has(&self, participant: &String) -> bool {
        let mut namespace_subscriptions = self
            .namespace_subscriptions
            .values()
            .filter(|namespace_subscription| namespace_subscription.participant == *participant);
        namespace_subscriptions
            .any(|namespace_subscription| !namespace_subscription.epochs.is_empty())
    }
}

/// An answer to a FETCH.
#[derive(Clone, Debug)]
pub struct Answer {
    pub name: String,
    pub first: Location,
    pub last: Location,
    pub accepted: bool,
    pub said: Option<FrameNumber>,
}

/// What came of a track, and what of it was delivered.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub came: BTreeMap<FrameNumber, Object>,
    pub delivered: Option<FrameNumber>,
    /// The publisher's processes that frames of were delivered.
    pub lives: BTreeMap<u64, u64>,
    pub live: bool,
}

#[derive(Clone, Debug)]
pub struct NamespaceSubscription {
    pub participant: String,
    pub accepted: bool,
    pub epochs: BTreeSet<u64>,
}

/// The newest identifiers of each kind, newest last.
#[derive(Clone, Debug, Default)]
pub struct Lately {
    pub sessions: Recent<SessionId>,
    pub publications: Recent<PublicationId>,
    pub namespace_subscriptions: Recent<NamespaceSubscriptionId>,
    pub subscriptions: Recent<SubscriptionId>,
    pub fetches: Recent<FetchId>,
}

/// The last few.
#[derive(Clone, Copy, Debug)]
pub struct Recent<T>([Option<T>; 6]);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self([const { None }; 6])
    }
}

impl<T: Copy> Recent<T> {
    fn push(&mut self, new: T) {
        self.0.rotate_left(1);
        self.0[5] = Some(new);
    }

    /// The newest, the one before it, and so on.
    pub fn before(&self, back: u8) -> Option<T> {
        self.0.iter().rev().flatten().nth(back.into()).copied()
    }
}

#[derive(Clone, Debug)]
struct Incident {
    id: IncidentId,
    since: Timestamp,
    attempts: u32,
    voluntary: bool,
    /// The relay whose session is to be renewed.
    renews: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Rules {
    config: Config,
    /// Whether ticks come exactly when they are asked for: then bounds are exact too.
    exact: bool,
    now: Timestamp,
    state: StateName,
    newest_id: u64,
    pub providers: Providers,
    pub dials: BTreeMap<SessionId, Dialled>,
    pub sessions: BTreeMap<SessionId, Session>,
    /// Tracks that the application published and listens to, by handle.
    pub published: BTreeMap<TrackId, String>,
    pub subscribed: BTreeMap<TrackId, (String, String)>,
    closed_tracks: BTreeSet<TrackId>,
    newest_epoch: u64,
    last_sent: BTreeMap<String, Location>,
    /// What the application gave to each of our tracks, in order.
    given: BTreeMap<String, Vec<Frame>>,
    finished: BTreeSet<String>,
    heard_of: BTreeMap<TrackId, Heard>,
    incident: Option<Incident>,
    /// Attempts made since the budget was last whole.
    spent: u32,
    was_live: bool,
    live_since: Timestamp,
    last_attempt: Option<Timestamp>,
    /// The newest identifiers, whether they are still of use or not.
    pub lately: Lately,
    /// The application or the host asked for haste: pauses do not count.
    hurried: bool,
    homing: Homing,
    pub ended: bool,
    /// Whether the last input was of something that is there.
    pub heard: bool,
}

/// What an input is to a call that it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It must change nothing.
    Nothing,
    /// Whatever it does must keep the rules.
    Something,
}

impl Rules {
    pub fn new(config: &Config, exact: bool) -> Self {
        Self {
            config: config.clone(),
            exact,
            now: Timestamp::ZERO,
            state: StateName::Idle,
            newest_id: 0,
            providers: Providers::default(),
            dials: BTreeMap::new(),
            sessions: BTreeMap::new(),
            published: BTreeMap::new(),
            subscribed: BTreeMap::new(),
            closed_tracks: BTreeSet::new(),
            newest_epoch: 0,
            last_sent: BTreeMap::new(),
            given: BTreeMap::new(),
            finished: BTreeSet::new(),
            heard_of: BTreeMap::new(),
            incident: None,
            spent: 0,
            was_live: false,
            live_since: Timestamp::ZERO,
            last_attempt: None,
            lately: Lately::default(),
            hurried: false,
            homing: Homing::default(),
            ended: false,
            heard: false,
        }
    }

    /// Gives the call an input, and whatever is due before it, and judges what it does.
    pub fn feed(&mut self, call: &mut Supervisor, now: Timestamp, input: Input) {
        if input != Input::Tick {
            self.observe(call, now, &Input::Tick);
        }
        self.observe(call, now, &input);
    }

    fn observe(&mut self, call: &mut Supervisor, now: Timestamp, input: &Input) {
        self.now = self.now.max(now);
        let meaning = self.note_input(input);
        self.heard = meaning == Meaning::Something;
        let before = (self.state, self.ended);
        call.handle(now, input.clone());
        let mut outputs = 0;
        while let Some(output) = call.poll_output() {
            assert!(!before.1, "nothing comes after the end: {output:?}");
            assert!(meaning == Meaning::Something, "{input:?} must change nothing: {output:?}");
            assert!(!self.ended, "the end comes last, not before {output:?}");
            self.note_output(&output, input);
            outputs += 1;
            assert!(outputs < 1_000, "what one input brings is bounded");
        }
        if matches!(self.state, StateName::Joining | StateName::Live) {
            self.note_carrying();
        }
        if meaning == Meaning::Something {
            self.expect(input, before);
            self.expect_of_credentials(input);
        }
        self.after(call);
    }

    fn namespace_subscription(
        &mut self,
        id: NamespaceSubscriptionId,
    ) -> Option<&mut NamespaceSubscription> {
        self.sessions.values_mut().find_map(|session| session.namespace_subscriptions.get_mut(&id))
    }

    fn track_of(&self, id: SubscriptionId) -> Option<&(String, String)> {
        self.sessions.values().find_map(|session| session.subscriptions.get(&id))
    }

    fn track_fetched(&self, id: FetchId) -> Option<&(String, String)> {
        self.sessions.values().find_map(|session| session.fetches.get(&id))
    }

    /// Something came of a track, by whatever way.
    fn note_heard(&mut self, of: &(String, String), object: &Object) {
        let listens = |(id, other): &(&TrackId, &(String, String))| {
            *other == of && !self.closed_tracks.contains(id)
        };
        if let Some((track, _)) = self.subscribed.iter().find(listens) {
            let heard = self.heard_of.entry(*track).or_default();
            heard.came.insert(object.number, object.clone());
        }
    }

    /// What certain inputs must lead to, whatever else holds.
    fn expect(&mut self, input: &Input, (state, ended): (StateName, bool)) {
        if ended {
            return;
        }
        match input {
            Input::Close => assert_eq!(self.state, StateName::Closed, "closed at any moment"),
            Input::Connect => assert_ne!(self.state, StateName::Idle),
            Input::DialFailed { cause, .. } | Input::SessionClosed { cause, .. }
                if self.ended
                    && !matches!(
                        cause.kind,
                        CauseKind::CertificateUntrusted | CauseKind::VersionMismatch
                    ) =>
            {
                assert_eq!(self.state, StateName::Failed);
            }
            Input::Connected { session } if self.sessions.contains_key(session) => {
                let up = matches!(self.state, StateName::Joining | StateName::Live);
                if !up && state != StateName::Live {
                    self.note_second_best(*session);
                }
            }
            _ => {}
        }
    }

    /// What holds at rest.
    fn after(&self, call: &Supervisor) {
        assert_eq!(call.state(), self.state, "the public state is the machine's state");
        let deadline = call.deadline();
        if self.ended {
            assert!(self.dials.is_empty() && self.sessions.is_empty(), "everything is closed");
            assert_eq!(deadline, None);
            return;
        }
        assert!(deadline.is_none_or(|deadline| deadline.at > self.now), "{deadline:?}");
        assert_eq!(deadline.is_none(), self.state == StateName::Idle, "a call always ends somehow");
        let telemetry = call.telemetry();
        let attempts = telemetry.attempts_succeeded
            + telemetry.attempts_failed
            + telemetry.attempts_cancelled
            + telemetry.attempts_in_flight;
        assert_eq!(telemetry.attempts, attempts, "attempts are conserved");
        assert_eq!(telemetry.incidents_open, u64::from(self.incident.is_some()));
        if matches!(self.state, StateName::Joining | StateName::Live) {
            for answers in self.sessions.values().map(|session| &session.answers) {
                let accepted = answers.values().filter(|answer| answer.accepted).count();
                assert_eq!(accepted, answers.len().min(8), "who asks is answered, eight at a time");
            }
        }
        let sessions = match self.state {
            StateName::Idle | StateName::Connecting => 0..=0,
            StateName::Suspect => 1..=1,
            // Others look for whoever is missing, on one relay each.
            StateName::Joining | StateName::Live => {
                1..=1 + usize::from(self.config.policy.racing).min(self.relays().len())
            }
            StateName::Recovering => 0..=1,
            StateName::Failed | StateName::Closed => unreachable!("it has not ended"),
        };
        let open = self.sessions.len() - self.waiting_for_home();
        assert!(sessions.contains(&open), "{open} sessions");
        if let Some(incident) = self.incident.as_ref().filter(|_| self.exact) {
            let bound = self.config.policy.window + self.config.ready_timeout;
            let open_for = self.now.since(incident.since);
            assert!(open_for <= bound + Duration::from_millis(1), "open for {open_for:?}");
        }
    }
}

/// The ways from state to state.
fn may_follow(from: StateName, to: StateName) -> bool {
    use StateName::{Closed, Connecting, Failed, Idle, Joining, Live, Recovering, Suspect};
    match (from, to) {
        (Idle, Connecting)
        | (Connecting, Joining)
        | (Joining, Live | Connecting | Recovering)
        | (Live, Suspect | Recovering | Joining)
        | (Suspect, Live | Joining | Recovering)
        | (Recovering, Live | Joining) => true,
        // Whoever is over stays so; everybody else can be closed, or fail.
        (from, Closed | Failed) => !from.is_final(),
        _ => false,
    }
}
