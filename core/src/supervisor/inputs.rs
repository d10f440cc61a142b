//! What inputs bring: each is told to the part that it concerns.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use super::Supervisor;
use crate::campaign::Standing;
use crate::config::{Config, validate_name};
use crate::desk::desk;
use crate::error::{Cause, ErrorCode};
use crate::event::Event;
use crate::followed::Followed;
use crate::id::{RequestId, SessionId, SubscriptionId, TrackId};
use crate::input::Input;
use crate::liveness::Counters;
use crate::media::MediaKind;
use crate::output::Output;
use crate::published::PublishedTrack;
use crate::record::cut;
use crate::search::Missing;
use crate::session::Session;
use crate::state::State;
use crate::subscribed::SubscribedTrack;
use crate::summary::Outcome;

impl Supervisor {
    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::Tick => {}
            Input::Connect => self.connect(),
            Input::Publish { track, name, kind } => self.publish(track, name, kind),
            Input::Subscribe { track, participant, name, kind } => {
                self.subscribe(track, participant, name, kind)
            }
            Input::Send { track, frame } => self.send(track, frame),
            Input::Finish { track } => {
                let up = self.state.session().is_some();
                if let Some(published) = self.published.iter_mut().find(|p| p.id == track) {
                    published.finish(up, desk!(self));
                }
            }
            Input::MediaDeviceError { track, detail } => {
                let (code, detail) = (ErrorCode::MediaDeviceError, cut(&detail).into());
                self.out.event(Event::Notice { code, track: Some(track), detail });
            }
            Input::SafetyAlert { detail } => {
                self.record.alert(self.now - self.started, &detail);
                self.out.event(Event::SafetyAlert { detail: cut(&detail).into() });
            }
            Input::Unsubscribe { track } => self.unsubscribe(track),
            Input::ReconnectNow => self.reconnect_now(),
            Input::HostChecked { host } => self.host_checked(host),
            Input::NetworkChanged => self.network_changed(),
            Input::Close => self.end(Outcome::Completed),
            Input::Connected { session } => self.connected(session),
            Input::DialFailed { session, cause } => self.dial_failed(session, cause),
            Input::SessionClosed { session, cause } => self.session_closed(session, cause),
            Input::PathReport { session, received, acknowledged, rtt_micros } => {
                let counters = Counters { received, acknowledged };
                self.path_report(session, counters, Duration::from_micros(rtt_micros));
            }
            Input::DirectoryAnswered { request, relays } => {
                self.directory_answered(request, relays)
            }
            Input::CredentialAnswered { request, credential } => {
                if let Some(relay) = self.credentials.answered(request, credential, self.now) {
                    self.credential_came(&relay);
                }
            }
            Input::CredentialFailed { request, cause } => {
                if let Some(relay) = self.credentials.failed(request) {
                    self.credential_failed(&relay, &cause);
                }
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
                if let State::Live { search, .. } = &mut self.state {
                    search.accepted(watch, self.now);
                }
                for followed in &mut self.followed {
                    followed.accepted(watch, self.now);
                }
            }
            Input::WatchEnded { watch } => {
                if let Some(followed) = self.followed.iter_mut().find(|f| f.has(watch)) {
                    followed.ended(desk!(self));
                }
            }
            Input::EpochAdded { watch, epoch } => {
                if let State::Live { search, .. } = &mut self.state
                    && let Some((dial, lookouts)) = search.found(watch)
                {
                    self.follow_to(dial, lookouts);
                }
                if let Some(followed) = self.followed.iter_mut().find(|f| f.has(watch)) {
                    followed.added(epoch, desk!(self));
                    self.answered();
                    self.follow_participants();
                }
            }
            Input::EpochRemoved { watch, epoch } => {
                if let Some(followed) = self.followed.iter_mut().find(|f| f.has(watch)) {
                    followed.removed(epoch, self.now);
                    self.follow_participants();
                }
            }
            Input::SubscriptionAccepted { subscription } => {
                let now = self.now;
                if let Some(track) = self.listening(subscription) {
                    track.accepted(subscription, now);
                }
            }
            Input::SubscriptionEnded { subscription } => {
                let up = self.state.session().is_some();
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has(subscription)) {
                    track.ended(subscription, up, desk!(self));
                }
            }
            Input::Object { subscription, location, frame } => {
                let captured_at = frame.captured_at;
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has(subscription)) {
                    self.last_media = self.now;
                    let new = track.object(subscription, location, frame, desk!(self));
                    if let Some(test) = self.pre_call.as_mut().filter(|_| new) {
                        test.returned(captured_at, self.now);
                    }
                }
            }
            Input::EndOfTrack { subscription } => {
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has(subscription)) {
                    track.end_of_track(subscription, desk!(self));
                }
            }
        }
    }

    pub(super) fn connect(&mut self) {
        if let State::Idle = self.state {
            self.started = self.now;
            self.begin_test();
            self.set_up();
        }
    }

    pub(super) fn publish(&mut self, track: TrackId, name: String, kind: MediaKind) {
        if let Err(problem) = self.publishable(track, &name) {
            self.out.event(Event::TrackRefused { track, problem });
            return;
        }
        let published = PublishedTrack::new(track, name, kind, self.config.first_epoch);
        self.published.push(published);
        self.attach_tracks();
    }

    pub(super) fn publishable(&self, track: TrackId, name: &str) -> Result<(), String> {
        validate_name("track", name).map_err(|error| error.to_string())?;
        if self.published.iter().any(|p| p.id == track || p.is_named(name)) {
            return Err(format!("track {name} is published already"));
        }
        if self.published.len() >= Config::MOST_TRACKS {
            return Err(format!("a call publishes at most {} tracks", Config::MOST_TRACKS));
        }
        Ok(())
    }

    pub(super) fn subscribe(
        &mut self,
        track: TrackId,
        participant: String,
        name: String,
        kind: MediaKind,
    ) {
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
        self.subscribed.push(SubscribedTrack::new(track, participant, name, kind));
        self.attach_tracks();
    }

    pub(super) fn subscribable(
        &self,
        track: TrackId,
        participant: &str,
        name: &str,
    ) -> Result<(), String> {
        validate_name("participant", participant).map_err(|error| error.to_string())?;
        validate_name("track", name).map_err(|error| error.to_string())?;
        let wanted = || self.subscribed.iter().filter(|s| !s.is_over());
        if self.subscribed.iter().any(|s| s.id == track)
            || wanted().any(|s| s.is_named(participant, name))
        {
            return Err(format!("track {name} of {participant} is subscribed to already"));
        }
        if wanted().count() >= Config::MOST_TRACKS {
            return Err(format!("a call subscribes to at most {} tracks", Config::MOST_TRACKS));
        }
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, track: TrackId) {
        if let Some(subscribed) = self.subscribed.iter_mut().find(|s| s.id == track) {
            subscribed.leave(desk!(self));
        }
    }

    pub(super) fn reconnect_now(&mut self) {
        match &mut self.state {
            State::Live { .. } => self.replace_session(),
            State::Connecting(campaign)
            | State::Suspect { campaign, .. }
            | State::Recovering { campaign, .. } => campaign.hurry(&mut self.budget, desk!(self)),
            State::Idle | State::Joining { .. } | State::Failed(_) | State::Closed(_) => {}
        }
    }

    /// A session moves to the new network at once, as far as moves are not too frequent; attempts
    /// that wait to be made may succeed there, so the next one does not wait.
    pub(super) fn network_changed(&mut self) {
        match &mut self.state {
            State::Joining { session, .. } | State::Live { session, .. } => {
                session.migration.want_once();
                session.advance_path(None, desk!(self));
            }
            State::Connecting(campaign)
            | State::Suspect { campaign, .. }
            | State::Recovering { campaign, .. } => campaign.hurry(&mut self.budget, desk!(self)),
            State::Idle | State::Failed(_) | State::Closed(_) => {}
        }
    }

    pub(super) fn connected(&mut self, session: SessionId) {
        if let Some(missing) = self.missing()
            && let State::Live { search, .. } = &mut self.state
        {
            search.connected(session, &missing, desk!(self));
        }
        if self.state.campaign().and_then(|campaign| campaign.dialing(session)).is_none() {
            return;
        }
        let (mut campaign, old) = match mem::replace(&mut self.state, State::Idle) {
            State::Suspect { session: old, campaign, .. } => (campaign, Some(old)),
            State::Recovering { silent, campaign } => (campaign, silent),
            State::Connecting(campaign) => (campaign, None),
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
        if let Some(dial) = campaign.won(session, desk!(self)) {
            self.join(dial, campaign, Vec::new());
        }
    }

    pub(super) fn dial_failed(&mut self, session: SessionId, cause: Cause) {
        if let State::Live { search, .. } = &mut self.state {
            search.lost(session, desk!(self));
        }
        let dial = self.state.campaign().and_then(|campaign| campaign.dialing(session));
        let Some((relay, issue)) = dial.map(|dial| (dial.relay.clone(), dial.issue)) else {
            return;
        };
        let final_code = self.verdict(&cause, &relay, issue);
        if let Some(campaign) = self.state.campaign_mut() {
            campaign.failed(session, cause, desk!(self));
        }
        self.after_failure(final_code);
    }

    fn after_failure(&mut self, final_code: Option<ErrorCode>) {
        if let Some(code) = final_code {
            self.fail(code);
            return;
        }
        if let Some(campaign) = self.state.campaign_mut() {
            campaign.go_on(&mut self.budget, desk!(self));
        }
        if self.state.campaign().is_some_and(|c| c.standing() == Standing::Exhausted) {
            self.give_up();
        }
    }

    /// Attempts that wait for the list are made now.
    fn directory_answered(&mut self, request: RequestId, relays: Vec<String>) {
        let came = !relays.is_empty();
        if !self.directory.answered(request, relays, self.now, &self.config) {
            return;
        }
        if came {
            let relays = self.directory.relays(&self.config).to_vec();
            self.out.push(Output::RememberDirectory { relays });
        }
        if let State::Connecting(campaign) = &mut self.state {
            campaign.begin(&mut self.budget, desk!(self));
        }
    }

    fn credential_came(&mut self, relay: &str) {
        if let Some(campaign) = self.state.campaign_mut() {
            campaign.credential_came(relay, desk!(self));
        }
        if let State::Live { search, .. } = &mut self.state
            && let Some(dial) = search.waiting_for(relay)
        {
            dial.go(desk!(self));
        }
    }

    fn credential_failed(&mut self, relay: &str, cause: &Cause) {
        if let State::Live { search, .. } = &mut self.state
            && let Some(session) = search.waiting_for(relay).map(|dial| dial.session)
        {
            search.lost(session, desk!(self));
        }
        if let Some(campaign) = self.state.campaign_mut()
            && campaign.credential_failed(relay, cause, desk!(self))
        {
            self.after_failure(cause.kind.final_code());
        }
    }

    /// Who is missing here and may be on another relay, and whose turn it is to look.
    pub(super) fn missing(&self) -> Option<Missing> {
        let missed = |followed: &&Followed| followed.presence().is_missed();
        if self.directory.relays(&self.config).len() < 2
            || !self.followed.iter().any(|f| missed(&f))
        {
            return None;
        }
        let participants: Vec<String> = self
            .followed
            .iter()
            .filter(missed)
            .map(|followed| followed.participant.clone())
            .collect();
        let polite = participants.iter().any(|other| *other < self.config.participant);
        Some(Missing { participants, polite })
    }

    pub(super) fn session_closed(&mut self, session: SessionId, cause: Cause) {
        if let State::Live { search, .. } = &mut self.state {
            search.lost(session, desk!(self));
        }
        match &mut self.state {
            State::Joining { session: current, .. } | State::Live { session: current, .. }
                if current.id == session =>
            {
                self.lose_session(cause);
            }
            State::Suspect { session: current, .. } if current.id == session => {
                self.lose_suspect(&cause);
            }
            State::Recovering { silent, .. }
                if silent.as_ref().is_some_and(|s| s.id == session) =>
            {
                *silent = None;
                self.detach_tracks();
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
            current.liveness.report(now, counters);
            current.migration.rtt(rtt);
            let silence = current.liveness.silence(now, rtt);
            self.monitor.path(rtt);
            if let Some(test) = &mut self.pre_call {
                test.rtt = rtt;
            }
            if let Some(kind) = silence {
                self.suspect(kind);
            }
        } else if let Some((old, campaign)) =
            self.state.silent_mut().filter(|(old, _)| old.id == session)
        {
            old.liveness.report(now, counters);
            old.migration.rtt(rtt);
            if old.liveness.is_back() && !campaign.is_on_request() {
                self.return_to_old_session();
            }
        }
    }

    pub(super) fn session_with(&mut self, id: SessionId) -> Option<&mut Session> {
        self.state.session_mut().filter(|session| session.id == id)
    }

    pub(super) fn listening(
        &mut self,
        subscription: SubscriptionId,
    ) -> Option<&mut SubscribedTrack> {
        self.subscribed.iter_mut().find(|track| track.has(subscription))
    }

    /// Points each subscribed track at the newest namespace of its participant.
    pub(super) fn follow_participants(&mut self) {
        let Some(session) = self.state.session() else {
            return;
        };
        let session = session.id;
        for track in &mut self.subscribed {
            let followed = self.followed.iter().find(|f| f.participant == track.participant());
            let epoch = followed.and_then(Followed::newest);
            let expected = followed.is_some_and(|f| f.presence().is_expected());
            track.follow(session, epoch, expected, desk!(self));
        }
    }
}
