//! FetchState a publisher for what is missing of its track (FETCH, draft-ietf-moq-transport-18, section 10.12).

use crate::api::media::FetchEnd;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::api::id::{FetchId, SessionId};
use crate::api::media::{FrameNumber, Location};
use crate::api::output::Output;
use crate::api::time::{Timestamp, doubled};
use crate::context::Context;
use crate::context::request::Failures;

/// How long a FETCH may bring nothing, the first time. A relay does not notice by itself for 10 s that the
/// publisher, whom it asks, has gone.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(2);
/// That is doubled after failures, up to this: on a line whose queue takes longer, asking anew each time
/// would only make the queue longer.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(8);

/// What to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) first: Location,
    pub(crate) last: Location,
    /// The frame that it begins with, if it is known that there is one.
    pub(crate) hole: Option<FrameNumber>,
}

/// A FETCH that is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fetch {
    id: FetchId,
    pub(crate) request: Request,
    pub(crate) objects: u64,
    progress_by: Timestamp,
}

/// Where it is asked.
pub(crate) struct TrackSource {
    pub(crate) session: SessionId,
    pub(crate) namespace: Vec<String>,
    pub(crate) name: String,
}

/// How it stands with asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FetchState {
    #[default]
    Free,
    InFlight(Fetch),
    Pausing {
        until: Timestamp,
    },
    /// There is no use in asking on this session.
    Unsupported,
}

/// Asks for one range at a time, and again after a pause if that fails.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repair {
    asking: FetchState,
    failures: Failures,
}

impl Repair {
    pub(crate) fn is_free(&self) -> bool {
        self.asking == FetchState::Free
    }

    pub(crate) fn is_unsupported(&self) -> bool {
        self.asking == FetchState::Unsupported
    }

    pub(crate) fn in_flight(&self) -> Option<Fetch> {
        match self.asking {
            FetchState::InFlight(fetch) => Some(fetch),
            FetchState::Free | FetchState::Pausing { .. } | FetchState::Unsupported => None,
        }
    }

    pub(crate) fn has(&self, id: FetchId) -> bool {
        self.in_flight().is_some_and(|fetch| fetch.id == id)
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.asking {
            FetchState::InFlight(fetch) => Some(fetch.progress_by),
            FetchState::Pausing { until } => Some(until),
            FetchState::Free | FetchState::Unsupported => None,
        }
    }

    pub(crate) fn ask(&mut self, request: Request, source: TrackSource, cx: &mut Context<'_>) {
        let id = FetchId(cx.mint.next());
        let progress_by = cx.now + self.progress_timeout();
        self.asking = FetchState::InFlight(Fetch { id, request, objects: 0, progress_by });
        let TrackSource { session, namespace, name } = source;
        let Request { first, last, .. } = request;
        cx.out.push(Output::Fetch { session, fetch: id, namespace, name, first, last });
    }

    /// An object came by it.
    pub(crate) fn progress(&mut self, now: Timestamp) {
        let progress_timeout = self.progress_timeout();
        if let FetchState::InFlight(fetch) = &mut self.asking {
            fetch.objects = fetch.objects.saturating_add(1);
            fetch.progress_by = now + progress_timeout;
        }
    }

    fn progress_timeout(&self) -> Duration {
        doubled(PROGRESS_TIMEOUT, self.failures.count(), LONGEST_TIMEOUT)
    }

    /// It ended. If that went well, the next may be asked for at once.
    pub(crate) fn ended(&mut self, end: FetchEnd, cx: &mut Context<'_>) {
        self.asking = match end {
            FetchEnd::Complete => {
                self.failures.clear();
                FetchState::Free
            }
            FetchEnd::Unsupported => FetchState::Unsupported,
            FetchEnd::Failed => FetchState::Pausing { until: self.failures.next_try(cx) },
        };
    }

    /// Ends a pause, and gives up what brings nothing; whether it did the latter.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        match self.asking {
            FetchState::InFlight(fetch) if cx.now >= fetch.progress_by => {
                cx.out.push(Output::CancelFetch { fetch: fetch.id });
                self.ended(FetchEnd::Failed, cx);
                true
            }
            FetchState::Pausing { until } if cx.now >= until => {
                self.asking = FetchState::Free;
                false
            }
            FetchState::InFlight(_)
            | FetchState::Pausing { .. }
            | FetchState::Free
            | FetchState::Unsupported => false,
        }
    }

    /// The publisher is elsewhere now: nothing more is wanted from here.
    pub(crate) fn cancel(&mut self, cx: &mut Context<'_>) {
        if let FetchState::InFlight(fetch) = self.asking {
            cx.out.push(Output::CancelFetch { fetch: fetch.id });
        }
        self.detach();
    }

    /// The session is gone, and with it whatever was asked on it.
    pub(crate) fn detach(&mut self) {
        *self = Self::default();
    }
}
