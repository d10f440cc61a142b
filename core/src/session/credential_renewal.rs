//! Renewing a session before what its relay was shown expires (R32). A relay goes on carrying what it carries
//! when that has expired, but agrees to nothing new on the session, and does not say so unless it is asked: who
//! comes then is not announced, and what has ended cannot be had again.

use core::time::Duration;

use crate::api::time::{Timestamp, doubled};

/// How long before that a new credential is asked for; of one that is valid for less than twice as long, half of it.
const LEAD: Duration = Duration::from_secs(30);
/// A session is worth replacing for a credential that is valid for so much longer. (A provider may hand out the
/// one that it has until that has expired.)
const GAIN: Duration = Duration::from_secs(5);
/// Pauses between two questions, or after a try in vain: half of the time that is left, and from this on when none is.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// They double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// When a session wants another credential than the one that it came up with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CredentialRenewal {
    expires: Timestamp,
    ask_at: Timestamp,
    /// Until then no other session is tried for, whatever credentials come.
    rests_until: Timestamp,
    /// How often it was asked in vain after that.
    late: u32,
}

impl CredentialRenewal {
    /// Of a session that came up at `now`. As long as it is not `stable`, only what has expired is renewed: it would
    /// count as one that drops.
    pub(crate) fn new(expires: Timestamp, now: Timestamp, stable: Duration) -> Self {
        let stable = (now + stable).min(expires);
        let lead = LEAD.min((expires - now) / 2);
        let ask_at = (now + (expires - now).saturating_sub(lead)).max(stable);
        Self { expires, ask_at, rests_until: now, late: 0 }
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        self.ask_at
    }

    /// Whether a credential is to be asked for now; the next time is later.
    pub(crate) fn is_due(&mut self, now: Timestamp) -> bool {
        if now < self.ask_at {
            return false;
        }
        self.ask_at = now + self.pause(now);
        if now >= self.expires {
            self.late = self.late.saturating_add(1);
        }
        true
    }

    fn pause(&self, now: Timestamp) -> Duration {
        doubled(FIRST_PAUSE, self.late, LONGEST_PAUSE).max((self.expires - now) / 2)
    }

    /// There was a credential, and no session to be had with it.
    pub(crate) fn failed(&mut self, now: Timestamp) {
        self.rests_until = now + self.pause(now).min(LONGEST_PAUSE);
        self.ask_at = self.ask_at.max(self.rests_until);
    }

    /// Whether a credential that expires then, or never, is worth a new session.
    pub(crate) fn is_served_by(&self, expires: Option<Timestamp>, now: Timestamp) -> bool {
        now >= self.rests_until && expires.is_none_or(|at| at >= self.expires + GAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const STABLE: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn it_begins_half_a_minute_before_or_at_half_of_the_time_but_mostly_when_the_session_is_stable()
    {
        for (expires, begins) in
            [(3_700, 3_670), (160, 130), (140, 120), (112, 110), (104, 104), (90, 100)]
        {
            assert_eq!(CredentialRenewal::new(at(expires), at(100), STABLE).deadline(), at(begins));
        }
    }

    #[test]
    fn it_asks_at_half_of_what_is_left_and_then_less_and_less_often() {
        let mut renewal = CredentialRenewal::new(at(160), at(0), STABLE);
        assert!(!renewal.is_due(at(129)));
        let mut asked = Vec::new();
        for second in 0..300 {
            if renewal.is_due(at(second)) {
                asked.push(second);
            }
        }
        assert_eq!(asked, [130, 145, 153, 157, 159, 160, 161, 163, 167, 175, 191, 221, 251, 281]);
    }

    #[test]
    fn after_a_try_in_vain_it_rests_for_half_of_what_is_left_or_half_a_minute() {
        for (failed, until) in [(90, 120), (140, 150), (159, 160), (200, 201)] {
            let mut renewal = CredentialRenewal::new(at(160), at(0), STABLE);
            renewal.failed(at(failed));
            assert!(!renewal.is_served_by(None, at(until - 1)));
            assert!(renewal.is_served_by(None, at(until)));
            assert_eq!(renewal.deadline(), at(until.max(130)));
        }
    }

    #[test]
    fn once_it_has_expired_it_rests_ever_longer_after_tries_in_vain() {
        let mut renewal = CredentialRenewal::new(at(160), at(0), STABLE);
        let mut now = 160;
        for rest in [2, 4, 8, 16, 30, 30] {
            assert!(renewal.is_due(at(now)));
            renewal.failed(at(now));
            assert!(!renewal.is_served_by(None, at(now + rest - 1)), "{rest} s from {now}");
            assert!(renewal.is_served_by(None, at(now + rest)), "{rest} s from {now}");
            now += rest;
        }
    }

    #[test]
    fn a_session_is_not_replaced_for_a_moment_more() {
        let renewal = CredentialRenewal::new(at(160), at(0), STABLE);
        for (expires, serves) in [(None, true), (Some(165), true), (Some(164), false)] {
            assert_eq!(renewal.is_served_by(expires.map(at), at(0)), serves, "{expires:?}");
        }
    }
}
