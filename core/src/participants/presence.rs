//! The presence of a participant, as it is reported to the application (R16).

use core::time::Duration;

use crate::api::time::Timestamp;

/// How long a namespace may be gone without a report: a participant that redials has its next
/// namespace up within this time.
const REDIAL_TIME: Duration = Duration::from_secs(2);

/// How long to wait for a participant that has not been seen, once the relay has accepted the
/// namespace subscription: the relay announces a participant that is online at once.
pub(crate) const DISCOVERY_TIME: Duration = Duration::from_millis(300);

/// A change of presence, as it is reported to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresenceChange {
    /// It arrived; `rejoined` if it had been here before.
    Joined { rejoined: bool },
    /// It is not here, and may return.
    Away,
    /// It has been away for too long.
    Left,
    /// It is not here, and never was: nothing is reported.
    NotYet,
}

/// If a peer leaves within this time of our arrival, we most likely swapped relays (glare): the end
/// of its namespace was on its way to us when we arrived.
pub(crate) const GLARE_WINDOW: Duration = Duration::from_secs(2);

/// The presence of a participant on our relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Presence {
    /// No relay has accepted a namespace subscription yet.
    #[default]
    Unknown,
    /// The relay accepted the namespace subscription, and has announced nothing so far.
    Discovering {
        since: Timestamp,
    },
    /// It has never been here.
    NeverSeen,
    Here,
    /// Its namespace is gone; `announced` once that is reported to the application.
    Away {
        since: Timestamp,
        announced: bool,
    },
    /// We moved to meet it, and it left to meet us. Nothing is reported unless both miss each other
    /// again.
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

    /// Whether it is here, or was until a moment ago.
    pub(crate) fn is_here_or_redials(self) -> bool {
        matches!(self, Self::Here | Self::Away { announced: false, .. })
    }

    /// Whether we and the participant swapped relays.
    pub(crate) fn is_glare(self) -> bool {
        matches!(self, Self::Glare { .. })
    }

    pub(crate) fn was_seen(self) -> bool {
        match self {
            Self::Here | Self::Away { .. } | Self::Glare { .. } | Self::Gone => true,
            Self::Unknown | Self::Discovering { .. } | Self::NeverSeen => false,
        }
    }

    /// Whether media is expected from it: it is here, was until a moment ago, or may be here.
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

    /// Whether it was here and is not any more, reported or not.
    pub(crate) fn is_away(self) -> bool {
        matches!(self, Self::Away { .. })
    }

    /// Whether it is not here, but may be on another relay.
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
            // A session of our own that has just started cannot know since when.
            Self::Away { since, .. } => *since = now,
            Self::NeverSeen | Self::Glare { .. } | Self::Gone => {}
        }
    }

    /// If it went away only now, it went to meet us on another relay.
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
