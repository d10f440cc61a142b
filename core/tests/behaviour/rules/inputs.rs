//! The record of each input, taken before the call handles it.

use holdline_core::media::{Delivery, Track};
use holdline_core::{Input, StateName};

use super::{Effect, FetchResponse, ReceivedTrack, Rules, Session};

impl Rules {
    /// Records an input, and decides whether the call may react to it.
    pub(super) fn note_input(&mut self, input: &Input) -> Effect {
        if self.ended {
            return Effect::Forbidden;
        }
        let known = match input {
            Input::Connect => self.state == StateName::Idle,
            Input::Connected { session } => {
                let dial = self.dials.remove(session);
                dial.map(|dial| self.sessions.insert(*session, Session::new(dial, self.now)))
                    .is_some()
            }
            Input::DialFailed { session, cause } => {
                let dial = self.dials.remove(session);
                dial.map(|dial| self.note_refusal(dial, cause)).is_some()
            }
            Input::SessionClosed { session, cause } => {
                let session = self.sessions.remove(session);
                session.map(|session| self.note_refusal(session.dial, cause)).is_some()
            }
            Input::PathReport { session, .. } => self.sessions.contains_key(session),
            Input::NamespaceAccepted { session, epoch } => {
                let namespace = self.sessions.get_mut(session).map(|s| &mut s.namespace);
                match namespace {
                    Some(Some((requested, accepted))) if requested == epoch => {
                        *accepted = true;
                        true
                    }
                    _ => false,
                }
            }
            Input::NamespaceRefused { session, epoch } => {
                match self.sessions.get_mut(session).map(|s| &mut s.namespace) {
                    Some(namespace)
                        if namespace.is_some_and(|(requested, _)| requested == *epoch) =>
                    {
                        *namespace = None;
                        true
                    }
                    _ => false,
                }
            }
            Input::PublicationEnded { publication } => {
                self.sessions.values_mut().any(|s| s.publications.remove(publication).is_some())
            }
            Input::NamespaceSubscriptionAccepted { namespace_subscription } => self
                .namespace_subscription(*namespace_subscription)
                .is_some_and(|namespace_subscription| {
                    namespace_subscription.accepted = true;
                    true
                }),
            Input::NamespaceSubscriptionEnded { namespace_subscription } => {
                self.sessions.values_mut().any(|session| {
                    let Some(ended) =
                        session.namespace_subscriptions.remove(namespace_subscription)
                    else {
                        return false;
                    };
                    let known = session.remembered.entry(ended.participant).or_default();
                    known.extend(ended.epochs);
                    true
                })
            }
            Input::NamespaceAdded { namespace_subscription, epoch } => self
                .namespace_subscription(*namespace_subscription)
                .is_some_and(|namespace_subscription| {
                    namespace_subscription.epochs.insert(*epoch);
                    true
                }),
            Input::NamespaceRemoved { namespace_subscription, epoch } => {
                self.sessions.values_mut().any(|session| {
                    let Some(namespace_subscription) =
                        session.namespace_subscriptions.get_mut(namespace_subscription)
                    else {
                        return false;
                    };
                    let remembered =
                        session.remembered.get_mut(&namespace_subscription.participant);
                    namespace_subscription.epochs.remove(epoch)
                        | remembered.is_some_and(|e| e.remove(epoch))
                })
            }
            Input::SubscriptionEnded { subscription } => {
                self.sessions.values_mut().any(|session| {
                    session.followed.remove(subscription);
                    session.subscriptions.remove(subscription).is_some()
                })
            }
            Input::SubscriptionAccepted { subscription } => {
                self.follow(*subscription).map(|followed| followed.accepted = true).is_some()
            }
            Input::EndOfTrack { subscription, .. } => self.track_of(*subscription).is_some(),
            Input::Object { subscription, object } => {
                if let Some(followed) = self.follow(*subscription) {
                    followed.flows = true;
                }
                let of = self.track_of(*subscription).cloned();
                of.as_ref().inspect(|of| self.note_received(of, object)).is_some()
            }
            Input::FetchedObject { fetch, object } => {
                let of = self.track_fetched(*fetch).cloned();
                of.as_ref().inspect(|of| self.note_received(of, object)).is_some()
            }
            Input::FetchEnded { fetch, .. } => {
                self.sessions.values_mut().any(|session| session.fetches.remove(fetch).is_some())
            }
            // The call has offered no track on a session that is held for home.
            Input::FetchRequested { session, .. } if self.is_fallback_session(*session) => false,
            Input::FetchRequested { session, moq_request, name, first, last } => {
                let carries = self.carrying_id() == Some(*session) || self.is_beside(*session);
                let carries = self.sessions.get_mut(session).filter(|_| carries);
                carries.is_some_and(|carries| {
                    let (name, first, last) = (name.clone(), *first, *last);
                    let response =
                        FetchResponse { name, first, last, accepted: false, last_sent: None };
                    carries.fetch_responses.entry(*moq_request).or_insert(response);
                    true
                })
            }
            Input::FetchCancelled { session, moq_request } => {
                let session = self.sessions.get_mut(session);
                session.is_some_and(|session| session.fetch_responses.remove(moq_request).is_some())
            }
            Input::Publish { track, description: Track { name, .. } } => {
                let new = !self.published.contains_key(track)
                    && !self.published.values().any(|other| other == name);
                if new {
                    self.published.insert(*track, name.clone());
                }
                true
            }
            Input::Subscribe { track, participant, description: Track { name, delivery, .. } } => {
                let wanted = (participant.clone(), name.clone());
                let twice = self
                    .subscribed
                    .iter()
                    .any(|(id, other)| *other == wanted && !self.closed_tracks.contains(id));
                if !self.subscribed.contains_key(track) && !twice {
                    self.closed_tracks.remove(track);
                    self.over_tracks.remove(track);
                    self.subscribed.insert(*track, wanted);
                    let live = *delivery != Delivery::Lossless;
                    self.received_tracks
                        .insert(*track, ReceivedTrack { live, ..ReceivedTrack::default() });
                }
                true
            }
            Input::ReconnectNow | Input::NetworkChanged => {
                self.pauses_are_waived = true;
                true
            }
            Input::DirectoryAnswered { query, relays } => self.note_relays(*query, relays),
            Input::CredentialAnswered { query, credential } => {
                self.note_credential(*query, Some(credential))
            }
            Input::CredentialFailed { query, .. } => self.note_credential(*query, None),
            Input::HostChecked { .. } => false,
            Input::Send { track, frame } => {
                let name = self.published.get(track);
                if let Some(name) = name.filter(|name| !self.finished.contains(*name)) {
                    self.application_frames.entry(name.clone()).or_default().push(frame.clone());
                }
                true
            }
            Input::Finish { track } => {
                self.finished.extend(self.published.get(track).cloned());
                true
            }
            Input::Tick
            | Input::Unsubscribe { .. }
            | Input::MediaDeviceError { .. }
            | Input::SafetyAlert { .. }
            | Input::Close => true,
        };
        if known { Effect::Allowed } else { Effect::Forbidden }
    }
}
