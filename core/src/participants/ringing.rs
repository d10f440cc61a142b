//! Waiting for somebody to answer (R16).

use core::time::Duration;

use crate::api::event::Event;
use crate::api::time::Timestamp;
use crate::context::Context;

/// From the first time that the call is live until somebody whom we listen to is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ringing {
    /// The call has not been live yet.
    #[default]
    NotLiveYet,
    /// It rings.
    Waiting { attempt: u32, until: Timestamp },
    /// Somebody came, or nobody was called.
    Over,
}

impl Ringing {
    /// The call is live.
    pub(crate) fn start(&mut self, now: Timestamp, timeout: Duration) {
        if *self == Self::NotLiveYet {
            *self = Self::Waiting { attempt: 1, until: now + timeout };
        }
    }

    pub(crate) fn stop(&mut self) {
        *self = Self::Over;
    }

    pub(crate) fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Waiting { until, .. } => Some(until),
            Self::NotLiveYet | Self::Over => None,
        }
    }

    /// Begins the next try if it is time for it; whether the last one is over.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        let of = cx.config.answer_retries.saturating_add(1);
        match *self {
            Self::Waiting { attempt, until } if cx.now >= until => {
                if attempt >= of {
                    return true;
                }
                let attempt = attempt + 1;
                *self = Self::Waiting { attempt, until: cx.now + cx.config.answer_timeout };
                cx.out.event(Event::Ringing { attempt, of });
                false
            }
            Self::Waiting { .. } | Self::NotLiveYet | Self::Over => false,
        }
    }
}
