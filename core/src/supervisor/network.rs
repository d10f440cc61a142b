//! What the network reports: dials, sessions, paths, and who is found where.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use super::Supervisor;
use crate::api::error::{Cause, CauseKind, ErrorCode};
use crate::api::id::{QueryId, SessionId};
use crate::api::output::Output;
use crate::connect::CredentialStatus;
use crate::connect::Dial;
use crate::connect::{ConnectAttempts, Progress};
use crate::context::cx;
use crate::participants::GLARE_WINDOW;
use crate::participants::RemoteParticipant;
use crate::participants::{MissingPeer, PeersHere, RendezvousPlan};
use crate::session::Counters;
use crate::session::Session;
use crate::subscribe::SubscribedTrack;
use crate::supervisor::state::State;

impl Supervisor {
    pub(super) fn connected(&mut self, session: SessionId) {
        let plan = self.plan_rendezvous();
        if let Some(current) = self.state.session_mut() {
            current.rendezvous.connected(session, plan.as_ref(), cx!(self));
        }
        let rtt = self.monitor.rtt();
        let waits = self.state.attempts_mut().is_some_and(|attempts| {
            attempts.wait_for_home(session, rtt, &mut self.resources, cx!(self))
        });
        if !waits {
            self.use_session(session);
        }
    }

    /// The call goes on with a session of its campaign.
    fn use_session(&mut self, session: SessionId) {
        if self.state.attempts().and_then(|attempts| attempts.dialing(session)).is_none() {
            return;
        }
        let (mut attempts, old) = match mem::replace(&mut self.state, State::Idle) {
            State::Suspect { session: old, attempts, .. } => (attempts, Some(old)),
            State::Recovering { silent, attempts } => (attempts, silent),
            State::Connecting(attempts) => (attempts, None),
            other @ (State::Idle
            | State::Joining { .. }
            | State::Live { .. }
            | State::Failed(_)
            | State::Closed(_)) => {
                self.state = other;
                return;
            }
        };
        if let Some(old) = old {
            self.out.push(Output::CloseSession { session: old.id });
        }
        if let Some(dial) = attempts.take_winner(session, cx!(self)) {
            self.join(dial, attempts, Vec::new());
        }
    }

    pub(super) fn dial_failed(&mut self, session: SessionId, cause: Cause) {
        if let Some(current) = self.state.session_mut()
            && let Some(dial) = current.rendezvous.dial_failed(session)
        {
            self.probe_failed(&dial, &cause);
        }
        // It has become a session.
        if !self.is_fallback(session) {
            self.attempt_failed(session, cause);
        }
    }

    fn attempt_failed(&mut self, session: SessionId, cause: Cause) {
        let dial = self.state.attempts().and_then(|attempts| attempts.dialing(session));
        let Some((relay, credential_version)) =
            dial.map(|dial| (dial.relay.clone(), dial.credential_version))
        else {
            return;
        };
        let final_code = self.verdict(&cause, &relay, credential_version);
        if let Some(attempts) = self.state.attempts_mut() {
            attempts.failed(session, cause, cx!(self));
        }
        self.after_failure(final_code);
    }

    /// It costs a look, and not the call. But what was refused is shown no more.
    fn probe_failed(&mut self, dial: &Dial, cause: &Cause) {
        if cause.kind.is_refusal() {
            self.resources.credentials.forget(&dial.relay, dial.credential_version);
        }
    }

    pub(super) fn after_failure(&mut self, final_code: Option<ErrorCode>) {
        if let Some(code) = final_code {
            self.fail(code);
            return;
        }
        if let Some(attempts) = self.state.attempts_mut() {
            attempts.plan_next(&mut self.resources, cx!(self));
        }
        if let Some(progress) = self.state.attempts().map(ConnectAttempts::progress) {
            self.act_on(progress);
        }
    }

    /// Does what a campaign has come to.
    pub(super) fn act_on(&mut self, progress: Progress) {
        match progress {
            Progress::Running => {}
            Progress::UseFallback(session) => self.use_session(session),
            Progress::Exhausted => self.attempts_exhausted(),
        }
    }

    /// Goes on with the session that waits for home, if there is one; whether there is.
    pub(super) fn accept_fallback(&mut self) -> bool {
        let fallback = self.state.attempts().and_then(ConnectAttempts::fallback);
        fallback.inspect(|session| self.use_session(*session)).is_some()
    }

    fn is_fallback(&self, session: SessionId) -> bool {
        self.state.attempts().and_then(ConnectAttempts::fallback) == Some(session)
    }

    /// Attempts that wait for the list are made now.
    pub(super) fn directory_answered(&mut self, query: QueryId, relays: Vec<String>) {
        let came = !relays.is_empty();
        if !self.resources.relays.answered(query, relays, cx!(self)) {
            return;
        }
        if came {
            let relays = self.resources.relays.relays(&self.config).to_vec();
            self.out.push(Output::RememberDirectory { relays });
        }
        if let State::Connecting(attempts) = &mut self.state {
            attempts.begin(&mut self.resources, cx!(self));
        }
    }

    pub(super) fn credential_arrived(&mut self, relay: &str) {
        if let Some(attempts) = self.state.attempts_mut() {
            attempts.credential_arrived(relay, &self.resources, cx!(self));
        }
        if let Some(current) = self.state.session_mut()
            && let Some(dial) = current.rendezvous.waiting_for(relay)
        {
            dial.send_pending(&self.resources, cx!(self));
        }
        if let State::Live { session, .. } = &self.state
            && session.relay == relay
            && let Some(renewal) = &session.renewal
            && let CredentialStatus::Held(_, _, expires) = self.resources.credentials.held(relay)
            && renewal.is_served_by(expires, self.now)
        {
            // Where it is, whether it belongs there by now or not.
            self.resources.relays.set_home(relay);
            self.replace_session(CauseKind::CredentialRenewed);
        }
    }

    pub(super) fn credential_failed(&mut self, relay: &str, cause: &Cause) {
        if let Some(current) = self.state.session_mut()
            && let Some(session) = current.rendezvous.waiting_for(relay).map(|dial| dial.session)
        {
            current.rendezvous.dial_failed(session);
        }
        if let Some(attempts) = self.state.attempts_mut()
            && attempts.credential_failed(relay, cause, cx!(self))
        {
            self.after_failure(cause.kind.final_code());
        }
    }

    /// Who is missing here and may be on another relay, as far as it is we who look.
    pub(super) fn plan_rendezvous(&self) -> Option<RendezvousPlan> {
        let session = self.state.session()?;
        if self.resources.relays.relays(&self.config).len() < 2
            || !self.participants.iter().any(RemoteParticipant::may_be_elsewhere)
        {
            return None;
        }
        let home = self.resources.relays.home(&self.config);
        let here = self.participants.iter().filter(|remote| !remote.may_be_elsewhere());
        let here = here.filter(|remote| remote.presence().is_here_or_redials());
        let here = here.map(|remote| remote.participant.as_str());
        // A relay remembers who was cut off from it, or killed. They are no company.
        let here = here.filter(|participant| !self.is_cut_off(participant)).min();
        let ourselves = self.config.participant.as_str();
        let (smallest, alone) = (here.unwrap_or(ourselves).min(ourselves), here.is_none());
        let moved = session.relay != home;
        let peers_here = PeersHere { ourselves, smallest, alone, moved };
        let mut likely = moved.then(|| home.into());
        let mut participants = Vec::new();
        for remote in self.participants.iter().filter(|remote| remote.may_be_elsewhere()) {
            let participant = remote.participant.clone();
            if remote.presence().is_glare() {
                likely = session.moved_from.as_ref().map(|moved_from| moved_from.relay.clone());
                participants.push(MissingPeer { participant, patience: Duration::ZERO });
            } else if let Some(patience) = peers_here.patience(&participant) {
                participants.push(MissingPeer { participant, patience });
            }
        }
        (!participants.is_empty()).then_some(RendezvousPlan { participants, likely })
    }

    /// Whether a participant that the relay still believes in does not answer.
    fn is_cut_off(&self, participant: &str) -> bool {
        let of = |track: &&SubscribedTrack| track.participant() == participant && !track.is_over();
        let mut answers = self.subscribed.iter().filter(of).filter_map(SubscribedTrack::answers);
        answers.next() == Some(false) && !answers.any(|answers| answers)
    }

    /// Two that look for each other may change places. Of such two, the one with the smaller name goes
    /// back at once, unless somebody else is here whom it would leave.
    pub(super) fn detect_glare(&mut self) {
        let moved_from = self.state.session().and_then(|session| session.moved_from.as_ref());
        let just_come =
            moved_from.is_some_and(|moved_from| self.now < moved_from.since + GLARE_WINDOW);
        if !just_come || self.participants.iter().any(|remote| remote.presence().is_here()) {
            return;
        }
        for remote in &mut self.participants {
            if remote.participant > self.config.participant {
                remote.glare_suspected();
            }
        }
    }

    pub(super) fn session_closed(&mut self, session: SessionId, cause: Cause) {
        if self.is_fallback(session) {
            return self.attempt_failed(session, cause);
        }
        if let Some(current) = self.state.session_mut()
            && let Some(dial) = current.rendezvous.session_closed(session)
        {
            self.probe_failed(&dial, &cause);
        }
        match &mut self.state {
            State::Joining { session: current, .. } | State::Live { session: current, .. }
                if current.id == session =>
            {
                self.lose_session(cause);
            }
            State::Suspect { session: old, .. } | State::Recovering { silent: Some(old), .. }
                if old.id == session =>
            {
                self.lose_suspect_session(&cause);
            }
            State::Idle
            | State::Connecting(_)
            | State::Joining { .. }
            | State::Live { .. }
            | State::Suspect { .. }
            | State::Recovering { .. }
            | State::Failed(_)
            | State::Closed(_) => {}
        }
    }

    pub(super) fn path_report(&mut self, session: SessionId, counters: Counters, rtt: Duration) {
        let now = self.now;
        if let Some(current) = self.session_with(session) {
            current.path_liveness.report(now, counters);
            current.migration.rtt(rtt);
            let silence = current.path_liveness.silence(now, rtt);
            self.monitor.path(rtt);
            if let Some(test) = &mut self.pre_call {
                test.rtt = rtt;
            }
            if let Some(kind) = silence {
                self.suspect(kind);
            }
        } else if let Some((old, attempts)) =
            self.state.silent_mut().filter(|(old, _)| old.id == session)
        {
            old.path_liveness.report(now, counters);
            old.migration.rtt(rtt);
            if old.path_liveness.is_back() && !attempts.is_voluntary() {
                self.resume_session();
            }
        }
    }

    pub(super) fn session_with(&mut self, id: SessionId) -> Option<&mut Session> {
        self.state.session_mut().filter(|session| session.id == id)
    }

    /// Points each subscribed track at the newest namespace of its participant.
    pub(super) fn follow_epochs(&mut self) {
        let Some(session) = self.state.session() else {
            return;
        };
        let session = session.id;
        for track in &mut self.subscribed {
            let remote = self.participants.iter().find(|f| f.participant == track.participant());
            let epoch = remote.and_then(RemoteParticipant::newest);
            let expected = remote.is_some_and(|f| f.presence().is_expected());
            track.follow_epoch(session, epoch, expected, cx!(self));
        }
    }
}
