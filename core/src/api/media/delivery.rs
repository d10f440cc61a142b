//! How a track is delivered, and how much of it is kept for that.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::{ConfigError, ensure};

/// What a listener wants of a track (R22, R23).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Each frame exactly once and in order, however late: for a recording, a transcript, data.
    /// What follows a gap waits until the gap is repaired or given up.
    Lossless,
    /// The present, for a conversation: a frame that is later than the budget is skipped, and so is
    /// a gap that would hold back what follows it for longer.
    Live {
        /// How much later a frame may be delivered than those that travel fastest.
        budget: Duration,
    },
}

impl Delivery {
    /// Refuses what cannot work.
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

    /// The longest budget of a track that is delivered live.
    pub const LONGEST_BUDGET: Duration = Duration::from_secs(60);
}

/// How much of a track is kept. A publisher keeps what it has said, to say it again to a listener
/// that missed it (R20); a listener keeps what came after a gap until the gap is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// At most so many frames.
    pub frames: u32,
    /// At most so many bytes of media.
    pub bytes: u64,
    /// For at most so long. For a listener: how long it waits for a gap to be closed.
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

    /// Refuses what cannot work.
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
    fn what_cannot_work_is_refused_by_the_name_of_its_field() {
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
