//! What inputs bring: each is told to the part that it concerns.

use core::time::Duration;

use super::Supervisor;
use crate::api::error::ErrorCode;
use crate::api::event::Event;
use crate::api::input::Input;
use crate::api::stats::Outcome;
use crate::api::stats::cut;
use crate::context::cx;
use crate::publish::FetchRequestId;
use crate::session::Counters;

impl Supervisor {
    pub(super) fn dispatch_input(&mut self, input: Input) {
        match input {
            Input::Tick => {}
            Input::Connect => self.connect(),
            Input::Publish { track, name, kind, delivery, retention } => {
                self.publish(track, name, kind, (delivery, retention))
            }
            Input::Subscribe { track, participant, name, kind, delivery, retention } => {
                self.subscribe(track, participant, name, kind, (delivery, retention))
            }
            Input::Send { track, frame } => self.send(track, frame),
            Input::Finish { track } => {
                let up = self.state.session().is_some();
                if let Some(published) = self.published.iter_mut().find(|p| p.id == track) {
                    published.finish(up, cx!(self));
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
            Input::DirectoryAnswered { query, relays } => self.directory_answered(query, relays),
            Input::CredentialAnswered { query, credential } => {
                if let Some(relay) =
                    self.resources.credentials.answered(query, credential, self.now)
                {
                    self.credential_arrived(&relay);
                }
            }
            Input::CredentialFailed { query, cause } => {
                if let Some(relay) = self.resources.credentials.failed(query) {
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
                    current.namespace_refused(epoch, cx!(self));
                }
            }
            Input::PublicationEnded { publication } => {
                for track in &mut self.published {
                    track.ended(publication, cx!(self));
                }
            }
            Input::NamespaceSubscriptionAccepted { namespace_subscription } => {
                if let Some(session) = self.state.session_mut() {
                    session.rendezvous.accepted(namespace_subscription, self.now);
                }
                for remote in &mut self.participants {
                    remote.accepted(namespace_subscription, self.now);
                }
            }
            Input::NamespaceSubscriptionEnded { namespace_subscription } => {
                if let Some(remote) =
                    self.participants.iter_mut().find(|f| f.has(namespace_subscription))
                {
                    remote.ended(cx!(self));
                }
            }
            Input::NamespaceAdded { namespace_subscription, epoch } => {
                if let Some(session) = self.state.session_mut()
                    && let Some((dial, subscriptions)) =
                        session.rendezvous.found(namespace_subscription, cx!(self))
                {
                    self.move_to_peers(dial, subscriptions);
                }
                if let Some(remote) =
                    self.participants.iter_mut().find(|f| f.has(namespace_subscription))
                {
                    remote.added(epoch, cx!(self));
                    self.note_answer();
                    self.follow_epochs();
                }
            }
            Input::NamespaceRemoved { namespace_subscription, epoch } => {
                if let Some(remote) =
                    self.participants.iter_mut().find(|f| f.has(namespace_subscription))
                {
                    remote.removed(epoch, self.now);
                    self.detect_glare();
                    self.follow_epochs();
                }
            }
            Input::SubscriptionAccepted { subscription } => {
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has(subscription)) {
                    track.accepted(subscription, self.now);
                }
            }
            Input::SubscriptionEnded { subscription } => {
                let up = self.state.session().is_some();
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has(subscription)) {
                    track.ended(subscription, up, cx!(self));
                }
            }
            Input::Object { subscription, object } => {
                let captured_at = object.frame.captured_at;
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has(subscription)) {
                    self.last_media = self.now;
                    let new = track.object(object, cx!(self));
                    if let Some(test) = self.pre_call.as_mut().filter(|_| new) {
                        test.returned(captured_at, self.now);
                        self.advance_pre_call();
                    }
                }
            }
            Input::EndOfTrack { subscription, number } => {
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has(subscription)) {
                    track.end_of_track(number, cx!(self));
                }
            }
            Input::FetchedObject { fetch, object } => {
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has_fetch(fetch)) {
                    self.last_media = self.now;
                    track.fetched(object, cx!(self));
                }
            }
            Input::FetchEnded { fetch, end } => {
                let up = self.state.session().is_some();
                if let Some(track) = self.subscribed.iter_mut().find(|t| t.has_fetch(fetch)) {
                    track.fetch_ended(end, up, cx!(self));
                }
            }
            Input::FetchRequested { session, moq_request, name, first, last } => {
                // What comes on a silent path is kept, and answered should the path come back.
                let up = self.session_with(session).is_some();
                let silent = self.state.silent_mut().is_some_and(|(old, _)| old.id == session);
                if up || silent {
                    let asked = FetchRequestId { session, moq_request };
                    self.fetch_responses.requested(
                        asked,
                        &name,
                        (first, last),
                        &self.published,
                        cx!(self),
                    );
                }
                if up {
                    self.fetch_responses.begin(&mut self.published, cx!(self));
                }
            }
            Input::FetchCancelled { session, moq_request } => {
                self.fetch_responses.cancelled(FetchRequestId { session, moq_request });
                // Others have its place now, but a silent path is not fed.
                if self.session_with(session).is_some() {
                    self.fetch_responses.begin(&mut self.published, cx!(self));
                }
            }
        }
    }
}
