//! What a session was asked: our namespace, our tracks, the namespaces of the other participants,
//! and their tracks. It ends with the session.

use alloc::vec::Vec;

use super::Session;
use crate::api::id::{NamespaceSubscriptionId, SubscriptionId, TrackId};
use crate::api::namespace;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::context::request::Request;
use crate::participants::Namespaces;
use crate::publish::{Publication, PublishedTrack};
use crate::subscribe::Subscription;

/// The requests of one session. Those of a track or a participant are few, so they are found by a
/// scan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    /// Our namespace on the relay, by its epoch; unsent as long as nothing is published. A relay
    /// refuses a namespace that is taken, so each try has another epoch.
    namespace: Request<u64>,
    publications: Vec<Publication>,
    participants: Vec<Namespaces>,
    subscriptions: Vec<Subscription>,
}

impl Requests {
    /// `participants`: the namespaces that the session has been asked for already. (A relay refuses
    /// a second subscription to them, with PREFIX_OVERLAP.)
    pub(super) fn new(participants: Vec<Namespaces>) -> Self {
        Self { participants, ..Self::default() }
    }

    /// When a request that failed is repeated, or one that waits for an answer is given up.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let publications = self.publications.iter().filter_map(Publication::deadline);
        let subscriptions = self.subscriptions.iter().filter_map(Subscription::deadline);
        let participants = self.participants.iter().filter_map(Namespaces::deadline);
        let all = publications.chain(subscriptions).chain(participants);
        all.chain(self.namespace.deadline()).min()
    }

    /// Whether the relay has accepted our namespace, or none was sent, and the subscriptions to the
    /// namespaces of all participants.
    pub(crate) fn are_agreed(&self) -> bool {
        (self.namespace.is_unsent() || self.namespace.is_accepted())
            && self.participants.iter().all(Namespaces::is_accepted)
    }

    /// Whether the readiness gate need not wait for any track.
    pub(crate) fn are_decided(&self) -> bool {
        self.subscriptions.iter().all(Subscription::is_decided)
    }

    pub(crate) fn publications_mut(&mut self) -> &mut [Publication] {
        &mut self.publications
    }

    pub(crate) fn publication(&self, track: TrackId) -> Option<&Publication> {
        self.publications.iter().find(|publication| publication.track == track)
    }

    pub(crate) fn publication_mut(&mut self, track: TrackId) -> Option<&mut Publication> {
        self.publications.iter_mut().find(|publication| publication.track == track)
    }

    pub(crate) fn namespaces_of(&self, participant: &str) -> Option<&Namespaces> {
        self.participants.iter().find(|namespaces| namespaces.participant == participant)
    }

    pub(crate) fn namespaces_of_mut(&mut self, participant: &str) -> Option<&mut Namespaces> {
        self.participants.iter_mut().find(|namespaces| namespaces.participant == participant)
    }

    pub(crate) fn has_namespaces_by(&self, id: NamespaceSubscriptionId) -> bool {
        self.participants.iter().any(|namespaces| namespaces.has(id))
    }

    pub(crate) fn participants(&self) -> &[Namespaces] {
        &self.participants
    }

    /// The namespaces that a subscription reports.
    pub(crate) fn namespaces_by(&mut self, id: NamespaceSubscriptionId) -> Option<&mut Namespaces> {
        self.participants.iter_mut().find(|namespaces| namespaces.has(id))
    }

    pub(crate) fn subscription(&self, track: TrackId) -> Option<&Subscription> {
        self.subscriptions.iter().find(|subscription| subscription.track == track)
    }

    pub(crate) fn subscription_mut(&mut self, track: TrackId) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|subscription| subscription.track == track)
    }

    /// The subscription with an identifier that the relay or the driver names.
    pub(crate) fn subscription_by(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions.iter().find(|subscription| subscription.has(id))
    }

    pub(crate) fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// The subscription to a track, which may be new.
    pub(crate) fn subscription_to(&mut self, track: TrackId) -> &mut Subscription {
        find_or_push(&mut self.subscriptions, |s| s.track == track, || Subscription::new(track))
    }

    /// The track is no longer listed.
    pub(crate) fn forget_subscription(&mut self, track: TrackId) {
        self.subscriptions.retain(|subscription| subscription.track != track);
    }
}

impl Session {
    /// Offers the tracks that the session does not have yet, and our namespace with the first.
    pub(crate) fn offer(
        &mut self,
        published: &mut [PublishedTrack],
        next_epoch: &mut u64,
        cx: &mut Context<'_>,
    ) {
        for track in &mut *published {
            let id = track.id;
            let publications = &mut self.requests.publications;
            find_or_push(publications, |p| p.track == id, || Publication::new(id))
                .attach(track, self.id, cx);
        }
        if !published.is_empty() && self.requests.namespace.is_unsent() {
            self.publish_namespace(next_epoch, cx);
        }
    }

    /// Subscribes to a participant's namespaces, unless the session has done so.
    pub(crate) fn follow(&mut self, participant: &str, cx: &mut Context<'_>) {
        let participants = &mut self.requests.participants;
        let new = || Namespaces::new(participant.into());
        find_or_push(participants, |n| n.participant == participant, new).attach(self.id, cx);
    }

    /// Offers tracks again that are due.
    pub(crate) fn advance_publications(
        &mut self,
        published: &mut [PublishedTrack],
        cx: &mut Context<'_>,
    ) {
        for track in published {
            if let Some(publication) = self.requests.publication_mut(track.id) {
                publication.advance(track, self.id, cx);
            }
        }
    }

    pub(crate) fn namespace_accepted(&mut self, epoch: u64) {
        self.requests.namespace.accepted(epoch);
    }

    pub(crate) fn namespace_refused(&mut self, epoch: u64, cx: &mut Context<'_>) {
        self.requests.namespace.failed(epoch, cx);
    }

    /// Publishes our namespace again if that is due.
    pub(crate) fn advance_namespace(&mut self, next_epoch: &mut u64, cx: &mut Context<'_>) {
        if self.requests.namespace.is_due(cx.now) {
            self.publish_namespace(next_epoch, cx);
        }
    }

    fn publish_namespace(&mut self, next_epoch: &mut u64, cx: &mut Context<'_>) {
        let epoch = *next_epoch;
        *next_epoch = next_epoch.saturating_add(1);
        self.requests.namespace.sent(epoch);
        cx.out.push(Output::PublishNamespace {
            session: self.id,
            namespace: namespace::of_session(&cx.config.room, &cx.config.participant, epoch),
            epoch,
        });
    }
}

fn find_or_push<T>(
    all: &mut Vec<T>,
    is_it: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> &mut T {
    let index = all.iter().position(is_it).unwrap_or_else(|| {
        push_exact(all, new());
        all.len() - 1
    });
    &mut all[index]
}

/// Pushes without spare capacity: they are few and seldom added.
fn push_exact<T>(all: &mut Vec<T>, new: T) {
    all.reserve_exact(1);
    all.push(new);
}
