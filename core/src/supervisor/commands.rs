//! Commands of the application.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::Supervisor;
use crate::api::error::{CauseKind, ErrorCode, validate_name};
use crate::api::event::Event;
use crate::api::id::TrackId;
use crate::api::media::{Frame, Track};
use crate::api::output::Output;
use crate::api::state_name::StateName;
use crate::api::stats::cut;
use crate::config::Config;
use crate::context::cx;
use crate::participants::RemoteParticipant;
use crate::publish::PublishedTrack;
use crate::session::Stage;
use crate::subscribe::SubscribedTrack;
use crate::supervisor::dispatch::Effect;

impl Supervisor {
    pub(super) fn connect(&mut self) {
        if self.announced == StateName::Idle {
            self.started = self.now;
            self.begin_pre_call();
            self.set_up();
        }
    }

    pub(super) fn publish(&mut self, id: TrackId, track: Track) {
        if let Err(problem) = self.publishable(id, &track) {
            self.out.event(Event::TrackRefused { track: id, problem });
            return;
        }
        let first_epoch = self.config.first_epoch;
        push_exact(&mut self.published, PublishedTrack::new(id, track, first_epoch));
        self.attach_tracks();
    }

    fn publishable(&self, id: TrackId, track: &Track) -> Result<(), String> {
        track.validate().map_err(|error| error.to_string())?;
        let name = &track.name;
        if self.published.iter().any(|p| p.id == id || p.is_named(name)) {
            return Err(format!("track {name} is published already"));
        }
        if self.published.len() >= Config::MOST_TRACKS {
            return Err(format!("a call publishes at most {} tracks", Config::MOST_TRACKS));
        }
        Ok(())
    }

    pub(super) fn subscribe(&mut self, id: TrackId, participant: String, track: Track) {
        if let Err(problem) = self.subscribable(id, &participant, &track) {
            self.out.event(Event::TrackRefused { track: id, problem });
            // Unless another track uses the handle, the application would wait on it for ever.
            if !self.subscribed.iter().any(|s| s.id == id) {
                self.out.push(Output::CloseTrack { track: id });
            }
            return;
        }
        if !self.participants.iter().any(|remote| remote.participant == participant) {
            push_exact(&mut self.participants, RemoteParticipant::new(participant.clone()));
        }
        if self.subscribed.len() >= Config::MOST_TRACKS
            && let Some(over) = self.subscribed.iter().position(SubscribedTrack::is_over)
        {
            let track = self.subscribed.remove(over).id;
            for (session, _) in self.legs.sessions_mut() {
                session.requests.forget_subscription(track);
            }
        }
        push_exact(&mut self.subscribed, SubscribedTrack::new(id, participant, track));
        self.attach_tracks();
    }

    fn subscribable(&self, id: TrackId, participant: &str, track: &Track) -> Result<(), String> {
        validate_name("participant", participant).map_err(|error| error.to_string())?;
        track.validate().map_err(|error| error.to_string())?;
        let name = &track.name;
        let active = || self.subscribed.iter().filter(|s| !s.is_over());
        if self.subscribed.iter().any(|s| s.id == id)
            || active().any(|s| s.is_named(participant, name))
        {
            return Err(format!("track {name} of {participant} is subscribed to already"));
        }
        let is_new = !self.participants.iter().any(|remote| remote.participant == participant);
        if is_new && self.participants.len() >= Config::MOST_PARTICIPANTS {
            let most = Config::MOST_PARTICIPANTS;
            return Err(format!("a call listens to at most {most} participants"));
        }
        if active().count() >= Config::MOST_TRACKS {
            return Err(format!("a call subscribes to at most {} tracks", Config::MOST_TRACKS));
        }
        Ok(())
    }

    /// A frame moves only the end of idleness, and that later.
    pub(super) fn send(&mut self, track: TrackId, frame: Frame) -> Effect {
        let now = self.now;
        if let Some(published) = self.published.iter_mut().find(|p| p.id == track) {
            self.last_media = now;
            let kind = published.kind();
            let publications = self.legs.all().filter_map(|leg| leg.feeds(track, kind, now));
            published.send(frame, publications, cx!(self));
        }
        Effect::Steady
    }

    pub(super) fn finish(&mut self, track: TrackId) {
        let Some(published) = self.published.iter_mut().find(|p| p.id == track) else { return };
        published.finish();
        for (session, stage) in self.legs.sessions_mut() {
            if stage != Stage::Suspect
                && let Some(publication) = session.requests.publication_mut(track)
            {
                publication.send_end(published, cx!(self));
            }
        }
    }

    pub(super) fn unsubscribe(&mut self, track: TrackId) {
        if let Some(subscribed) = self.subscribed.iter_mut().find(|s| s.id == track) {
            subscribed.leave(self.legs.subscriptions_to(track), cx!(self));
        }
    }

    pub(super) fn media_device_error(&mut self, track: TrackId, detail: &str) {
        let (code, detail) = (ErrorCode::MediaDeviceError, cut(detail).into());
        self.out.event(Event::Notice { code, track: Some(track), detail });
    }

    pub(super) fn safety_alert(&mut self, detail: &str) {
        self.record.alert(self.now - self.started, detail);
        self.out.event(Event::SafetyAlert { detail: cut(detail).into() });
    }

    pub(super) fn reconnect_now(&mut self) {
        match self.legs.stage() {
            Some(Stage::Up { .. }) if self.attempts.is_none() => {
                self.replace_session(CauseKind::Requested);
            }
            Some(Stage::Joining { .. }) => {}
            Some(Stage::Up { .. } | Stage::Suspect) | None => self.attempt_now(),
        }
    }

    /// A session migrates to the new network at once, within the limit on migrations. The next
    /// planned attempt is made at once, because it may succeed there.
    pub(super) fn network_changed(&mut self) {
        if !self.is_up() {
            return self.attempt_now();
        }
        for (session, _) in self.legs.sessions_mut() {
            session.migration.want_once();
            session.advance_path(None, cx!(self));
        }
    }

    fn attempt_now(&mut self) {
        if let Some(attempts) = &mut self.attempts {
            attempts.attempt_now(&mut self.legs, &mut self.resources, cx!(self));
        }
    }
}

/// Pushes without spare capacity: tracks and participants are few, large and seldom added.
fn push_exact<T>(all: &mut Vec<T>, new: T) {
    all.reserve_exact(1);
    all.push(new);
}
