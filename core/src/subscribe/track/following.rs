//! Following a publisher from one of its namespaces to the next, without a gap.

use super::SubscribedTrack;
use crate::api::output::Output;
use crate::context::Context;
use crate::subscribe::subscription::{ANSWER_TIMEOUT, FOLLOW_EVERY, Next, Source, Stage};

impl SubscribedTrack {
    /// The publisher's newest namespace on a session has `epoch`; `None` without one. `expected`:
    /// the publisher is there, or was a moment ago.
    ///
    /// As long as the present subscription flows, that under another namespace is requested beside
    /// it: the publisher may be moving to another session, and neither of us wants a gap.
    pub(crate) fn follow_epoch(
        &mut self,
        source: &mut Source<'_>,
        (epoch, expected): (Option<u64>, bool),
        cx: &mut Context<'_>,
    ) {
        let subscription = &mut *source.subscription;
        subscription.readiness.expect(expected, cx.now, cx.config.ready_timeout);
        if subscription.next.is_some_and(|next| next.stage.epoch() != epoch) {
            self.drop_next(source, cx);
        }
        let subscription = &mut *source.subscription;
        subscription.pending = None;
        if subscription.stage.epoch() == epoch || subscription.next.is_some() {
            return;
        }
        if let Some(epoch) = epoch
            && subscription.is_ready()
        {
            if cx.now >= subscription.follow_at {
                self.subscribe_next(source, epoch, cx);
            } else {
                subscription.pending = Some(epoch);
            }
            return;
        }
        subscription.readiness.interrupted(cx.now, cx.config.ready_timeout);
        self.unsubscribe(source, cx);
        source.subscription.failures.clear();
        if let Some(epoch) = epoch {
            self.subscribe(source, epoch, cx);
        }
    }

    fn subscribe_next(&mut self, source: &mut Source<'_>, epoch: u64, cx: &mut Context<'_>) {
        let failures = source.subscription.next.map(|next| next.failures).unwrap_or_default();
        let stage = self.request(source.session, epoch, cx);
        source.subscription.next = Some(Next { stage, failures, brought: None });
        source.subscription.follow_at = cx.now + FOLLOW_EVERY;
    }

    fn drop_next(&mut self, source: &mut Source<'_>, cx: &mut Context<'_>) {
        if let Some(next) = source.subscription.next.take()
            && let Some(subscription) = next.stage.id()
        {
            cx.out.push(Output::Unsubscribe { subscription });
        }
    }

    /// The subscription under the newer namespace takes the place of the present one if it covers
    /// what that would bring.
    pub(super) fn replace_if_covered(&mut self, source: &mut Source<'_>, cx: &mut Context<'_>) {
        let wanted = self.reception.next_wanted();
        if let Some(next) = source.subscription.next.filter(|next| next.covers(wanted, cx.now))
            && let (Some(id), Some(epoch)) = (next.stage.id(), next.stage.epoch())
        {
            if let Some(subscription) = source.subscription.stage.id() {
                cx.out.push(Output::Unsubscribe { subscription });
            }
            source.subscription.stage = Stage::Ready { id, epoch };
            source.subscription.next = None;
            source.subscription.failures.clear();
            if next.brought.is_none() && !self.reception.flows(cx.now) {
                // The track is quiet: whether its publisher is there is asked anew.
                self.reception.publisher_moved(source.session, source.elsewhere, cx);
                self.reception.ready(cx.now);
            }
        }
    }

    /// Does what is due for the subscription beside the present one.
    pub(super) fn advance_next(&mut self, source: &mut Source<'_>, cx: &mut Context<'_>) {
        match source.subscription.next.map(|next| next.stage) {
            Some(Stage::Requested { id, at, .. }) if cx.now >= at + ANSWER_TIMEOUT => {
                cx.out.push(Output::Unsubscribe { subscription: id });
                self.ended(source, id, cx);
            }
            Some(Stage::Ended { epoch, retry_at }) if cx.now >= retry_at => {
                self.subscribe_next(source, epoch, cx);
            }
            Some(_) => self.replace_if_covered(source, cx),
            None => {
                if cx.now >= source.subscription.follow_at
                    && let Some(epoch) = source.subscription.pending.take()
                {
                    self.subscribe_next(source, epoch, cx);
                }
            }
        }
    }
}
