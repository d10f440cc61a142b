//! Asking for what is missing of a track.

use super::Reception;
use crate::api::media::Delivery;
use crate::api::media::Location;
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::subscribe::repair::{Request, TrackSource};

impl Reception {
    /// Asks for what is missing, if anything is and it is time; whether it did.
    pub(crate) fn ask(
        &mut self,
        source: impl FnOnce() -> TrackSource,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(request) = self.wanted(cx.now) else { return false };
        self.stall_detector.asked();
        self.repair.ask(request, source(), cx);
        true
    }

    fn wanted(&self, now: Timestamp) -> Option<Request> {
        if !self.repair.is_free() {
            return None;
        }
        let due = self.wait.is_some_and(|wait| wait.ask_at.is_none());
        if due
            && self.is_worth_asking(now)
            && let Some(hole) = self.buffer.hole()
        {
            return Some(Request { first: hole.first, last: hole.last, hole: Some(hole.number) });
        }
        let rest = Request { first: self.buffer.undecided(), last: Location::LAST, hole: None };
        self.stall_detector.is_wanted().then_some(rest)
    }

    /// Whether what is missing could still be delivered if it came.
    pub(super) fn is_worth_asking(&self, now: Timestamp) -> bool {
        match self.delivery {
            Delivery::Lossless => true,
            Delivery::Live { budget } => {
                self.last_captured.is_some_and(|at| self.lateness.of(now, at) < budget)
            }
        }
    }
}
