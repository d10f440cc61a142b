//! The dispatch of inputs: one line for each, grouped by the file that handles it.

use core::time::Duration;

use super::Supervisor;
use crate::api::input::Input;
use crate::api::stats::Outcome;
use crate::session::Counters;

/// What an input can have moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// No decision is due that was not before, and no deadline is earlier than the known one.
    /// Frames have this effect, nearly always.
    Steady,
    /// Anything else.
    Changed,
}

impl Supervisor {
    pub(super) fn dispatch(&mut self, input: Input) -> Effect {
        match input {
            Input::Tick => {}
            // commands.rs
            Input::Connect => self.connect(),
            Input::Publish { track, description } => self.publish(track, description),
            Input::Subscribe { track, participant, description } => {
                self.subscribe(track, participant, description)
            }
            Input::Send { track, frame } => return self.send(track, frame),
            Input::Finish { track } => self.finish(track),
            Input::Unsubscribe { track } => self.unsubscribe(track),
            Input::MediaDeviceError { track, detail } => self.media_device_error(track, &detail),
            Input::SafetyAlert { detail } => self.safety_alert(&detail),
            Input::ReconnectNow => self.reconnect_now(),
            Input::NetworkChanged => self.network_changed(),
            // pre_call/
            Input::HostChecked { host } => self.host_checked(host),
            // connecting/
            Input::Connected { session } => self.connected(session),
            Input::DialFailed { session, cause } => self.dial_failed(session, cause),
            Input::DirectoryAnswered { query, relays } => self.directory_answered(query, relays),
            Input::CredentialAnswered { query, credential } => {
                self.credential_answered(query, credential)
            }
            Input::CredentialFailed { query, cause } => self.credential_failed(query, &cause),
            // recovery.rs
            Input::SessionClosed { session, cause } => self.session_closed(session, cause),
            Input::PathReport { session, received, acknowledged, rtt_micros } => {
                let counters = Counters { received, acknowledged };
                return self.path_report(session, counters, Duration::from_micros(rtt_micros));
            }
            // namespaces.rs
            Input::NamespaceAccepted { session, epoch } => self.namespace_accepted(session, epoch),
            Input::NamespaceRefused { session, epoch } => self.namespace_refused(session, epoch),
            Input::NamespaceSubscriptionAccepted { namespace_subscription } => {
                self.namespace_subscription_accepted(namespace_subscription)
            }
            Input::NamespaceSubscriptionEnded { namespace_subscription } => {
                self.namespace_subscription_ended(namespace_subscription)
            }
            Input::NamespaceAdded { namespace_subscription, epoch } => {
                self.namespace_added(namespace_subscription, epoch)
            }
            Input::NamespaceRemoved { namespace_subscription, epoch } => {
                self.namespace_removed(namespace_subscription, epoch)
            }
            // tracks.rs
            Input::PublicationEnded { publication } => self.publication_ended(publication),
            Input::SubscriptionAccepted { subscription } => {
                self.subscription_accepted(subscription)
            }
            Input::SubscriptionEnded { subscription } => self.subscription_ended(subscription),
            Input::Object { subscription, object } => return self.object(subscription, object),
            Input::EndOfTrack { subscription, number } => self.end_of_track(subscription, number),
            Input::FetchedObject { fetch, object } => self.fetched_object(fetch, object),
            Input::FetchEnded { fetch, end } => self.fetch_ended(fetch, end),
            Input::FetchRequested { session, moq_request, name, first, last } => {
                self.fetch_requested(session, moq_request, &name, (first, last))
            }
            Input::FetchCancelled { session, moq_request } => {
                self.fetch_cancelled(session, moq_request)
            }
            // termination.rs
            Input::Close => self.end(Outcome::Completed),
        }
        Effect::Changed
    }
}
