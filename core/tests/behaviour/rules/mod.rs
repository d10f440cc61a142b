//! The reference: what must hold of a call, whatever happens to it, written down from the design
//! and not from the code. It sees what goes in and what comes out, keeps its own books, and never
//! looks inside.

#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdline_core::{
    CauseKind, Config, ErrorCode, Event, IncidentId, Input, Location, Outcome, Output,
    PublicationId, SessionId, StateName, SubscriptionId, Supervisor, Timestamp, TrackId, WatchId,
};

/// What the relay and we have said to each other on one session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    pub publications: BTreeMap<PublicationId, String>,
    /// Whether any track was ever offered on it.
    pub offered: bool,
    /// The epoch that was asked for last, and whether the relay accepted it.
    pub namespace: Option<(u64, bool)>,
    pub watches: BTreeMap<WatchId, Watch>,
    /// Which namespaces watches that have ended told of, by participant.
    pub remembered: BTreeMap<String, BTreeSet<u64>>,
    pub subscriptions: BTreeMap<SubscriptionId, (String, String)>,
}

#[derive(Clone, Debug)]
pub struct Watch {
    pub participant: String,
    pub accepted: bool,
    pub epochs: BTreeSet<u64>,
}

/// The newest identifiers of each kind, newest last.
#[derive(Clone, Debug, Default)]
pub struct Lately {
    pub sessions: Recent<SessionId>,
    pub publications: Recent<PublicationId>,
    pub watches: Recent<WatchId>,
    pub subscriptions: Recent<SubscriptionId>,
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
}

#[derive(Clone, Debug)]
pub struct Rules {
    config: Config,
    /// Whether ticks come exactly when they are asked for: then bounds are exact too.
    exact: bool,
    now: Timestamp,
    state: StateName,
    newest_id: u64,
    pub dials: BTreeSet<SessionId>,
    pub sessions: BTreeMap<SessionId, Session>,
    /// Tracks that the application published and listens to, by handle.
    pub published: BTreeMap<TrackId, String>,
    pub subscribed: BTreeMap<TrackId, (String, String)>,
    closed_tracks: BTreeSet<TrackId>,
    newest_epoch: u64,
    last_sent: BTreeMap<String, Location>,
    delivered: BTreeMap<TrackId, BTreeSet<Location>>,
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
            dials: BTreeSet::new(),
            sessions: BTreeMap::new(),
            published: BTreeMap::new(),
            subscribed: BTreeMap::new(),
            closed_tracks: BTreeSet::new(),
            newest_epoch: 0,
            last_sent: BTreeMap::new(),
            delivered: BTreeMap::new(),
            incident: None,
            spent: 0,
            was_live: false,
            live_since: Timestamp::ZERO,
            last_attempt: None,
            lately: Lately::default(),
            hurried: false,
            ended: false,
            heard: false,
        }
    }

    /// Gives the call an input, and whatever is due before it, and judges what it does.
    pub fn give(&mut self, call: &mut Supervisor, now: Timestamp, input: Input) {
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
        if meaning == Meaning::Something {
            self.expect(input, before);
        }
        self.after(call);
    }

    /// What is known about an input before the call has seen it.
    fn note_input(&mut self, input: &Input) -> Meaning {
        if self.ended {
            return Meaning::Nothing;
        }
        let known = match input {
            Input::Connect => self.state == StateName::Idle,
            Input::Connected { session } => {
                let known = self.dials.remove(session);
                if known {
                    self.sessions.insert(*session, Session::default());
                }
                known
            }
            Input::DialFailed { session, .. } => self.dials.remove(session),
            Input::SessionClosed { session, .. } => self.sessions.remove(session).is_some(),
            Input::PathReport { session, .. } => self.sessions.contains_key(session),
            Input::NamespaceAccepted { session, epoch } => {
                let namespace = self.sessions.get_mut(session).map(|s| &mut s.namespace);
                match namespace {
                    Some(Some((asked, accepted))) if asked == epoch => {
                        *accepted = true;
                        true
                    }
                    _ => false,
                }
            }
            Input::NamespaceRefused { session, epoch } => {
                match self.sessions.get_mut(session).map(|s| &mut s.namespace) {
                    Some(namespace) if namespace.is_some_and(|(asked, _)| asked == *epoch) => {
                        *namespace = None;
                        true
                    }
                    _ => false,
                }
            }
            Input::PublicationEnded { publication } => {
                self.sessions.values_mut().any(|s| s.publications.remove(publication).is_some())
            }
            Input::WatchAccepted { watch } => self.watch(*watch).is_some_and(|watch| {
                watch.accepted = true;
                true
            }),
            Input::WatchEnded { watch } => self.sessions.values_mut().any(|session| {
                let Some(ended) = session.watches.remove(watch) else { return false };
                let known = session.remembered.entry(ended.participant).or_default();
                known.extend(ended.epochs);
                true
            }),
            Input::EpochAdded { watch, epoch } => self.watch(*watch).is_some_and(|watch| {
                watch.epochs.insert(*epoch);
                true
            }),
            Input::EpochRemoved { watch, epoch } => self.sessions.values_mut().any(|session| {
                let Some(watch) = session.watches.get_mut(watch) else { return false };
                let remembered = session.remembered.get_mut(&watch.participant);
                watch.epochs.remove(epoch) | remembered.is_some_and(|e| e.remove(epoch))
            }),
            Input::SubscriptionEnded { subscription } => {
                self.sessions.values_mut().any(|s| s.subscriptions.remove(subscription).is_some())
            }
            Input::SubscriptionAccepted { subscription }
            | Input::Object { subscription, .. }
            | Input::EndOfTrack { subscription } => self.track_of(*subscription).is_some(),
            Input::Publish { track, name, .. } => {
                let new = !self.published.contains_key(track)
                    && !self.published.values().any(|other| other == name);
                if new {
                    self.published.insert(*track, name.clone());
                }
                true
            }
            Input::Subscribe { track, participant, name, .. } => {
                let wanted = (participant.clone(), name.clone());
                let twice = self
                    .subscribed
                    .iter()
                    .any(|(id, other)| *other == wanted && !self.closed_tracks.contains(id));
                if !self.subscribed.contains_key(track) && !twice {
                    self.closed_tracks.remove(track);
                    self.subscribed.insert(*track, wanted);
                }
                true
            }
            Input::ReconnectNow | Input::NetworkChanged => {
                self.hurried = true;
                true
            }
            Input::DirectoryAnswered { .. }
            | Input::CredentialAnswered { .. }
            | Input::CredentialFailed { .. }
            | Input::HostChecked { .. } => false,
            Input::Tick
            | Input::Send { .. }
            | Input::Finish { .. }
            | Input::Unsubscribe { .. }
            | Input::MediaDeviceError { .. }
            | Input::SafetyAlert { .. }
            | Input::Close => true,
        };
        if known { Meaning::Something } else { Meaning::Nothing }
    }

    fn watch(&mut self, id: WatchId) -> Option<&mut Watch> {
        self.sessions.values_mut().find_map(|session| session.watches.get_mut(&id))
    }

    fn track_of(&self, id: SubscriptionId) -> Option<&(String, String)> {
        self.sessions.values().find_map(|session| session.subscriptions.get(&id))
    }

    fn mint(&mut self, id: u64) {
        assert!(id > self.newest_id, "an identifier is minted once");
        self.newest_id = id;
    }

    fn on(&mut self, session: SessionId) -> &mut Session {
        self.sessions.get_mut(&session).expect("only of a session that is up")
    }

    fn note_output(&mut self, output: &Output, input: &Input) {
        match output {
            Output::Dial { session, relay, .. } => {
                self.mint(session.0);
                self.dials.insert(*session);
                self.lately.sessions.push(*session);
                assert!(self.config.relays.contains(relay));
                let looking = usize::from(self.config.relays.len() > 1);
                let most = usize::from(self.config.policy.racing).max(looking);
                assert!(self.dials.len() <= most, "races are bounded");
            }
            Output::CloseSession { session } => {
                let open = self.dials.remove(session) || self.sessions.remove(session).is_some();
                assert!(open, "{session} is closed once, and only if it is open");
            }
            Output::ProbePath { session } | Output::Migrate { session } => {
                self.on(*session);
            }
            Output::PublishTrack { session, publication, name } => {
                self.mint(publication.0);
                self.lately.publications.push(*publication);
                let session = self.on(*session);
                let twice = session.publications.values().any(|other| other == name);
                assert!(!twice, "{name} is offered once on a session");
                session.publications.insert(*publication, name.clone());
                session.offered = true;
            }
            Output::PublishNamespace { session, namespace, epoch } => {
                assert!(*epoch > self.newest_epoch, "epochs rise");
                self.newest_epoch = *epoch;
                let (room, us) = (&self.config.room, &self.config.participant);
                assert_eq!(*namespace, [room.clone(), us.clone(), epoch.to_string()]);
                let session = self.on(*session);
                assert!(session.namespace.is_none(), "one namespace a session");
                assert!(session.offered, "tracks come before their namespace");
                session.namespace = Some((*epoch, false));
            }
            Output::SendObject { publication, location, frame } => {
                let Input::Send { track, frame: given } = input else {
                    panic!("nothing is sent that was not given: {output:?}");
                };
                assert_eq!(given, frame, "what was given is what is sent");
                assert!(matches!(self.state, StateName::Joining | StateName::Live));
                let name = self.published[track].clone();
                self.sent(*publication, name, *location);
            }
            Output::SendEndOfTrack { publication, location } => {
                let named = self.sessions.values().find_map(|s| s.publications.get(publication));
                let name = named.expect("only on a session that is up").clone();
                self.sent(*publication, name, *location);
            }
            Output::Watch { session, watch, prefix } => {
                self.mint(watch.0);
                self.lately.watches.push(*watch);
                let participant = prefix[1].clone();
                assert_eq!(*prefix, [self.config.room.clone(), participant.clone()]);
                let session = self.on(*session);
                let twice = session.watches.values().any(|other| other.participant == participant);
                assert!(!twice, "{participant} is followed once on a session");
                let watch_of = Watch { participant, accepted: false, epochs: BTreeSet::new() };
                session.watches.insert(*watch, watch_of);
            }
            Output::Subscribe { session, subscription, namespace, name } => {
                self.mint(subscription.0);
                self.lately.subscriptions.push(*subscription);
                let participant = namespace[1].clone();
                let session = self.on(*session);
                let wanted = (participant.clone(), name.clone());
                let twice = session.subscriptions.values().any(|other| *other == wanted);
                assert!(!twice, "{wanted:?} is requested once on a session");
                let watch = session.watches.values().find(|w| w.participant == participant);
                let newest = watch.and_then(|watch| watch.epochs.last().copied());
                let epoch: u64 = namespace[2].parse().expect("an epoch");
                let remembered = session.remembered.get(&participant);
                let known = newest == Some(epoch) || remembered.is_some_and(|e| e.contains(&epoch));
                assert!(known, "only from a participant that is there");
                assert!(newest.is_none_or(|newest| newest <= epoch), "under the newest namespace");
                session.subscriptions.insert(*subscription, wanted.clone());
                let listens = |(id, other): (&TrackId, &(String, String))| {
                    *other == wanted && !self.closed_tracks.contains(id)
                };
                assert!(self.subscribed.iter().any(listens), "nobody listens to {wanted:?}");
            }
            Output::Unsubscribe { subscription } => {
                let open = self
                    .sessions
                    .values_mut()
                    .any(|s| s.subscriptions.remove(subscription).is_some());
                assert!(open, "a subscription is ended once, and only if it is open");
            }
            Output::Deliver { track, location, frame } => {
                let Input::Object { subscription, location: at, frame: given } = input else {
                    panic!("nothing is delivered that did not arrive: {output:?}");
                };
                assert_eq!((given, at), (frame, location), "unaltered, and where it stood");
                let of = self.track_of(*subscription).expect("of an open subscription");
                assert_eq!(*of, self.subscribed[track], "to whoever listens to it");
                let new = self.delivered.entry(*track).or_default().insert(*location);
                assert!(new, "{location} is delivered once");
            }
            Output::CloseTrack { track } => {
                let open = self.closed_tracks.insert(*track);
                assert!(open || !self.subscribed.contains_key(track), "{track} is closed once");
            }
            Output::AskDirectory { .. }
            | Output::RememberDirectory { .. }
            | Output::AskCredential { .. }
            | Output::CheckHost => panic!("nobody is there to be asked: {output:?}"),
            Output::Event(event) => self.note_event(event, input),
        }
    }

    fn sent(&mut self, publication: PublicationId, name: String, location: Location) {
        let offered = self.sessions.values().find_map(|s| s.publications.get(&publication));
        assert_eq!(offered, Some(&name), "on its own track");
        let last = self.last_sent.insert(name, location);
        assert!(last.is_none_or(|last| last < location), "locations rise, over every session");
    }

    fn note_event(&mut self, event: &Event, input: &Input) {
        match event {
            Event::StateChanged { from, to } => {
                assert_eq!(*from, self.state, "states follow one another");
                assert!(may_follow(*from, *to), "{from} cannot become {to}");
                self.state = *to;
                if *to == StateName::Live {
                    self.now_live();
                }
            }
            Event::IncidentStarted { incident, .. } => {
                assert!(self.incident.is_none(), "at most one incident at a time");
                self.mint(incident.0);
                if self.now.since(self.live_since) >= self.config.policy.stable_after {
                    self.spent = 0;
                }
                let (id, since) = (*incident, self.now);
                self.incident = Some(Incident { id, since, attempts: 0 });
                self.last_attempt = None;
            }
            Event::AttemptStarted { incident, attempt, of, .. } => {
                let open = self.incident.as_ref().map(|incident| incident.id);
                assert_eq!(*incident, open, "an attempt is of the open incident");
                assert_eq!(*of, self.config.policy.attempts);
                assert!((1..=*of).contains(attempt), "attempt {attempt} of {of}");
                assert_eq!(*attempt, self.spent + 1, "attempts are counted until uptime is stable");
                self.check_pace();
                self.spent += 1;
                self.last_attempt = Some(self.now);
                if let Some(incident) = &mut self.incident {
                    incident.attempts += 1;
                }
            }
            Event::Recovered { incident, duration, .. } => {
                let open = self.incident.take().expect("only what began is recovered from");
                assert_eq!((*incident, *duration), (open.id, self.now.since(open.since)));
            }
            Event::TrackReady { track, .. } | Event::TrackInterrupted { track } => {
                assert!(self.subscribed.contains_key(track));
                assert!(!self.sessions.is_empty(), "a track lives on a session");
            }
            Event::Ended { summary } => {
                self.ended = true;
                self.incident = None;
                let completed = matches!(summary.outcome, Outcome::Completed | Outcome::Idle);
                let state = if completed { StateName::Closed } else { StateName::Failed };
                assert_eq!((self.state, summary.stats.state), (state, state));
                if let Outcome::Failed(error) = &summary.outcome {
                    let in_time = error.after <= self.config.policy.window || !self.exact;
                    let exhausted = error.code == ErrorCode::RecoveryExhausted;
                    assert!(!exhausted || in_time, "never past the window: {error:?}");
                }
                assert!(input != &Input::Close || summary.outcome == Outcome::Completed);
            }
            _ => {}
        }
    }

    /// R6, R8: pauses are never shorter than the policy's first, except where it says so.
    fn check_pace(&mut self) {
        let policy = &self.config.policy;
        let shortest = policy.initial * u32::from(100 - policy.jitter_percent) / 100;
        let hurried = std::mem::take(&mut self.hurried);
        let begun = self.incident.as_ref().filter(|i| i.attempts == 0).map(|i| i.since);
        let at_once = policy.immediate_first && self.spent == 0 && begun.is_some();
        let set_up = self.incident.is_none() && self.last_attempt.is_none();
        if hurried || at_once || set_up {
            return;
        }
        if let Some(last) = self.last_attempt.or(begun) {
            let paused = self.now.since(last);
            assert!(paused >= shortest, "an attempt after {paused:?}, not {shortest:?}");
        }
    }

    /// R1: live only once the relay has agreed.
    fn now_live(&mut self) {
        let others: BTreeSet<&String> =
            self.subscribed.values().map(|(participant, _)| participant).collect();
        let agreed = self.sessions.values().any(|session| {
            let announced = match session.namespace {
                Some((_, accepted)) => accepted,
                None => session.publications.is_empty(),
            };
            let followed = others.iter().all(|other| {
                session.watches.values().any(|w| w.participant == **other && w.accepted)
            });
            announced && followed
        });
        // A session that was live once is as good as it was.
        assert!(agreed || self.was_live, "live on a session that has agreed");
        if !self.was_live {
            // Setting a call up is no recovery.
            self.spent = 0;
        }
        self.was_live = true;
        self.live_since = self.now;
    }

    /// What certain inputs must lead to, whatever else holds.
    fn expect(&self, input: &Input, (state, ended): (StateName, bool)) {
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
                assert!(up || state == StateName::Live, "a session that is up is joined");
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
        let sessions = match self.state {
            StateName::Idle | StateName::Connecting => 0..=0,
            StateName::Joining | StateName::Suspect => 1..=1,
            // A second one looks for the others.
            StateName::Live => 1..=2,
            StateName::Recovering => 0..=1,
            StateName::Failed | StateName::Closed => unreachable!("it has not ended"),
        };
        assert!(sessions.contains(&self.sessions.len()), "{} sessions", self.sessions.len());
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
