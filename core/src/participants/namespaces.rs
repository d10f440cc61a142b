//! The namespaces of one participant, as one session's relay reports them.

use alloc::collections::BTreeSet;
use alloc::string::String;

use crate::api::id::{NamespaceSubscriptionId, SessionId};
use crate::api::namespace;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::context::request::Request;
use crate::context::soonest::soonest;
use crate::participants::presence::DISCOVERY_TIME;

/// How many namespaces of one participant are retained. A participant that redials leaves its old
/// one behind until the relay's idle timeout, so a few are normal. The newest are retained.
const MOST_EPOCHS: usize = 32;

/// A session's subscription to the namespaces of one participant, and what it reported: at most 32
/// namespaces.
#[derive(Clone, Debug)]
pub(crate) struct Namespaces {
    pub(crate) participant: String,
    subscription: Request<NamespaceSubscriptionId>,
    epochs: BTreeSet<u64>,
    /// What an earlier subscription on this session had reported. It counts until the new
    /// subscription has had time to report.
    unconfirmed: BTreeSet<u64>,
    confirmed_by: Option<Timestamp>,
    /// Whether the participant was on this relay at any time of the session.
    seen: bool,
}

impl Namespaces {
    pub(crate) fn new(participant: String) -> Self {
        Self {
            participant,
            subscription: Request::default(),
            epochs: BTreeSet::new(),
            unconfirmed: BTreeSet::new(),
            confirmed_by: None,
            seen: false,
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

    pub(crate) fn was_seen(&self) -> bool {
        self.seen
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        soonest([self.subscription.deadline(), self.confirmed_by])
    }

    /// Subscribes again, or forgets what was not confirmed, if that is due; `true` for the latter.
    pub(crate) fn advance(&mut self, session: SessionId, cx: &mut Context<'_>) -> bool {
        let forgets = self.confirmed_by.is_some_and(|at| cx.now >= at);
        if forgets {
            self.confirmed_by = None;
            self.unconfirmed.clear();
        }
        if self.subscription.is_due(cx.now) {
            self.subscribe(session, cx);
        }
        forgets
    }

    /// Subscribes, unless the session has done so.
    pub(crate) fn attach(&mut self, session: SessionId, cx: &mut Context<'_>) {
        if self.subscription.is_unsent() {
            self.subscribe(session, cx);
        }
    }

    fn subscribe(&mut self, session: SessionId, cx: &mut Context<'_>) {
        let namespace_subscription = NamespaceSubscriptionId(cx.mint.next());
        self.subscription.sent(namespace_subscription);
        cx.out.push(Output::SubscribeNamespace {
            session,
            namespace_subscription,
            prefix: namespace::of_participant(&cx.config.room, &self.participant),
        });
    }

    /// The relay accepted a subscription; `true` if it is this one.
    pub(crate) fn accepted(&mut self, id: NamespaceSubscriptionId, now: Timestamp) -> bool {
        let accepted = self.subscription.accepted(id);
        if accepted && !self.unconfirmed.is_empty() {
            self.confirmed_by = Some(now + DISCOVERY_TIME);
        }
        accepted
    }

    pub(crate) fn ended(&mut self, id: NamespaceSubscriptionId, cx: &mut Context<'_>) {
        self.unconfirmed.append(&mut self.epochs);
        while self.unconfirmed.len() > MOST_EPOCHS {
            self.unconfirmed.pop_first();
        }
        self.confirmed_by = None;
        self.subscription.failed(id, cx);
    }

    pub(crate) fn added(&mut self, epoch: u64) {
        self.seen = true;
        self.unconfirmed.remove(&epoch);
        self.epochs.insert(epoch);
        if self.epochs.len() > MOST_EPOCHS {
            self.epochs.pop_first();
        }
    }

    /// The participant withdrew a namespace; `true` if it was known.
    pub(crate) fn removed(&mut self, epoch: u64) -> bool {
        self.epochs.remove(&epoch) | self.unconfirmed.remove(&epoch)
    }
}
