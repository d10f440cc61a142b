//! What the application asks for.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::Supervisor;
use crate::api::error::CauseKind;
use crate::api::error::validate_name;
use crate::api::event::Event;
use crate::api::id::TrackId;
use crate::api::media::{Delivery, Retention};
use crate::api::media::{Frame, MediaKind};
use crate::api::output::Output;
use crate::config::Config;
use crate::context::cx;
use crate::participants::RemoteParticipant;
use crate::publish::PublishedTrack;
use crate::subscribe::SubscribedTrack;
use crate::supervisor::state::State;

impl Supervisor {
    pub(super) fn connect(&mut self) {
        if let State::Idle = self.state {
            self.started = self.now;
            self.begin_pre_call();
            self.set_up();
        }
    }

    pub(super) fn publish(
        &mut self,
        track: TrackId,
        name: String,
        kind: MediaKind,
        (delivery, retention): (Delivery, Retention),
    ) {
        let valid = delivery.validate().and_then(|()| retention.validate());
        let valid = valid.map_err(|error| error.to_string());
        if let Err(problem) = valid.and_then(|()| self.publishable(track, &name)) {
            self.out.event(Event::TrackRefused { track, problem });
            return;
        }
        let first_epoch = self.config.first_epoch;
        let wanted = (delivery, retention);
        keep(&mut self.published, PublishedTrack::new(track, name, kind, wanted, first_epoch));
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
        (delivery, retention): (Delivery, Retention),
    ) {
        let valid = delivery.validate().and_then(|()| retention.validate());
        let valid = valid.map_err(|error| error.to_string());
        let subscribable = || self.subscribable(track, &participant, &name);
        if let Err(problem) = valid.and_then(|()| subscribable()) {
            self.out.event(Event::TrackRefused { track, problem });
            // Unless the handle is in use, its stream would wait for ever.
            if !self.subscribed.iter().any(|s| s.id == track) {
                self.out.push(Output::CloseTrack { track });
            }
            return;
        }
        if !self.participants.iter().any(|f| f.participant == participant) {
            keep(&mut self.participants, RemoteParticipant::new(participant.clone()));
        }
        if self.subscribed.len() >= Config::MOST_TRACKS
            && let Some(over) = self.subscribed.iter().position(SubscribedTrack::is_over)
        {
            self.subscribed.remove(over);
        }
        let how = (delivery, retention);
        keep(&mut self.subscribed, SubscribedTrack::new(track, participant, name, kind, how));
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
        let is_new = !self.participants.iter().any(|remote| remote.participant == participant);
        if is_new && self.participants.len() >= Config::MOST_PARTICIPANTS {
            let most = Config::MOST_PARTICIPANTS;
            return Err(format!("a call listens to at most {most} participants"));
        }
        if wanted().count() >= Config::MOST_TRACKS {
            return Err(format!("a call subscribes to at most {} tracks", Config::MOST_TRACKS));
        }
        Ok(())
    }

    pub(super) fn send(&mut self, track: TrackId, frame: Frame) {
        // A path that went silent is not fed: what is in flight there blocks its recovery.
        let up = self.state.session().is_some() || self.is_being_replaced();
        if let Some(published) = self.published.iter_mut().find(|p| p.id == track) {
            self.last_media = self.now;
            published.send(frame, up, cx!(self));
        }
    }

    pub(super) fn unsubscribe(&mut self, track: TrackId) {
        if let Some(subscribed) = self.subscribed.iter_mut().find(|s| s.id == track) {
            subscribed.leave(cx!(self));
        }
    }

    pub(super) fn reconnect_now(&mut self) {
        match &mut self.state {
            State::Live { .. } => self.replace_session(CauseKind::Requested),
            State::Connecting(attempts)
            | State::Suspect { attempts, .. }
            | State::Recovering { attempts, .. } => {
                attempts.attempt_now(&mut self.resources, cx!(self))
            }
            State::Idle | State::Joining { .. } | State::Failed(_) | State::Closed(_) => {}
        }
    }

    /// A session moves to the new network at once, as far as moves are not too frequent; attempts
    /// that wait to be made may succeed there, so the next one does not wait.
    pub(super) fn network_changed(&mut self) {
        match &mut self.state {
            State::Joining { session, .. } | State::Live { session, .. } => {
                session.migration.want_once();
                session.advance_path(None, cx!(self));
            }
            State::Connecting(attempts)
            | State::Suspect { attempts, .. }
            | State::Recovering { attempts, .. } => {
                attempts.attempt_now(&mut self.resources, cx!(self))
            }
            State::Idle | State::Failed(_) | State::Closed(_) => {}
        }
    }
}

/// Tracks are few, large and seldom added: no room is kept for more of them.
fn keep<T>(all: &mut Vec<T>, new: T) {
    all.reserve_exact(1);
    all.push(new);
}
