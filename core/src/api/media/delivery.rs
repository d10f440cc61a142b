//! How a track is delivered, and how much of it is retained for that.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{ConfigError, ensure};

/// How a listener wants a track delivered (requirements R22 and R23).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Each frame exactly once and in order, however late: for a recording, a transcript, data.
    /// Frames behind missing ones wait until those are repaired or abandoned.
    Lossless,
    /// Frames in time, for a conversation: a frame that is later than the budget is skipped, and
    /// missing frames are abandoned before they delay later ones beyond the budget.
    Live {
        /// How much later than the fastest recent frames a frame may be delivered: more than zero
        /// and at most [`Delivery::LONGEST_BUDGET`].
        budget: Duration,
    },
}

impl Delivery {
    /// Checks the budget.
    ///
    /// # Errors
    ///
    /// Names the field that cannot work.
    pub fn validate(self) -> Result<(), ConfigError> {
        match self {
            Self::Lossless => Ok(()),
            Self::Live { budget } => ensure(
                !budget.is_zero() && budget <= Self::LONGEST_BUDGET,
                "delivery.budget",
                "must be longer than zero and at most 60 s",
            ),
        }
    }

    /// The longest budget of a live track.
    pub const LONGEST_BUDGET: Duration = Duration::from_secs(60);
}

/// How many frames of a track are retained, and for how long.
///
/// A publisher retains sent frames, to retransmit them to listeners that missed them (requirement
/// R20). A listener retains frames behind missing ones until those are repaired or abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The most frames, 1 to 1,000,000.
    pub frames: u32,
    /// The most bytes of media, at least 1.
    pub bytes: u64,
    /// The greatest age of a frame. For a listener of a lossless track: how long frames wait for
    /// the missing ones in front of them.
    pub age: Duration,
}

impl Retention {
    /// For [`Delivery::Live`]: 100 frames, 2 MiB, 20 s.
    pub const fn live() -> Self {
        Self { frames: 100, bytes: 2 << 20, age: Duration::from_secs(20) }
    }

    /// For [`Delivery::Lossless`]: 2,000 frames, 8 MiB, 20 s.
    pub const fn lossless() -> Self {
        Self { frames: 2_000, bytes: 8 << 20, age: Duration::from_secs(20) }
    }

    /// Checks the bounds.
    ///
    /// # Errors
    ///
    /// Names the field that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ensure(
            (1..=1_000_000).contains(&self.frames),
            "retention.frames",
            "must be between 1 and 1,000,000",
        )?;
        ensure(self.bytes > 0, "retention.bytes", "must be at least 1")?;
        ensure(!self.age.is_zero(), "retention.age", "must be longer than zero")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_delivery_or_retention_is_refused_by_its_field() {
        let field = |retention: Retention| retention.validate().map_err(|error| error.field);
        for good in [Retention::live(), Retention::lossless()] {
            assert_eq!(field(good), Ok(()));
            assert_eq!(field(Retention { frames: 0, ..good }), Err("retention.frames"));
            assert_eq!(field(Retention { frames: 1_000_001, ..good }), Err("retention.frames"));
            assert_eq!(field(Retention { bytes: 0, ..good }), Err("retention.bytes"));
            assert_eq!(field(Retention { age: Duration::ZERO, ..good }), Err("retention.age"));
        }
        let budget = |budget| Delivery::Live { budget }.validate().map_err(|error| error.field);
        assert_eq!(budget(Duration::from_secs(60)), Ok(()));
        assert_eq!(budget(Duration::ZERO), Err("delivery.budget"));
        assert_eq!(budget(Duration::from_secs(61)), Err("delivery.budget"));
        assert_eq!(Delivery::Lossless.validate(), Ok(()));
    }
}
