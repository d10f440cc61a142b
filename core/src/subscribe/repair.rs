//! Repair: FETCH for a track's missing frames (draft-ietf-moq-transport-18, section 10.12). At most
//! one request of a track is in flight.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::api::id::{FetchId, SessionId};
use crate::api::media::FetchEnd;
use crate::api::media::{FrameNumber, Location};
use crate::api::output::Output;
use crate::api::time::{Timestamp, doubled};
use crate::context::Context;
use crate::context::request::Failures;

/// How long the first FETCH may go without an object. A relay forwards FETCH to the publisher, and
/// needs 10 s to notice by itself that the publisher has gone.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(2);
/// Failures double the timeout up to this: on a line whose queue takes longer, each new request
/// would only lengthen the queue.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(8);

/// A range of locations to FETCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) first: Location,
    pub(crate) last: Location,
    /// The first missing frame, if the request repairs a hole; `None` for a query of the publisher.
    pub(crate) hole: Option<FrameNumber>,
}

/// A FETCH that is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fetch {
    id: FetchId,
    pub(crate) session: SessionId,
    pub(crate) request: Request,
    /// How many objects arrived so far.
    pub(crate) objects: u64,
    progress_by: Timestamp,
}

/// The session and the track that a FETCH goes to.
pub(crate) struct TrackSource {
    pub(crate) session: SessionId,
    pub(crate) namespace: Vec<String>,
    pub(crate) name: String,
}

/// Whether a FETCH can be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FetchState {
    #[default]
    Free,
    InFlight(Fetch),
    Pausing {
        until: Timestamp,
    },
    /// FETCH is not supported on this session.
    Unsupported,
}

/// Sends one FETCH at a time. After a failure, the next one waits for a pause.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repair {
    state: FetchState,
    failures: Failures,
}

impl Repair {
    pub(crate) fn is_free(&self) -> bool {
        self.state == FetchState::Free
    }

    pub(crate) fn is_unsupported(&self) -> bool {
        self.state == FetchState::Unsupported
    }

    pub(crate) fn in_flight(&self) -> Option<Fetch> {
        match self.state {
            FetchState::InFlight(fetch) => Some(fetch),
            FetchState::Free | FetchState::Pausing { .. } | FetchState::Unsupported => None,
        }
    }

    pub(crate) fn has(&self, id: FetchId) -> bool {
        self.in_flight().is_some_and(|fetch| fetch.id == id)
    }

    /// Whether a session's end concerns it: no FETCH is in flight on another one.
    pub(crate) fn is_of(&self, session: SessionId) -> bool {
        self.in_flight().is_none_or(|fetch| fetch.session == session)
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            FetchState::InFlight(fetch) => Some(fetch.progress_by),
            FetchState::Pausing { until } => Some(until),
            FetchState::Free | FetchState::Unsupported => None,
        }
    }

    pub(crate) fn request(&mut self, request: Request, source: TrackSource, cx: &mut Context<'_>) {
        let id = FetchId(cx.mint.next());
        let progress_by = cx.now + self.progress_timeout();
        let TrackSource { session, namespace, name } = source;
        self.state = FetchState::InFlight(Fetch { id, session, request, objects: 0, progress_by });
        let Request { first, last, .. } = request;
        cx.out.push(Output::Fetch { session, fetch: id, namespace, name, first, last });
    }

    /// An object of the FETCH arrived.
    pub(crate) fn progress(&mut self, now: Timestamp) {
        let progress_timeout = self.progress_timeout();
        if let FetchState::InFlight(fetch) = &mut self.state {
            fetch.objects = fetch.objects.saturating_add(1);
            fetch.progress_by = now + progress_timeout;
        }
    }

    fn progress_timeout(&self) -> Duration {
        doubled(PROGRESS_TIMEOUT, self.failures.count(), LONGEST_TIMEOUT)
    }

    /// The FETCH ended. After a complete one, the next may be sent at once.
    pub(crate) fn ended(&mut self, end: FetchEnd, cx: &mut Context<'_>) {
        self.state = match end {
            FetchEnd::Complete => {
                self.failures.clear();
                FetchState::Free
            }
            FetchEnd::Unsupported => FetchState::Unsupported,
            FetchEnd::Failed => FetchState::Pausing { until: self.failures.next_try(cx) },
        };
    }

    /// Ends a pause that is over, or abandons a FETCH that timed out; `true` for the latter.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        match self.state {
            FetchState::InFlight(fetch) if cx.now >= fetch.progress_by => {
                cx.out.push(Output::CancelFetch { fetch: fetch.id });
                self.ended(FetchEnd::Failed, cx);
                true
            }
            FetchState::Pausing { until } if cx.now >= until => {
                self.state = FetchState::Free;
                false
            }
            FetchState::InFlight(_)
            | FetchState::Pausing { .. }
            | FetchState::Free
            | FetchState::Unsupported => false,
        }
    }

    /// The publisher has another namespace now, or nobody listens: the FETCH is of no use.
    pub(crate) fn cancel(&mut self, cx: &mut Context<'_>) {
        if let FetchState::InFlight(fetch) = self.state {
            cx.out.push(Output::CancelFetch { fetch: fetch.id });
        }
        self.detach();
    }

    /// The session is gone, and its FETCH with it.
    pub(crate) fn detach(&mut self) {
        *self = Self::default();
    }
}
