//! The state machine: inputs in, outputs out.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};

use crate::backoff::Budget;
use crate::campaign::{Campaign, Incident, Standing};
use crate::config::{Config, ConfigError, validate_name};
use crate::desk::{Desk, earlier};
use crate::error::{CallError, Cause, CauseKind, ErrorCode};
use crate::event::Event;
use crate::followed::Followed;
use crate::id::{IncidentId, Mint, SessionId, SubscriptionId, TrackId};
use crate::input::Input;
use crate::liveness::Pulse;
use crate::outbox::Outbox;
use crate::output::Output;
use crate::published::PublishedTrack;
use crate::session::Session;
use crate::state::{State, StateName};
use crate::subscribed::SubscribedTrack;
use crate::summary::{Outcome, Stats, Summary, Telemetry};
use crate::time::Timestamp;

/// Why the machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An attempt is due, late, or out of time.
    Attempt,
    /// The session has not been joined in time.
    Join,
    /// The path is to be looked at, or a request to the relay made again.
    Session,
    /// The session has been up long enough to be called stable.
    Stable,
}

/// When the machine next wants [`Input::Tick`], and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// When. Always later than the `now` of the last [`Supervisor::handle`].
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// One call: every decision about it, and nothing that touches the world.
#[derive(Clone, Debug)]
pub struct Supervisor {
    config: Config,
    rng: ChaCha8Rng,
    now: Timestamp,
    started: Timestamp,
    mint: Mint,
    next_epoch: u64,
    budget: Budget,
    telemetry: Telemetry,
    state: State,
    /// The last state that the application heard of.
    announced: StateName,
    published: Vec<PublishedTrack>,
    subscribed: Vec<SubscribedTrack>,
    followed: Vec<Followed>,
    out: Outbox,
}

macro_rules! desk {
    ($call:ident) => {
        &mut Desk {
            now: $call.now,
            config: &$call.config,
            rng: &mut $call.rng,
            mint: &mut $call.mint,
            out: &mut $call.out,
            telemetry: &mut $call.telemetry,
        }
    };
}

/// Making a call.
impl Supervisor {
    /// A call that waits for [`Input::Connect`]. All its randomness comes from `seed`.
    ///
    /// # Errors
    ///
    /// Names the field of `config` that cannot work.
    pub fn new(config: Config, seed: u64, now: Timestamp) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            now,
            started: now,
            mint: Mint::default(),
            next_epoch: config.first_epoch,
            budget: Budget::default(),
            telemetry: Telemetry::default(),
            state: State::Idle,
            announced: StateName::Idle,
            published: Vec::new(),
            subscribed: Vec::new(),
            followed: Vec::new(),
            out: Outbox::default(),
            config,
        })
    }
}

/// Driving it: `handle` what happened, then `poll_output` until it is empty, then wait for
/// `deadline`.
impl Supervisor {
    /// Takes in what happened at `now`. Deadlines that are due fire first.
    ///
    /// Never fails and never panics: an input that makes no sense here and now, or carries an
    /// outdated identifier, changes nothing. Time never runs back: an earlier `now` counts as the
    /// last one.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.now = self.now.max(now);
        self.advance();
        if !self.state.name().is_final() {
            self.take(input);
            self.complete_joining();
        }
        #[cfg(debug_assertions)]
        self.check_invariants();
    }

    /// The next thing to carry out.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop()
    }

    /// When to call `handle` with [`Input::Tick`] at the latest; `None` if only an input can
    /// change anything.
    pub fn deadline(&self) -> Option<Deadline> {
        let (at, reason) = self.next_wake()?;
        // In a release, a deadline that is due by mistake costs a tick, not a busy loop.
        Some(Deadline {
            at: at.max(self.now + Duration::from_micros(1)),
            reason,
        })
    }

    fn next_wake(&self) -> Option<(Timestamp, Reason)> {
        Some(match &self.state {
            State::Idle | State::Failed(_) | State::Closed(_) => return None,
            State::Connecting(campaign) => (campaign.deadline(), Reason::Attempt),
            State::Joining {
                session, deadline, ..
            } => first(
                (*deadline, Reason::Join),
                (self.session_deadline(session), Reason::Session),
            ),
            State::Live { session, stable_at } => {
                let session = (self.session_deadline(session), Reason::Session);
                stable_at.map_or(session, |at| first((at, Reason::Stable), session))
            }
            State::Recovering { campaign, silent } => {
                let attempt = (campaign.deadline(), Reason::Attempt);
                silent.as_ref().map_or(attempt, |session| {
                    first(attempt, (session.liveness.deadline(), Reason::Session))
                })
            }
        })
    }
}

/// Looking at it.
impl Supervisor {
    /// The state of the call.
    pub fn state(&self) -> StateName {
        self.state.name()
    }

    /// The configuration that it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A snapshot of its counters. Allocates: not for every frame.
    pub fn stats(&self) -> Stats {
        Stats {
            state: self.state.name(),
            telemetry: self.telemetry,
            published: self.published.iter().map(PublishedTrack::stats).collect(),
            subscribed: self.subscribed.iter().map(SubscribedTrack::stats).collect(),
        }
    }

    /// What is left of it, once it is over.
    pub fn summary(&self) -> Option<&Summary> {
        match &self.state {
            State::Failed(summary) | State::Closed(summary) => Some(summary),
            State::Idle
            | State::Connecting(_)
            | State::Joining { .. }
            | State::Live { .. }
            | State::Recovering { .. } => None,
        }
    }

    /// Panics if a law of the house is broken: a bug in this crate, whatever the inputs were.
    #[cfg(debug_assertions)]
    fn check_invariants(&self) {
        crate::invariants::check(&self.state, &self.telemetry, &self.budget, &self.config);
        assert_eq!(
            self.announced,
            self.state.name(),
            "the public state is the machine's state"
        );
        if let Some((at, reason)) = self.next_wake() {
            assert!(
                at > self.now,
                "the deadline ({reason:?}) must be later than now"
            );
        }
    }
}

/// What time brings.
impl Supervisor {
    fn advance(&mut self) {
        let now = self.now;
        match &mut self.state {
            State::Connecting(campaign) => {
                if campaign.advance(&mut self.budget, desk!(self)) == Standing::Exhausted {
                    self.give_up();
                }
            }
            State::Recovering { campaign, silent } => {
                if let Some(session) = silent {
                    session.liveness.advance(now, session.id, &mut self.out);
                }
                if campaign.advance(&mut self.budget, desk!(self)) == Standing::Exhausted {
                    self.give_up();
                }
            }
            State::Joining {
                session, deadline, ..
            } => {
                if now >= *deadline {
                    let id = session.id;
                    self.out.push(Output::CloseSession { session: id });
                    self.lose_session(Cause::new(CauseKind::NotReady));
                } else {
                    self.advance_session();
                }
            }
            State::Live { stable_at, .. } => {
                if stable_at.is_some_and(|at| now >= at) {
                    *stable_at = None;
                    self.budget = Budget::default();
                    self.telemetry.consecutive_disconnects = 0;
                }
                self.advance_session();
            }
            State::Idle | State::Failed(_) | State::Closed(_) => {}
        }
    }

    fn advance_session(&mut self) {
        let Some(session) = self.state.session_mut() else {
            return;
        };
        let id = session.id;
        session.advance(&mut self.next_epoch, desk!(self));
        for followed in &mut self.followed {
            followed.advance(id, desk!(self));
        }
        for track in &mut self.published {
            track.advance(id, desk!(self));
        }
        for track in &mut self.subscribed {
            track.advance(id, desk!(self));
        }
    }

    fn session_deadline(&self, session: &Session) -> Timestamp {
        let tracks = self.published.iter().filter_map(PublishedTrack::deadline);
        let subscriptions = self.subscribed.iter().filter_map(SubscribedTrack::deadline);
        let watches = self.followed.iter().filter_map(Followed::deadline);
        let requests = tracks.chain(subscriptions).chain(watches).min();
        earlier(requests, Some(session.deadline())).unwrap_or_else(|| session.deadline())
    }
}

/// What inputs bring.
impl Supervisor {
    fn take(&mut self, input: Input) {
        match input {
            Input::Tick => {}
            Input::Connect => self.connect(),
            Input::Publish { track, name } => self.publish(track, name),
            Input::Subscribe {
                track,
                participant,
                name,
            } => self.subscribe(track, participant, name),
            Input::Send { track, frame } => {
                // A path that went silent is not fed: what is in flight there blocks its recovery.
                let up = self.state.session().is_some();
                if let Some(published) = self.published.iter_mut().find(|p| p.id == track) {
                    published.send(frame, up, desk!(self));
                }
            }
            Input::Finish { track } => {
                let up = self.state.session().is_some();
                if let Some(published) = self.published.iter_mut().find(|p| p.id == track) {
                    published.finish(up, desk!(self));
                }
            }
            Input::Unsubscribe { track } => self.unsubscribe(track),
            Input::ReconnectNow => self.reconnect_now(),
            Input::Close => self.end(Outcome::Completed),
            Input::Connected { session } => self.connected(session),
            Input::DialFailed { session, cause } => self.dial_failed(session, cause),
            Input::SessionClosed { session, cause } => self.session_closed(session, cause),
            Input::PathReport {
                session,
                received,
                rtt_micros,
            } => {
                self.path_report(session, received, Duration::from_micros(rtt_micros));
            }
            Input::NamespaceAccepted { session, epoch } => {
                if let Some(current) = self.session_with(session) {
                    current.namespace_accepted(epoch);
                }
            }
            Input::NamespaceRefused { session, epoch } => {
                if let Some(current) = self.state.session_mut()
                    && current.id == session
                {
                    current.namespace_refused(epoch, desk!(self));
                }
            }
            Input::PublicationEnded { publication } => {
                for track in &mut self.published {
                    track.ended(publication, desk!(self));
                }
            }
            Input::WatchAccepted { watch } => {
                for followed in &mut self.followed {
                    followed.accepted(watch);
                }
            }
            Input::WatchEnded { watch } => {
                if let Some(followed) = self.followed.iter_mut().find(|f| f.has(watch)) {
                    followed.ended(desk!(self));
                }
            }
            Input::EpochAdded { watch, epoch } => {
                if let Some(followed) = self.followed.iter_mut().find(|f| f.has(watch)) {
                    followed.added(epoch, desk!(self));
                    self.follow_participants();
                }
            }
            Input::EpochRemoved { watch, epoch } => {
                if let Some(followed) = self.followed.iter_mut().find(|f| f.has(watch)) {
                    followed.removed(epoch, desk!(self));
                    self.follow_participants();
                }
            }
            Input::SubscriptionAccepted { subscription } => {
                if let Some(track) = self.listening(subscription) {
                    track.accepted(subscription);
                }
            }
            Input::SubscriptionEnded { subscription } => {
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has(subscription)) {
                    track.ended(subscription, desk!(self));
                }
            }
            Input::Object {
                subscription,
                location,
                frame,
            } => {
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has(subscription)) {
                    track.object(subscription, location, frame, desk!(self));
                }
            }
            Input::EndOfTrack { subscription } => {
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has(subscription)) {
                    track.end_of_track(subscription, desk!(self));
                }
            }
        }
    }

    fn connect(&mut self) {
        if let State::Idle = self.state {
            self.started = self.now;
            self.begin_campaign(None, None);
        }
    }

    fn publish(&mut self, track: TrackId, name: String) {
        if let Err(problem) = self.publishable(track, &name) {
            self.out.event(Event::TrackRefused { track, problem });
            return;
        }
        let published = PublishedTrack::new(track, name, self.config.first_epoch);
        self.published.push(published);
        self.attach_tracks();
    }

    fn publishable(&self, track: TrackId, name: &str) -> Result<(), String> {
        validate_name("track", name).map_err(|error| error.to_string())?;
        if self
            .published
            .iter()
            .any(|p| p.id == track || p.is_named(name))
        {
            return Err(format!("track {name} is published already"));
        }
        if self.published.len() >= Config::MOST_TRACKS {
            return Err(format!(
                "a call publishes at most {} tracks",
                Config::MOST_TRACKS
            ));
        }
        Ok(())
    }

    fn subscribe(&mut self, track: TrackId, participant: String, name: String) {
        if let Err(problem) = self.subscribable(track, &participant, &name) {
            self.out.event(Event::TrackRefused { track, problem });
            // Unless the handle is in use, its stream would wait for ever.
            if !self.subscribed.iter().any(|s| s.id == track) {
                self.out.push(Output::CloseTrack { track });
            }
            return;
        }
        if !self.followed.iter().any(|f| f.participant == participant) {
            self.followed.push(Followed::new(participant.clone()));
        }
        if self.subscribed.len() >= Config::MOST_TRACKS
            && let Some(over) = self.subscribed.iter().position(SubscribedTrack::is_over)
        {
            self.subscribed.remove(over);
        }
        self.subscribed
            .push(SubscribedTrack::new(track, participant, name));
        self.attach_tracks();
    }

    fn subscribable(&self, track: TrackId, participant: &str, name: &str) -> Result<(), String> {
        validate_name("participant", participant).map_err(|error| error.to_string())?;
        validate_name("track", name).map_err(|error| error.to_string())?;
        let wanted = || self.subscribed.iter().filter(|s| !s.is_over());
        if self.subscribed.iter().any(|s| s.id == track)
            || wanted().any(|s| s.is_named(participant, name))
        {
            return Err(format!(
                "track {name} of {participant} is subscribed to already"
            ));
        }
        if wanted().count() >= Config::MOST_TRACKS {
            return Err(format!(
                "a call subscribes to at most {} tracks",
                Config::MOST_TRACKS
            ));
        }
        Ok(())
    }

    fn unsubscribe(&mut self, track: TrackId) {
        if let Some(subscribed) = self.subscribed.iter_mut().find(|s| s.id == track) {
            subscribed.leave(desk!(self));
        }
    }

    fn reconnect_now(&mut self) {
        match &mut self.state {
            State::Live { .. } => self.lose_session_still_open(Cause::new(CauseKind::Requested)),
            State::Connecting(campaign) | State::Recovering { campaign, .. } => {
                campaign.hurry(&mut self.budget, desk!(self));
            }
            State::Idle | State::Joining { .. } | State::Failed(_) | State::Closed(_) => {}
        }
    }

    fn connected(&mut self, session: SessionId) {
        let campaign = match mem::replace(&mut self.state, State::Idle) {
            State::Connecting(campaign) if campaign.is_dialing(session) => campaign,
            State::Recovering { campaign, silent } if campaign.is_dialing(session) => {
                if let Some(old) = silent {
                    self.out.push(Output::CloseSession { session: old.id });
                }
                campaign
            }
            other => {
                self.state = other;
                return;
            }
        };
        self.join(session, campaign);
    }

    fn dial_failed(&mut self, session: SessionId, cause: Cause) {
        let (State::Connecting(campaign) | State::Recovering { campaign, .. }) = &mut self.state
        else {
            return;
        };
        if !campaign.is_dialing(session) {
            return;
        }
        let final_code = cause.kind.final_code();
        campaign.failed(session, cause.clone(), &mut self.budget, desk!(self));
        if let Some(code) = final_code {
            self.fail(code);
        } else if campaign.standing() == Standing::Exhausted {
            self.give_up();
        }
    }

    fn session_closed(&mut self, session: SessionId, cause: Cause) {
        match &mut self.state {
            State::Joining {
                session: current, ..
            }
            | State::Live {
                session: current, ..
            } if current.id == session => {
                self.lose_session(cause);
            }
            State::Recovering { silent, .. }
                if silent.as_ref().is_some_and(|s| s.id == session) =>
            {
                *silent = None;
            }
            State::Idle
            | State::Connecting(_)
            | State::Joining { .. }
            | State::Live { .. }
            | State::Recovering { .. }
            | State::Failed(_)
            | State::Closed(_) => {}
        }
    }

    fn path_report(&mut self, session: SessionId, received: u64, rtt: Duration) {
        match &mut self.state {
            State::Live {
                session: current, ..
            } if current.id == session => {
                if current.liveness.report(self.now, received, rtt) == Pulse::Silent {
                    self.lose_session_still_open(Cause::new(CauseKind::Silent));
                }
            }
            State::Joining {
                session: current, ..
            } if current.id == session => {
                current.liveness.report(self.now, received, rtt);
            }
            State::Recovering {
                silent: Some(old),
                campaign,
            } if old.id == session => {
                let asked_for = campaign
                    .incident
                    .as_ref()
                    .is_some_and(|incident| incident.cause.kind == CauseKind::Requested);
                if old.liveness.report(self.now, received, rtt) == Pulse::Heard && !asked_for {
                    self.return_to_old_session();
                }
            }
            State::Idle
            | State::Connecting(_)
            | State::Joining { .. }
            | State::Live { .. }
            | State::Recovering { .. }
            | State::Failed(_)
            | State::Closed(_) => {}
        }
    }

    fn session_with(&mut self, id: SessionId) -> Option<&mut Session> {
        self.state.session_mut().filter(|session| session.id == id)
    }

    fn listening(&mut self, subscription: SubscriptionId) -> Option<&mut SubscribedTrack> {
        self.subscribed
            .iter_mut()
            .find(|track| track.has(subscription))
    }

    /// Points each subscribed track at the newest namespace of its participant.
    fn follow_participants(&mut self) {
        let Some(session) = self.state.session() else {
            return;
        };
        let session = session.id;
        for track in &mut self.subscribed {
            let followed = self
                .followed
                .iter()
                .find(|f| f.participant == track.participant());
            track.follow(session, followed.and_then(Followed::newest), desk!(self));
        }
    }
}

/// From state to state.
impl Supervisor {
    /// The only place where a state begins, so that the application hears of each.
    fn enter(&mut self, state: State) {
        let (from, to) = (self.announced, state.name());
        self.state = state;
        self.announced = to;
        if from != to {
            self.out.event(Event::StateChanged { from, to });
        }
    }

    /// Starts the attempts: to set the call up, or to recover it.
    fn begin_campaign(&mut self, incident: Option<Incident>, silent: Option<Session>) {
        let recovering = incident.is_some();
        let campaign = Campaign::start(incident, &mut self.budget, desk!(self));
        self.enter(if recovering {
            State::Recovering { campaign, silent }
        } else {
            State::Connecting(campaign)
        });
        self.advance();
    }

    /// A session is up: publish and follow on it.
    fn join(&mut self, id: SessionId, mut campaign: Campaign) {
        campaign.won(id, desk!(self));
        self.detach_tracks();
        let session = Session::new(id, self.now, self.config.probe_interval);
        let deadline = (self.now + self.config.join_timeout).min(campaign.window_ends());
        self.enter(State::Joining {
            session,
            campaign,
            deadline,
        });
        self.attach_tracks();
    }

    /// The call is live once the relay announces what we publish and follows whom we listen to.
    /// Whether the others are there is not up to the session.
    fn complete_joining(&mut self) {
        let State::Joining { session, .. } = &self.state else {
            return;
        };
        if !session.is_announced() || !self.followed.iter().all(Followed::is_accepted) {
            return;
        }
        let State::Joining {
            session, campaign, ..
        } = mem::replace(&mut self.state, State::Idle)
        else {
            return;
        };
        self.go_live(session, &campaign, campaign.attempts);
    }

    /// The old session's packets are back before any attempt succeeded.
    fn return_to_old_session(&mut self) {
        let State::Recovering {
            mut campaign,
            silent: Some(session),
        } = mem::replace(&mut self.state, State::Idle)
        else {
            return;
        };
        campaign.cancel(desk!(self));
        self.go_live(session, &campaign, 0);
        self.attach_tracks();
    }

    fn go_live(&mut self, session: Session, campaign: &Campaign, attempts: u32) {
        self.budget.spent += self.now - campaign.started;
        if campaign.incident.is_none() {
            // Setting the call up is no recovery: the first incident has the whole budget.
            self.budget = Budget::default();
        }
        if let Some(incident) = &campaign.incident {
            let duration = self.now - incident.since;
            self.telemetry.incidents_open -= 1;
            self.telemetry.incidents_recovered += 1;
            self.telemetry.last_recovery = Some(duration);
            self.telemetry.longest_recovery = self.telemetry.longest_recovery.max(Some(duration));
            self.out.event(Event::Recovered {
                incident: incident.id,
                duration,
                attempts,
            });
        }
        let stable_at = Some(self.now + self.config.policy.stable_after);
        self.enter(State::Live { session, stable_at });
    }

    /// The session is gone.
    fn lose_session(&mut self, cause: Cause) {
        let final_code = cause.kind.final_code();
        let state = match mem::replace(&mut self.state, State::Idle) {
            State::Live { .. } => {
                let incident = self.new_incident(cause);
                let campaign = Campaign::start(Some(incident), &mut self.budget, desk!(self));
                State::Recovering {
                    campaign,
                    silent: None,
                }
            }
            State::Joining { mut campaign, .. } => {
                campaign.resume(cause, &mut self.budget, desk!(self));
                match campaign.incident {
                    Some(_) => State::Recovering {
                        campaign,
                        silent: None,
                    },
                    None => State::Connecting(campaign),
                }
            }
            other => other,
        };
        self.enter(state);
        self.detach_tracks();
        match final_code {
            Some(code) => self.fail(code),
            None => self.advance(),
        }
    }

    /// The session may still come back, but it does not carry the call now. Its tracks stay
    /// attached, because nothing was said to the relay.
    fn lose_session_still_open(&mut self, cause: Cause) {
        match mem::replace(&mut self.state, State::Idle) {
            State::Live { session, .. } => {
                let incident = self.new_incident(cause);
                self.begin_campaign(Some(incident), Some(session));
            }
            other => self.state = other,
        }
    }

    fn new_incident(&mut self, cause: Cause) -> Incident {
        let id = IncidentId(self.mint.next());
        self.telemetry.incidents += 1;
        self.telemetry.incidents_open += 1;
        self.telemetry.consecutive_disconnects += 1;
        self.out.event(Event::IncidentStarted {
            incident: id,
            cause: cause.clone(),
        });
        Incident {
            id,
            cause,
            since: self.now,
        }
    }

    /// Asks the session for whatever has not been asked of it yet.
    fn attach_tracks(&mut self) {
        let Some(session) = self.state.session_mut() else {
            return;
        };
        let id = session.id;
        for track in &mut self.published {
            track.attach(id, desk!(self));
        }
        if !self.published.is_empty() {
            session.want_namespace(&mut self.next_epoch, desk!(self));
        }
        for followed in &mut self.followed {
            followed.attach(id, desk!(self));
        }
        self.follow_participants();
    }

    fn detach_tracks(&mut self) {
        self.published.iter_mut().for_each(PublishedTrack::detach);
        self.subscribed.iter_mut().for_each(SubscribedTrack::detach);
        self.followed.iter_mut().for_each(Followed::detach);
    }

    /// Attempts or window are used up.
    fn give_up(&mut self) {
        let code = match &self.state {
            State::Connecting(campaign) => campaign
                .first_failure
                .as_ref()
                .map_or(ErrorCode::RelayUnreachable, |cause| cause.kind.setup_code()),
            State::Recovering { .. } => ErrorCode::RecoveryExhausted,
            State::Idle
            | State::Joining { .. }
            | State::Live { .. }
            | State::Failed(_)
            | State::Closed(_) => return,
        };
        self.fail(code);
    }

    fn fail(&mut self, code: ErrorCode) {
        let (State::Connecting(campaign) | State::Recovering { campaign, .. }) = &self.state else {
            return;
        };
        let root_cause = campaign
            .incident
            .as_ref()
            .map(|incident| incident.cause.clone())
            .or_else(|| campaign.first_failure.clone())
            .unwrap_or(Cause::new(CauseKind::TimedOut));
        let error = CallError {
            code,
            root_cause,
            last_cause: campaign.last_failure.clone(),
            attempts: campaign.attempts,
            after: self.now - campaign.started,
        };
        self.end(Outcome::Failed(error));
    }

    /// The one way into the final states: everything is closed, and the last event is said.
    fn end(&mut self, outcome: Outcome) {
        match mem::replace(&mut self.state, State::Idle) {
            State::Connecting(mut campaign) => campaign.cancel(desk!(self)),
            State::Recovering {
                mut campaign,
                silent,
            } => {
                campaign.cancel(desk!(self));
                if let Some(session) = silent {
                    self.out.push(Output::CloseSession {
                        session: session.id,
                    });
                }
            }
            State::Joining { session, .. } | State::Live { session, .. } => {
                self.out.push(Output::CloseSession {
                    session: session.id,
                });
            }
            State::Idle | State::Failed(_) | State::Closed(_) => {}
        }
        self.telemetry.incidents_failed += self.telemetry.incidents_open;
        self.telemetry.incidents_open = 0;
        for track in &self.subscribed {
            self.out.push(Output::CloseTrack { track: track.id });
        }
        let (name, state): (_, fn(Box<Summary>) -> State) = match outcome {
            Outcome::Completed => (StateName::Closed, State::Closed),
            Outcome::Failed(_) => (StateName::Failed, State::Failed),
        };
        let summary = Box::new(Summary {
            outcome,
            duration: self.now - self.started,
            stats: Stats {
                state: name,
                ..self.stats()
            },
        });
        self.enter(state(summary.clone()));
        self.out.event(Event::Ended { summary });
    }
}

fn first(a: (Timestamp, Reason), b: (Timestamp, Reason)) -> (Timestamp, Reason) {
    if b.0 < a.0 { b } else { a }
}
