//! From state to state.

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use super::Supervisor;
use crate::api::error::{Cause, CauseKind};
use crate::api::event::Event;
use crate::api::id::IncidentId;
use crate::api::output::Output;
use crate::api::stats::CallStatus;
use crate::connect::Dial;
use crate::connect::RetryBudget;
use crate::connect::{ConnectAttempts, Incident};
use crate::context::cx;
use crate::participants::NamespaceSubscription;
use crate::participants::RemoteParticipant;
use crate::publish::PublishedTrack;
use crate::session::{MovedFrom, Session};
use crate::subscribe::SubscribedTrack;
use crate::supervisor::state::State;

/// How long a silent path has to come back by migration before the first fresh dial joins the race.
const HEAD_START: Duration = Duration::from_millis(250);
/// How many tracks are asked for what is missing at once. Each holds one of the 100 streams that a
/// relay lets a session have, and they must not keep a SUBSCRIBE waiting.
const MOST_FETCHES: usize = 8;

impl Supervisor {
    /// The only place where a state begins, so that the application hears of each.
    pub(super) fn enter(&mut self, state: State) {
        let (from, to) = (self.announced, state.name());
        self.state = state;
        self.announced = to;
        if from != to {
            self.out.event(Event::StateChanged { from, to });
        }
    }

    /// Starts the attempts to set the call up.
    pub(super) fn set_up(&mut self) {
        let list = self.refresh_directory().unwrap_or_default();
        let attempts = ConnectAttempts::start(None, list, &mut self.resources, cx!(self));
        self.enter(State::Connecting(attempts));
    }

    /// A session is up: publish and follow on it. Whom it looks out for already is not asked for
    /// again.
    pub(super) fn join(
        &mut self,
        dial: Dial,
        attempts: ConnectAttempts,
        subscriptions: Vec<NamespaceSubscription>,
    ) {
        self.detach_tracks();
        for subscription in subscriptions {
            let whom =
                |remote: &&mut RemoteParticipant| remote.participant == subscription.participant;
            if let Some(remote) = self.participants.iter_mut().find(whom) {
                remote.adopt(subscription.namespace_subscription, subscription.accepted, self.now);
            }
        }
        if let Some(test) = &mut self.pre_call {
            test.reached(&dial.relay, self.now);
        }
        let session = Session::new(dial, self.now, &self.config);
        let deadline = (self.now + self.config.ready_timeout).min(attempts.window_ends());
        self.enter(State::Joining { session, attempts, deadline });
        self.attach_tracks();
    }

    /// Whether the relay announces what we publish and looks out for whom we listen to.
    pub(super) fn relay_has_agreed(&self) -> bool {
        self.state.session().is_some_and(Session::is_announced)
            && self.participants.iter().all(RemoteParticipant::is_accepted)
    }

    /// The readiness gate (R1): the call is live once the relay has agreed and every track whose
    /// publisher is there is ready. Whether the others are there is not up to the session.
    pub(super) fn complete_joining(&mut self) {
        if matches!(self.state, State::Joining { .. })
            && self.relay_has_agreed()
            && self.subscribed.iter().all(SubscribedTrack::is_decided)
        {
            self.open_gate();
        }
    }

    /// The call is live. What is not ready by now is named, and the call goes on without it.
    pub(super) fn open_gate(&mut self) {
        match mem::replace(&mut self.state, State::Idle) {
            State::Joining { session, attempts, .. } => {
                for track in &mut self.subscribed {
                    track.stop_waiting(cx!(self));
                }
                self.resources.credentials.accepted();
                self.go_live(session, &attempts, attempts.made);
            }
            other @ (State::Idle
            | State::Connecting(_)
            | State::Live { .. }
            | State::Suspect { .. }
            | State::Recovering { .. }
            | State::Failed(_)
            | State::Closed(_)) => self.state = other,
        }
    }

    /// The old session's packets are back before any attempt succeeded.
    pub(super) fn resume_session(&mut self) {
        match mem::replace(&mut self.state, State::Idle) {
            State::Suspect { mut session, mut attempts, .. }
            | State::Recovering { silent: Some(mut session), mut attempts } => {
                attempts.cancel(cx!(self));
                session.migration.no_longer();
                self.go_live(session, &attempts, 0);
                self.attach_tracks();
                self.fetch_responses.resume(&mut self.published, cx!(self));
            }
            other @ (State::Idle
            | State::Connecting(_)
            | State::Joining { .. }
            | State::Live { .. }
            | State::Recovering { silent: None, .. }
            | State::Failed(_)
            | State::Closed(_)) => self.state = other,
        }
    }

    pub(super) fn go_live(&mut self, session: Session, attempts: &ConnectAttempts, made: u32) {
        self.resources.retry_budget.spent += self.now - attempts.started;
        if attempts.incident.is_none() {
            // Setting the call up is no recovery: the first incident has the whole budget.
            self.resources.retry_budget = RetryBudget::default();
        }
        if let Some(incident) = &attempts.incident {
            let duration = self.now - incident.since;
            self.telemetry.incidents_open -= 1;
            self.telemetry.incidents_recovered += 1;
            self.telemetry.last_recovery = Some(duration);
            self.telemetry.time_to_recover.add(duration);
            self.out.event(Event::Recovered { incident: incident.id, duration, attempts: made });
        }
        let stable_at = Some(self.now + self.config.policy.stable_after);
        // Time without a session is nobody's silence.
        self.last_media = self.now;
        self.record.reached(self.record.status.max(CallStatus::Ringing), self.now - self.started);
        self.monitor.start(self.now, self.config.quality_interval);
        self.enter(State::Live { session, stable_at });
        if let Some(test) = &mut self.pre_call {
            test.ready(self.now);
        }
        self.ringing.start(self.now, self.config.answer_timeout);
        self.note_answer();
    }

    /// Somebody whom we listen to is there, or there is nobody to wait for: the call is active.
    pub(super) fn note_answer(&mut self) {
        let anybody = self.participants.iter().any(|remote| remote.presence().was_seen());
        if anybody || self.participants.is_empty() {
            self.ringing.stop();
            if self.record.active_after.is_none() {
                self.record.reached(CallStatus::Active, self.now - self.started);
            }
        }
    }

    /// The session is of no use: it is closed, and counts as lost.
    pub(super) fn abandon_session(&mut self, cause: Cause) {
        if let Some(session) = self.state.session() {
            self.out.push(Output::CloseSession { session: session.id });
            self.lose_session(cause);
        }
    }

    /// The session is gone.
    pub(super) fn lose_session(&mut self, cause: Cause) {
        let shown =
            self.state.session().map(|session| (session.relay.clone(), session.credential_version));
        let final_code = shown.and_then(|(relay, credential_version)| {
            self.verdict(&cause, &relay, credential_version)
        });
        self.stop_rendezvous();
        let state = match mem::replace(&mut self.state, State::Idle) {
            State::Live { session, .. } => {
                let incident = self.new_incident(cause);
                let attempts = self.start_recovery(incident, &session.relay, Duration::ZERO);
                State::Recovering { attempts, silent: None }
            }
            State::Joining { session, mut attempts, .. } => {
                attempts.resume(session.id, cause, &mut self.resources, cx!(self));
                match attempts.incident {
                    Some(_) => State::Recovering { attempts, silent: None },
                    None => State::Connecting(attempts),
                }
            }
            other @ (State::Idle
            | State::Connecting(_)
            | State::Suspect { .. }
            | State::Recovering { .. }
            | State::Failed(_)
            | State::Closed(_)) => other,
        };
        self.enter(state);
        self.detach_tracks();
        if let Some(code) = final_code {
            self.fail(code);
        }
    }

    /// The path is silent. The session may still come back, by itself or by migration, but it does
    /// not carry the call now. Its tracks stay attached, because nothing was said to the relay.
    pub(super) fn suspect(&mut self, kind: CauseKind) {
        self.stop_rendezvous();
        let Some(mut session) = self.state.take_live() else {
            // A session that has not carried the call yet has nothing to come back to.
            return self.abandon_session(Cause::new(kind));
        };
        session.path_liveness.suspect();
        session.migration.want_repeatedly();
        let incident = self.new_incident(Cause::new(kind));
        let attempts = self.start_recovery(incident, &session.relay, HEAD_START);
        let tell_at = self.now + self.config.grace;
        self.enter(State::Suspect { session, attempts, tell_at });
    }

    /// A fresh session is wanted, although nothing is wrong with this one. It is kept until the new one is
    /// there, and for good if none can be had.
    pub(super) fn replace_session(&mut self, why: CauseKind) {
        self.stop_rendezvous();
        let Some(session) = self.state.take_live() else { return };
        let incident = self.new_incident(Cause::new(why));
        let attempts = self.start_recovery(incident, &session.relay, Duration::ZERO);
        self.enter(State::Recovering { attempts, silent: Some(session) });
    }

    /// Whether there is a session that nothing is wrong with, although another one is wanted.
    pub(super) fn is_being_replaced(&self) -> bool {
        let State::Recovering { silent: Some(old), attempts } = &self.state else { return false };
        attempts.is_voluntary() && old.path_liveness.silence(self.now, self.monitor.rtt()).is_none()
    }

    /// Where the call is now, nobody looks for others any more.
    pub(super) fn stop_rendezvous(&mut self) {
        if let Some(session) = self.state.session_mut() {
            session.rendezvous.stop(cx!(self));
        }
    }

    /// The others were found on another relay: the call goes on there.
    pub(super) fn move_to_peers(&mut self, dial: Dial, subscriptions: Vec<NamespaceSubscription>) {
        let (left, attempts) = match mem::replace(&mut self.state, State::Idle) {
            State::Joining { session, attempts, .. } => (session, attempts),
            State::Live { session, .. } => {
                let incident = self.new_incident(Cause::new(CauseKind::PeerElsewhere));
                let mut attempts = self.start_recovery(incident, &session.relay, Duration::ZERO);
                attempts.cancel(cx!(self));
                (session, attempts)
            }
            other @ (State::Idle
            | State::Connecting(_)
            | State::Suspect { .. }
            | State::Recovering { .. }
            | State::Failed(_)
            | State::Closed(_)) => {
                self.state = other;
                return;
            }
        };
        self.out.push(Output::CloseSession { session: left.id });
        // Who came to meet somebody has not been moved by an outage: it does not look back.
        self.resources.relays.set_home(&dial.relay);
        self.join(dial, attempts, subscriptions);
        if let State::Joining { session: new, .. } = &mut self.state {
            new.moved_from = Some(MovedFrom { relay: left.relay, since: self.now });
        }
    }

    /// The grace is over: the user hears of it.
    pub(super) fn end_grace(&mut self) {
        match mem::replace(&mut self.state, State::Idle) {
            State::Suspect { session, attempts, .. } => {
                self.enter(State::Recovering { attempts, silent: Some(session) });
            }
            other @ (State::Idle
            | State::Connecting(_)
            | State::Joining { .. }
            | State::Live { .. }
            | State::Recovering { .. }
            | State::Failed(_)
            | State::Closed(_)) => self.state = other,
        }
    }

    /// The session that may have come back was closed: there is nothing left to wait for.
    pub(super) fn lose_suspect_session(&mut self, cause: &Cause) {
        let shown =
            self.state.silent_mut().map(|(old, _)| (old.relay.clone(), old.credential_version));
        let final_code = shown.and_then(|(relay, credential_version)| {
            self.verdict(cause, &relay, credential_version)
        });
        self.end_grace();
        self.detach_tracks();
        if let State::Recovering { attempts, silent } = &mut self.state {
            *silent = None;
            match final_code {
                Some(code) => self.fail(code),
                None => attempts.end_head_start(),
            }
        }
    }

    /// Asks which relays there are, if that is not known any more; how long to wait for it.
    fn refresh_directory(&mut self) -> Option<Duration> {
        self.resources.relays.refresh(cx!(self))
    }

    /// `relay` is where the call was. That is where the others are, and where attempts begin, unless sessions there come
    /// up and drop.
    fn start_recovery(
        &mut self,
        incident: Incident,
        relay: &str,
        head_start: Duration,
    ) -> ConnectAttempts {
        if self.resources.retry_budget.attempts == 0 {
            self.resources.relays.set_home(relay);
        }
        // Nobody waits for the answer: it serves the attempts that follow it.
        self.refresh_directory();
        ConnectAttempts::start(Some(incident), head_start, &mut self.resources, cx!(self))
    }

    pub(super) fn new_incident(&mut self, cause: Cause) -> Incident {
        let id = IncidentId(self.mint.next());
        self.telemetry.incidents += 1;
        self.telemetry.incidents_open += 1;
        self.telemetry.consecutive_disconnects += 1;
        self.out.event(Event::IncidentStarted { incident: id, cause: cause.clone() });
        Incident { id, cause, since: self.now }
    }

    /// Asks the session for whatever has not been asked of it yet.
    pub(super) fn attach_tracks(&mut self) {
        let Some(session) = self.state.session_mut() else {
            return;
        };
        let id = session.id;
        for track in &mut self.published {
            track.attach(id, cx!(self));
        }
        if !self.published.is_empty() {
            session.want_namespace(&mut self.next_epoch, cx!(self));
        }
        for remote in &mut self.participants {
            remote.attach(id, cx!(self));
        }
        self.follow_epochs();
    }

    /// Asks for what is missing of tracks. "Recovered" comes first: it waits until the call is live.
    pub(super) fn repair_tracks(&mut self) {
        let State::Live { session, .. } = &self.state else { return };
        let session = session.id;
        let in_flight = self.subscribed.iter().filter(|track| track.is_fetching()).count();
        let mut free = MOST_FETCHES.saturating_sub(in_flight);
        for track in &mut self.subscribed {
            if free > 0 && track.ask(session, cx!(self)) {
                free -= 1;
            }
        }
    }

    pub(super) fn detach_tracks(&mut self) {
        self.fetch_responses.clear();
        self.published.iter_mut().for_each(PublishedTrack::detach);
        self.subscribed.iter_mut().for_each(SubscribedTrack::detach);
        self.participants.iter_mut().for_each(RemoteParticipant::detach);
    }
}
