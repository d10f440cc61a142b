//! The soonest of several deadlines.

use crate::api::deadline::WakeReason;
use crate::api::time::Timestamp;

/// The soonest of several deadlines, where `None` means never.
pub(crate) fn soonest<const N: usize>(deadlines: [Option<Timestamp>; N]) -> Option<Timestamp> {
    let earlier = |a: Option<Timestamp>, b| match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    deadlines.into_iter().fold(None, earlier)
}

/// The soonest of several deadlines, and its reason. Of two at one moment, the first one counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Soonest(Option<(Timestamp, WakeReason)>);

impl Soonest {
    pub(crate) fn or(self, reason: WakeReason, at: impl Into<Option<Timestamp>>) -> Self {
        let Some(at) = at.into() else { return self };
        match self.0 {
            Some((known, _)) if known <= at => self,
            _ => Self(Some((at, reason))),
        }
    }

    pub(crate) fn get(self) -> Option<(Timestamp, WakeReason)> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soonest_deadline_wins_and_ties_go_to_the_first() {
        let at = Timestamp::from_millis;
        assert_eq!(soonest([None, Some(at(7)), Some(at(5)), None]), Some(at(5)));
        assert_eq!(soonest([None, None]), None);
        let soonest = Soonest::default().or(WakeReason::Stable, at(7)).or(WakeReason::Idle, None);
        let later = soonest.or(WakeReason::Quality, at(7)).or(WakeReason::Track, at(8));
        assert_eq!(later.get(), Some((at(7), WakeReason::Stable)));
        let earlier = later.or(WakeReason::Grace, at(6));
        assert_eq!(earlier.get(), Some((at(6), WakeReason::Grace)));
    }
}
