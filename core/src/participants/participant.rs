//! A remote participant: the namespaces that it announced, at most 32 of them, the newest one, and
//! its presence.

use alloc::collections::BTreeSet;
use alloc::string::String;
use core::time::Duration;

use crate::api::event::Event;
use crate::api::id::{NamespaceSubscriptionId, SessionId};
use crate::api::namespace;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::context::request::Request;
use crate::context::soonest::soonest;
use crate::participants::presence::{DISCOVERY_TIME, Presence, PresenceChange};

/// How many namespaces of one participant are retained. A participant that redials leaves its old
/// one behind until the relay's idle timeout, so a few are normal. The newest are retained.
const MOST_EPOCHS: usize = 32;

/// A participant whose namespaces we follow.
#[derive(Clone, Debug)]
pub(crate) struct RemoteParticipant {
    pub(crate) participant: String,
    subscription: Request<NamespaceSubscriptionId>,
    epochs: BTreeSet<u64>,
    /// What an earlier subscription on this session had reported. It counts until the new
    /// subscription has had time to report.
    unconfirmed: BTreeSet<u64>,
    confirmed_by: Option<Timestamp>,
    /// A recovery of our own session does not change it.
    presence: Presence,
    /// Whether the participant was on this relay at any time of our session.
    seen_here: bool,
}

impl RemoteParticipant {
    pub(crate) fn new(participant: String) -> Self {
        Self {
            participant,
            subscription: Request::default(),
            epochs: BTreeSet::new(),
            unconfirmed: BTreeSet::new(),
            confirmed_by: None,
            presence: Presence::default(),
            seen_here: false,
        }
    }

    pub(crate) fn has(&self, subscription: NamespaceSubscriptionId) -> bool {
        self.subscription.id() == Some(subscription)
    }

    /// The epoch of the newest namespace that the participant announced.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.epochs.last().max(self.unconfirmed.last()).copied()
    }

    pub(crate) fn is_accepted(&self) -> bool {
        self.subscription.is_accepted()
    }

    pub(crate) fn presence(&self) -> Presence {
        self.presence
    }

    /// Whether the participant may be on another relay. One that was here until a moment ago most
    /// likely reconnects here; one that was not seen here is on another relay, or still on its way.
    pub(crate) fn may_be_elsewhere(&self) -> bool {
        self.presence.may_be_elsewhere() || !self.seen_here && self.presence.is_away()
    }

    pub(crate) fn deadline(&self, rejoin: Duration) -> Option<Timestamp> {
        soonest([self.subscription.deadline(), self.confirmed_by, self.presence.deadline(rejoin)])
    }

    /// Does what is due. Returns whether that changed the newest namespace, or whether media is
    /// expected of the participant.
    pub(crate) fn advance(&mut self, session: SessionId, cx: &mut Context<'_>) -> bool {
        let before = (self.presence.is_expected(), self.newest());
        if self.confirmed_by.is_some_and(|at| cx.now >= at) {
            self.confirmed_by = None;
            self.unconfirmed.clear();
            self.note_absence(cx.now);
        }
        if self.subscription.is_due(cx.now) {
            self.request(session, cx);
        }
        // Two deadlines may have passed at once.
        while let Some(change) = self.presence.advance(cx.now, cx.config.rejoin_timeout) {
            self.emit(change, cx);
        }
        (self.presence.is_expected(), self.newest()) != before
    }

    /// Takes over the subscription of a probe whose session the call will use: a relay refuses a
    /// second one (PREFIX_OVERLAP).
    pub(crate) fn adopt(
        &mut self,
        namespace_subscription: NamespaceSubscriptionId,
        accepted: bool,
        now: Timestamp,
    ) {
        self.subscription.sent(namespace_subscription);
        if accepted {
            self.accepted(namespace_subscription, now);
        }
    }

    /// Subscribes to the participant's namespaces on a session that has no such subscription yet.
    pub(crate) fn attach(&mut self, session: SessionId, cx: &mut Context<'_>) {
        if self.subscription.is_unsent() {
            self.request(session, cx);
        }
    }

    fn request(&mut self, session: SessionId, cx: &mut Context<'_>) {
        let namespace_subscription = NamespaceSubscriptionId(cx.mint.next());
        self.subscription.sent(namespace_subscription);
        cx.out.push(Output::SubscribeNamespace {
            session,
            namespace_subscription,
            prefix: namespace::of_participant(&cx.config.room, &self.participant),
        });
    }

    /// The session is gone, and with it what it had reported.
    pub(crate) fn detach(&mut self) {
        self.subscription = Request::default();
        self.epochs.clear();
        self.unconfirmed.clear();
        self.confirmed_by = None;
        self.seen_here = false;
    }

    pub(crate) fn accepted(
        &mut self,
        namespace_subscription: NamespaceSubscriptionId,
        now: Timestamp,
    ) {
        if self.subscription.accepted(namespace_subscription) {
            if !self.unconfirmed.is_empty() {
                self.confirmed_by = Some(now + DISCOVERY_TIME);
            }
            self.note_absence(now);
        }
    }

    /// Notes that the participant is not here, if no namespace of it is known.
    fn note_absence(&mut self, now: Timestamp) {
        if self.newest().is_none() {
            self.presence.went_away(now);
        }
    }

    pub(crate) fn ended(&mut self, id: NamespaceSubscriptionId, cx: &mut Context<'_>) {
        self.unconfirmed.append(&mut self.epochs);
        while self.unconfirmed.len() > MOST_EPOCHS {
            self.unconfirmed.pop_first();
        }
        self.confirmed_by = None;
        self.subscription.failed(id, cx);
    }

    pub(crate) fn added(&mut self, epoch: u64, cx: &mut Context<'_>) {
        self.seen_here = true;
        self.unconfirmed.remove(&epoch);
        self.epochs.insert(epoch);
        if self.epochs.len() > MOST_EPOCHS {
            self.epochs.pop_first();
        }
        if let Some(change) = self.presence.appeared() {
            self.emit(change, cx);
        }
    }

    pub(crate) fn removed(&mut self, epoch: u64, now: Timestamp) {
        if self.epochs.remove(&epoch) | self.unconfirmed.remove(&epoch) {
            self.note_absence(now);
        }
    }

    /// If the participant went away only now, it most likely went to meet us where we were.
    pub(crate) fn glare_suspected(&mut self) {
        self.presence.glare_suspected();
    }

    fn emit(&self, change: PresenceChange, cx: &mut Context<'_>) {
        let participant = self.participant.clone();
        let event = match change {
            PresenceChange::Joined { rejoined } => {
                Event::ParticipantJoined { participant, rejoined }
            }
            PresenceChange::Away => Event::ParticipantAway { participant },
            PresenceChange::Left => Event::ParticipantLeft { participant },
            PresenceChange::NotYet => return,
        };
        cx.out.event(event);
    }
}
