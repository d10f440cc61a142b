//! Whether a participant is there, as the application is told (R16).

use core::time::Duration;

use crate::api::time::Timestamp;

/// A namespace may be gone for so long without a word: a participant that redials has the next one
/// up within that.
const REDIAL_TIME: Duration = Duration::from_secs(2);

/// A participant that nobody has seen yet is waited for this long once the relay looks out for it:
/// if it is there, the relay says so at once.
pub(crate) const DISCOVERY_TIME: Duration = Duration::from_millis(300);

/// What changes about a participant, as the application is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresenceChange {
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
pub(crate) const GLARE_WINDOW: Duration = Duration::from_secs(2);

/// Whether a participant is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// The relay looks out for it.
    Discovering {
        since: Timestamp,
    },
    /// It has never been here.
    NeverSeen,
    Here,
    /// Its namespace is gone; `announced` once the application knows.
    Away {
        since: Timestamp,
        announced: bool,
    },
    /// We came to meet it, and it left to meet us. The application need not know unless they miss each other again.
    Glare {
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
        matches!(self, Self::Here | Self::Away { announced: false, .. })
    }

    /// Whether we have changed places.
    pub(crate) fn is_glare(self) -> bool {
        matches!(self, Self::Glare { .. })
    }

    pub(crate) fn was_seen(self) -> bool {
        match self {
            Self::Here | Self::Away { .. } | Self::Glare { .. } | Self::Gone => true,
            Self::Unknown | Self::Discovering { .. } | Self::NeverSeen => false,
        }
    }

    /// Whether it is here, or was a moment ago, or may be: then media is to be expected from it.
    pub(crate) fn is_expected(self) -> bool {
        match self {
            Self::Unknown
            | Self::Discovering { .. }
            | Self::Here
            | Self::Away { announced: false, .. } => true,
            Self::NeverSeen
            | Self::Away { announced: true, .. }
            | Self::Glare { .. }
            | Self::Gone => false,
        }
    }

    /// Whether it is not here by now, told or not.
    pub(crate) fn is_away(self) -> bool {
        matches!(self, Self::Away { .. })
    }

    /// Whether it is not here, but may be elsewhere.
    pub(crate) fn may_be_elsewhere(self) -> bool {
        match self {
            Self::NeverSeen | Self::Away { announced: true, .. } | Self::Glare { .. } => true,
            Self::Unknown
            | Self::Discovering { .. }
            | Self::Here
            | Self::Away { announced: false, .. }
            | Self::Gone => false,
        }
    }

    pub(crate) fn appeared(&mut self) -> Option<PresenceChange> {
        match core::mem::replace(self, Self::Here) {
            Self::Unknown | Self::Discovering { .. } | Self::NeverSeen => {
                Some(PresenceChange::Joined { rejoined: false })
            }
            Self::Away { announced: true, .. } | Self::Gone => {
                Some(PresenceChange::Joined { rejoined: true })
            }
            Self::Here | Self::Away { announced: false, .. } | Self::Glare { .. } => None,
        }
    }

    pub(crate) fn went_away(&mut self, now: Timestamp) {
        match self {
            Self::Unknown | Self::Discovering { .. } => *self = Self::Discovering { since: now },
            Self::Here => *self = Self::Away { since: now, announced: false },
            // A session of our own that has just come up cannot know since when.
            Self::Away { since, .. } => *since = now,
            Self::NeverSeen | Self::Glare { .. } | Self::Gone => {}
        }
    }

    /// It went away only now, and that was to meet us elsewhere.
    pub(crate) fn glare_suspected(&mut self) {
        if let Self::Away { since, announced: false } = *self {
            *self = Self::Glare { since };
        }
    }

    pub(crate) fn deadline(self, rejoin: Duration) -> Option<Timestamp> {
        match self {
            Self::Discovering { since } => Some(since + DISCOVERY_TIME),
            Self::Away { since, announced: false } | Self::Glare { since } => {
                Some(since + REDIAL_TIME.min(rejoin))
            }
            Self::Away { since, announced: true } => Some(since + rejoin),
            Self::Unknown | Self::NeverSeen | Self::Here | Self::Gone => None,
        }
    }

    pub(crate) fn advance(&mut self, now: Timestamp, rejoin: Duration) -> Option<PresenceChange> {
        if self.deadline(rejoin).is_none_or(|at| now < at) {
            return None;
        }
        match *self {
            Self::Discovering { .. } => {
                *self = Self::NeverSeen;
                Some(PresenceChange::NotYet)
            }
            Self::Away { since, announced: false } | Self::Glare { since } => {
                *self = Self::Away { since, announced: true };
                Some(PresenceChange::Away)
            }
            Self::Away { announced: true, .. } => {
                *self = Self::Gone;
                Some(PresenceChange::Left)
            }
            Self::Unknown | Self::NeverSeen | Self::Here | Self::Gone => None,
        }
    }
}
