//! Waiting for somebody to answer (R16).

use core::time::Duration;

use crate::api::event::Event;
use crate::api::time::Timestamp;
use crate::context::Context;

/// From the first time that the call is live until somebody whom we listen to is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The call has not been live yet.
    #[default]
    NotAsked,
    /// It rings.
    Awaited { attempt: u32, until: Timestamp },
    /// Somebody came, or nobody was called.
    Settled,
}

impl Answer {
    /// The call is live.
    pub(crate) fn ask(&mut self, now: Timestamp, timeout: Duration) {
        if *self == Self::NotAsked {
            *self = Self::Awaited { attempt: 1, until: now + timeout };
        }
    }

    pub(crate) fn settle(&mut self) {
        *self = Self::Settled;
    }

    pub(crate) fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Awaited { until, .. } => Some(until),
            Self::NotAsked | Self::Settled => None,
        }
    }

    /// Begins the next try if it is time for it; whether the last one is over.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        let of = cx.config.answer_retries.saturating_add(1);
        match *self {
            Self::Awaited { attempt, until } if cx.now >= until => {
                if attempt >= of {
                    return true;
                }
                let attempt = attempt + 1;
                *self = Self::Awaited { attempt, until: cx.now + cx.config.answer_timeout };
                cx.out.event(Event::Ringing { attempt, of });
                false
            }
            Self::Awaited { .. } | Self::NotAsked | Self::Settled => false,
        }
    }
}
