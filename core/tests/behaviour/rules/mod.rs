//! The rules: laws of a call, written down from the design and not from the code. They see the
//! inputs and the outputs, keep their own record of both, and never look inside the call.

#![allow(dead_code, unreachable_pub, missing_docs)]

mod handover;
mod homing;
mod inputs;
pub mod judged_call;
mod outputs;
mod providers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use handover::Handover;
use homing::Homing;
use providers::{Dialled, Providers};

use holdline_core::error::CauseKind;
use holdline_core::id::{
    FetchId, IncidentId, NamespaceSubscriptionId, PublicationId, SessionId, SubscriptionId, TrackId,
};
use holdline_core::media::{Frame, FrameNumber, Location, Object};
use holdline_core::{Config, Input, StateName, Supervisor, Timestamp};

/// What the relay and the call have exchanged on one session.
#[derive(Clone, Debug)]
pub struct Session {
    pub dial: Dialled,
    pub up_at: Timestamp,
    pub publications: BTreeMap<PublicationId, String>,
    /// Whether the call ever offered a track on this session.
    pub offered: bool,
    /// The epoch that the call requested last, and whether the relay accepted it.
    pub namespace: Option<(u64, bool)>,
    pub namespace_subscriptions: BTreeMap<NamespaceSubscriptionId, NamespaceSubscription>,
    /// The epochs that ended namespace subscriptions had reported, by participant.
    pub remembered: BTreeMap<String, BTreeSet<u64>>,
    pub subscriptions: BTreeMap<SubscriptionId, (String, String)>,
    pub followed: BTreeMap<SubscriptionId, Followed>,
    pub fetches: BTreeMap<FetchId, (String, String)>,
    /// The FETCH requests that the call has to answer, by Request ID.
    pub fetch_responses: BTreeMap<u64, FetchResponse>,
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
            followed: BTreeMap::new(),
            fetches: BTreeMap::new(),
            fetch_responses: BTreeMap::new(),
        }
    }

    /// Whether the relay has reported a namespace of that participant.
    fn has(&self, participant: &String) -> bool {
        let mut namespace_subscriptions = self
            .namespace_subscriptions
            .values()
            .filter(|namespace_subscription| namespace_subscription.participant == *participant);
        namespace_subscriptions
            .any(|namespace_subscription| !namespace_subscription.epochs.is_empty())
    }
}

/// What is known of a subscription.
#[derive(Clone, Copy, Debug)]
pub struct Followed {
    pub epoch: u64,
    pub accepted: bool,
    pub flows: bool,
}

impl Followed {
    fn is_alive(self) -> bool {
        self.accepted || self.flows
    }
}

/// A response of the call to a FETCH.
#[derive(Clone, Debug)]
pub struct FetchResponse {
    pub name: String,
    pub first: Location,
    pub last: Location,
    pub accepted: bool,
    pub last_sent: Option<FrameNumber>,
}

/// What arrived on a track, and what was delivered of it.
#[derive(Clone, Debug, Default)]
pub struct ReceivedTrack {
    pub received: BTreeMap<FrameNumber, Object>,
    pub delivered: Option<FrameNumber>,
    /// The last delivered sequence number of each incarnation of the publisher.
    pub incarnations: BTreeMap<u64, u64>,
    pub live: bool,
}

#[derive(Clone, Debug)]
pub struct NamespaceSubscription {
    pub participant: String,
    pub accepted: bool,
    pub epochs: BTreeSet<u64>,
}

/// The most recently minted identifiers of each kind.
#[derive(Clone, Debug, Default)]
pub struct NewestIds {
    pub sessions: Recent<SessionId>,
    pub publications: Recent<PublicationId>,
    pub namespace_subscriptions: Recent<NamespaceSubscriptionId>,
    pub subscriptions: Recent<SubscriptionId>,
    pub fetches: Recent<FetchId>,
}

/// The six most recent values; the newest is the last.
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

    /// The value that is `back` places before the newest one.
    pub fn before(&self, back: u8) -> Option<T> {
        self.0.iter().rev().flatten().nth(back.into()).copied()
    }
}

#[derive(Clone, Debug)]
struct Incident {
    id: IncidentId,
    since: Timestamp,
    attempts: u32,
}

/// The use of a retry budget.
#[derive(Clone, Debug, Default)]
struct Budget {
    /// How many attempts are used at most, and how many of them the time that sessions were live
    /// may have earned back since the last attempt.
    used: u32,
    earned: u32,
}

/// The record of one call, and the laws that judge it.
#[derive(Clone, Debug)]
pub struct Rules {
    config: Config,
    /// Whether each tick arrives exactly at the deadline. Then the bounds are exact, too.
    exact: bool,
    now: Timestamp,
    state: StateName,
    newest_id: u64,
    pub providers: Providers,
    pub dials: BTreeMap<SessionId, Dialled>,
    pub sessions: BTreeMap<SessionId, Session>,
    /// The tracks that the application publishes, and those that it subscribes to, by handle.
    pub published: BTreeMap<TrackId, String>,
    pub subscribed: BTreeMap<TrackId, (String, String)>,
    closed_tracks: BTreeSet<TrackId>,
    /// The tracks that ended, as the application was told.
    over_tracks: BTreeSet<TrackId>,
    newest_epoch: u64,
    last_sent: BTreeMap<String, Location>,
    /// The frames that the application sent on each published track, in order.
    application_frames: BTreeMap<String, Vec<Frame>>,
    finished: BTreeSet<String>,
    received_tracks: BTreeMap<TrackId, ReceivedTrack>,
    incident: Option<Incident>,
    handover: Handover,
    /// The budget of recoveries, and that of planned changes.
    budget: Budget,
    planned_budget: Budget,
    was_live: bool,
    live_since: Timestamp,
    last_attempt: Option<Timestamp>,
    /// The most recently minted identifiers, whether they are still in use or not.
    pub newest_ids: NewestIds,
    /// Whether a ReconnectNow or NetworkChanged input lets the next attempt begin without a pause.
    pauses_are_waived: bool,
    homing: Homing,
    pub ended: bool,
    /// Whether the last input concerned something that exists.
    pub input_is_current: bool,
}

/// Whether the call may react to an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// The input must change nothing.
    Forbidden,
    /// The reaction must keep the rules.
    Allowed,
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
            over_tracks: BTreeSet::new(),
            newest_epoch: 0,
            last_sent: BTreeMap::new(),
            application_frames: BTreeMap::new(),
            finished: BTreeSet::new(),
            received_tracks: BTreeMap::new(),
            incident: None,
            handover: Handover::default(),
            budget: Budget::default(),
            planned_budget: Budget::default(),
            was_live: false,
            live_since: Timestamp::ZERO,
            last_attempt: None,
            newest_ids: NewestIds::default(),
            pauses_are_waived: false,
            homing: Homing::default(),
            ended: false,
            input_is_current: false,
        }
    }

    /// Feeds the call a tick for everything that is due, then the input, and judges both reactions.
    pub fn feed(&mut self, call: &mut Supervisor, now: Timestamp, input: Input) {
        if input != Input::Tick {
            self.observe(call, now, &Input::Tick);
        }
        self.observe(call, now, &input);
    }

    fn observe(&mut self, call: &mut Supervisor, now: Timestamp, input: &Input) {
        self.now = self.now.max(now);
        let effect = self.note_input(input);
        self.input_is_current = effect == Effect::Allowed;
        self.handover.begin_input();
        let before = (self.state, self.ended);
        call.handle(now, input.clone());
        let mut outputs = 0;
        while let Some(output) = call.poll_output() {
            assert!(!before.1, "an ended call emits nothing: {output:?}");
            assert!(
                effect == Effect::Allowed,
                "{input:?} must change nothing, but emitted {output:?}"
            );
            assert!(!self.ended, "the Ended event is the last output, not before {output:?}");
            self.note_output(&output, input);
            outputs += 1;
            assert!(outputs < 1_000, "one input emits a bounded number of outputs");
        }
        if matches!(self.state, StateName::Joining | StateName::Live) {
            self.note_carrying();
        }
        if effect == Effect::Allowed {
            self.check_fed(input);
            self.check_state_after(input, before);
            self.check_credentials(input);
        }
        self.check_at_rest(call);
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

    /// An object of a track arrived, by subscription or by FETCH.
    fn note_received(&mut self, of: &(String, String), object: &Object) {
        let listens = |(id, other): &(&TrackId, &(String, String))| {
            *other == of && !self.closed_tracks.contains(id)
        };
        if let Some((track, _)) = self.subscribed.iter().find(listens) {
            let track = self.received_tracks.entry(*track).or_default();
            track.received.insert(object.number, object.clone());
        }
    }

    /// The states that certain inputs must lead to.
    fn check_state_after(&mut self, input: &Input, (state, ended): (StateName, bool)) {
        if ended {
            return;
        }
        match input {
            Input::Close => {
                assert_eq!(self.state, StateName::Closed, "Close closes a call in every state")
            }
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
                let replacing = self.is_candidate_of_planned_change(*session);
                if !up && state != StateName::Live || replacing {
                    self.note_fallback_session(*session);
                }
            }
            _ => {}
        }
    }

    /// The laws that hold between two inputs.
    fn check_at_rest(&self, call: &Supervisor) {
        assert_eq!(call.state(), self.state, "the public state is the last one that was reported");
        let deadline = call.deadline();
        if self.ended {
            assert!(
                self.dials.is_empty() && self.sessions.is_empty(),
                "an ended call has closed every dial and session"
            );
            assert_eq!(deadline, None);
            return;
        }
        assert!(deadline.is_none_or(|deadline| deadline.at > self.now), "{deadline:?}");
        assert_eq!(
            deadline.is_none(),
            self.state == StateName::Idle,
            "every call but an idle one has a deadline"
        );
        let telemetry = call.telemetry();
        let attempts = telemetry.attempts_succeeded
            + telemetry.attempts_failed
            + telemetry.attempts_cancelled
            + telemetry.attempts_in_flight;
        assert_eq!(
            telemetry.attempts, attempts,
            "every attempt succeeded, failed, was cancelled, or is in flight"
        );
        assert_eq!(telemetry.incidents_open, u64::from(self.incident.is_some()));
        let replacements = telemetry.replacements_done
            + telemetry.replacements_failed
            + telemetry.replacements_cancelled
            + telemetry.replacements_open;
        assert_eq!(
            telemetry.replacements, replacements,
            "every planned change was done, failed, was cancelled, or is open"
        );
        self.check_handover(telemetry.replacements_open);
        if matches!(self.state, StateName::Joining | StateName::Live) {
            let responses = self.sessions.values().flat_map(|s| s.fetch_responses.values());
            let accepted = responses.clone().filter(|response| response.accepted).count();
            let most = responses.count().min(8);
            assert_eq!(accepted, most, "eight FETCH requests are answered at a time");
        }
        let sessions = match self.state {
            StateName::Idle | StateName::Connecting => 0..=0,
            StateName::Suspect => 1..=1,
            // One session carries the call. The others are probes, one for each relay.
            StateName::Joining | StateName::Live => {
                1..=1 + usize::from(self.config.policy.racing).min(self.relays().len())
            }
            StateName::Recovering => 0..=1,
            StateName::Failed | StateName::Closed => unreachable!("a call in this state has ended"),
        };
        let open = self.sessions.len() - self.sessions_waiting_for_home() - self.sessions_beside();
        assert!(sessions.contains(&open), "{open} sessions while {}", self.state);
        if let Some(incident) = self.incident.as_ref().filter(|_| self.exact) {
            let bound = self.config.policy.window + self.config.ready_timeout;
            let open_for = self.now.since(incident.since);
            assert!(open_for <= bound + Duration::from_millis(1), "open for {open_for:?}");
        }
    }
}

/// Whether the state machine has a transition between these two states.
fn may_follow(from: StateName, to: StateName) -> bool {
    use StateName::{Closed, Connecting, Failed, Idle, Joining, Live, Recovering, Suspect};
    match (from, to) {
        (Idle, Connecting)
        | (Connecting, Joining)
        | (Joining, Live | Connecting | Recovering)
        | (Live, Suspect | Recovering | Joining)
        | (Suspect, Live | Joining | Recovering)
        | (Recovering, Live | Joining) => true,
        // A call in a final state stays there; every other call can be closed, or fail.
        (from, Closed | Failed) => !from.is_final(),
        _ => false,
    }
}
