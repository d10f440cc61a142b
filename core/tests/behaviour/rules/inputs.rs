//! What is known about an input before the call has seen it.

use holdline_core::media::{Delivery, Track};
use holdline_core::{Input, StateName};

use super::{Answer, Heard, Meaning, Rules, Session};

impl Rules {
    /// What is known about an input before the call has seen it.
    pub(super) fn note_input(&mut self, input: &Input) -> Meaning {
        if self.ended {
            return Meaning::Nothing;
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
                self.sessions.values_mut().any(|s| s.subscriptions.remove(subscription).is_some())
            }
            Input::SubscriptionAccepted { subscription }
            | Input::EndOfTrack { subscription, .. } => self.track_of(*subscription).is_some(),
            Input::Object { subscription, object } => {
                let of = self.track_of(*subscription).cloned();
                of.as_ref().inspect(|of| self.note_heard(of, object)).is_some()
            }
            Input::FetchedObject { fetch, object } => {
                let of = self.track_fetched(*fetch).cloned();
                of.as_ref().inspect(|of| self.note_heard(of, object)).is_some()
            }
            Input::FetchEnded { fetch, .. } => {
                self.sessions.values_mut().any(|session| session.fetches.remove(fetch).is_some())
            }
            // Nothing was offered there.
            Input::FetchRequested { session, .. } if self.is_second_best(*session) => false,
            Input::FetchRequested { session, moq_request: request, name, first, last } => {
                // Nothing is to be had on a later one, which only looks for the others.
                let carries = self.sessions.first_entry().filter(|first| first.key() == session);
                carries.is_some_and(|mut carries| {
                    let (name, first, last) = (name.clone(), *first, *last);
                    let answer = Answer { name, first, last, accepted: false, said: None };
                    carries.get_mut().answers.entry(*request).or_insert(answer);
                    true
                })
            }
            Input::FetchCancelled { session, moq_request: request } => {
                let session = self.sessions.get_mut(session);
                session.is_some_and(|session| session.answers.remove(request).is_some())
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
                    self.subscribed.insert(*track, wanted);
                    let live = *delivery != Delivery::Lossless;
                    self.heard_of.insert(*track, Heard { live, ..Heard::default() });
                }
                true
            }
            Input::ReconnectNow | Input::NetworkChanged => {
                self.hurried = true;
                true
            }
            Input::DirectoryAnswered { query: request, relays } => {
                self.note_relays(*request, relays)
            }
            Input::CredentialAnswered { query: request, credential } => {
                self.note_credential(*request, Some(credential))
            }
            Input::CredentialFailed { query: request, .. } => self.note_credential(*request, None),
            Input::HostChecked { .. } => false,
            Input::Send { track, frame } => {
                let name = self.published.get(track);
                if let Some(name) = name.filter(|name| !self.finished.contains(*name)) {
                    self.given.entry(name.clone()).or_default().push(frame.clone());
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
        if known { Meaning::Something } else { Meaning::Nothing }
    }
}
