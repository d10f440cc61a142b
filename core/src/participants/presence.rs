//! Whether a participant is there, as the application is told (R16).

use core::time::Duration;

use crate::api::time::Timestamp;

/// A namespace may be gone for so long without a word: a participant that redials has the next one
/// up within that.
const SETTLE: Duration = Duration::from_secs(2);

/// A participant that nobody has seen yet is waited for this long once the relay looks out for it:
/// if it is there, the relay says so at once.
pub(crate) const LOOK: Duration = Duration::from_millis(300);

/// What changes about a participant, as the application is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It came; `rejoined` if it had been here before.
    Joined { rejoined: bool },
    /// It is not here, and may come back.
    Away,
    /// It has been away for too long.
    Left,
    /// It is not here, and never was: nothing to tell.
    NotYet,
}

/// Who goes away from where we came to meet it, within this of our coming, has most likely gone to meet us where we were:
/// the sign of it was on its way when we came.
pub(crate) const CROSSING: Duration = Duration::from_secs(2);

/// Whether a participant is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// The relay looks out for it.
    Looked {
        since: Timestamp,
    },
    /// It has never been here.
    Unseen,
    Here,
    /// Its namespace is gone; `told` once the application knows.
    Missing {
        since: Timestamp,
        told: bool,
    },
    /// We came to meet it, and it left to meet us. The application need not know unless they miss each other again.
    Passed {
        since: Timestamp,
    },
    /// It was declared gone.
    Gone,
}

impl Presence {
    pub(crate) fn is_here(self) -> bool {
        self == Self::Here
    }

    /// Whether it is here, or was a moment ago.
    pub(crate) fn is_here_or_redials(self) -> bool {
        matches!(self, Self::Here | Self::Missing { told: false, .. })
    }

    /// Whether we have changed places.
    pub(crate) fn is_passed(self) -> bool {
        matches!(self, Self::Passed { .. })
    }

    pub(crate) fn was_seen(self) -> bool {
        match self {
            Self::Here | Self::Missing { .. } | Self::Passed { .. } | Self::Gone => true,
            Self::Unknown | Self::Looked { .. } | Self::Unseen => false,
        }
    }

    /// Whether it is here, or was a moment ago, or may be: then media is to be expected from it.
    pub(crate) fn is_expected(self) -> bool {
        match self {
            Self::Unknown
            | Self::Looked { .. }
            | Self::Here
            | Self::Missing { told: false, .. } => true,
            Self::Unseen | Self::Missing { told: true, .. } | Self::Passed { .. } | Self::Gone => {
                false
            }
        }
    }

    /// Whether it is not here by now, told or not.
    pub(crate) fn is_missing(self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Whether it is not here, but may be elsewhere.
    pub(crate) fn is_missed(self) -> bool {
        match self {
            Self::Unseen | Self::Missing { told: true, .. } | Self::Passed { .. } => true,
            Self::Unknown
            | Self::Looked { .. }
            | Self::Here
            | Self::Missing { told: false, .. }
            | Self::Gone => false,
        }
    }

    pub(crate) fn appeared(&mut self) -> Option<Change> {
        match core::mem::replace(self, Self::Here) {
            Self::Unknown | Self::Looked { .. } | Self::Unseen => {
                Some(Change::Joined { rejoined: false })
            }
            Self::Missing { told: true, .. } | Self::Gone => {
                Some(Change::Joined { rejoined: true })
            }
            Self::Here | Self::Missing { told: false, .. } | Self::Passed { .. } => None,
        }
    }

    pub(crate) fn missing(&mut self, now: Timestamp) {
        match self {
            Self::Unknown | Self::Looked { .. } => *self = Self::Looked { since: now },
            Self::Here => *self = Self::Missing { since: now, told: false },
            // A session of our own that has just come up cannot know since when.
            Self::Missing { since, .. } => *since = now,
            Self::Unseen | Self::Passed { .. } | Self::Gone => {}
        }
    }

    /// It went away only now, and that was to meet us elsewhere.
    pub(crate) fn passed(&mut self) {
        if let Self::Missing { since, told: false } = *self {
            *self = Self::Passed { since };
        }
    }

    pub(crate) fn deadline(self, rejoin: Duration) -> Option<Timestamp> {
        match self {
            Self::Looked { since } => Some(since + LOOK),
            Self::Missing { since, told: false } | Self::Passed { since } => {
                Some(since + SETTLE.min(rejoin))
            }
            Self::Missing { since, told: true } => Some(since + rejoin),
            Self::Unknown | Self::Unseen | Self::Here | Self::Gone => None,
        }
    }

    pub(crate) fn advance(&mut self, now: Timestamp, rejoin: Duration) -> Option<Change> {
        if self.deadline(rejoin).is_none_or(|at| now < at) {
            return None;
        }
        match *self {
            Self::Looked { .. } => {
                *self = Self::Unseen;
                Some(Change::NotYet)
            }
            Self::Missing { since, told: false } | Self::Passed { since } => {
                *self = Self::Missing { since, told: true };
                Some(Change::Away)
            }
            Self::Missing { told: true, .. } => {
                *self = Self::Gone;
                Some(Change::Left)
            }
            Self::Unknown | Self::Unseen | Self::Here | Self::Gone => None,
        }
    }
}
