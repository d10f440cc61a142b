//! Ringing: the wait for a participant to answer (R16).

use core::time::Duration;

use crate::api::event::Event;
use crate::api::time::Timestamp;
use crate::context::Context;

/// The wait from the first time that the call is live until a participant that we listen to is
/// online.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ringing {
    /// The call has not been live yet.
    #[default]
    NotLiveYet,
    /// Try number `attempt` lasts until then.
    Waiting { attempt: u32, until: Timestamp },
    /// A participant is online, or the call listens to none.
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

    /// Begins the next try if the current one is over; returns whether the last one is.
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
