//! The renewal of a session before the credential that its relay was presented expires (R32). After
//! the expiry, the relay continues to carry what it carries, but accepts nothing new on the
//! session, and reports this only in answer to a request: a participant that arrives is not
//! announced, and a request that has ended cannot be made again.

use core::time::Duration;

use crate::api::time::{Timestamp, doubled};

/// How long before the expiry a new credential is queried, but at most half of the validity.
const LEAD: Duration = Duration::from_secs(30);
/// A session is worth replacing for a credential that is valid for so much longer. (A provider may
/// answer with the credential that it has, until that one has expired.)
const GAIN: Duration = Duration::from_secs(5);
/// Pauses between two queries, or after a failed renewal: half of the time until the expiry, at
/// least this. After the expiry they begin with this.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Then they double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// When a session needs another credential than the one that it started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CredentialRenewal {
    expires: Timestamp,
    query_at: Timestamp,
    /// Until then no other session is attempted, whatever credentials arrive.
    retry_at: Timestamp,
    /// How many queries followed the expiry.
    late_queries: u32,
}

impl CredentialRenewal {
    /// The renewal of a session that started at `now`. Before the session is `stable`, only an
    /// expired credential is renewed: the session would count as one that drops.
    pub(crate) fn new(expires: Timestamp, now: Timestamp, stable: Duration) -> Self {
        let stable = (now + stable).min(expires);
        let lead = LEAD.min((expires - now) / 2);
        let query_at = (now + (expires - now).saturating_sub(lead)).max(stable);
        Self { expires, query_at, retry_at: now, late_queries: 0 }
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        self.query_at
    }

    /// Whether a query is due; if so, plans the next one.
    pub(crate) fn is_due(&mut self, now: Timestamp) -> bool {
        if now < self.query_at {
            return false;
        }
        self.query_at = now + self.pause(now);
        if now >= self.expires {
            self.late_queries = self.late_queries.saturating_add(1);
        }
        true
    }

    fn pause(&self, now: Timestamp) -> Duration {
        doubled(FIRST_PAUSE, self.late_queries, LONGEST_PAUSE).max((self.expires - now) / 2)
    }

    /// A credential arrived, but no attempt with it led to a session.
    pub(crate) fn failed(&mut self, now: Timestamp) {
        self.retry_at = now + self.pause(now).min(LONGEST_PAUSE);
        self.query_at = self.query_at.max(self.retry_at);
    }

    /// Whether a credential is worth a new session now. `expires`: `None` if it never expires.
    pub(crate) fn is_served_by(&self, expires: Option<Timestamp>, now: Timestamp) -> bool {
        now >= self.retry_at && expires.is_none_or(|at| at >= self.expires + GAIN)
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

    /// Half a minute before the expiry, or at half of the validity. Not before the session is
    /// stable, unless the credential expires by then.
    #[test]
    fn renewal_precedes_expiry_but_waits_for_a_stable_session() {
        for (expires, begins) in
            [(3_700, 3_670), (160, 130), (140, 120), (112, 110), (104, 104), (90, 100)]
        {
            assert_eq!(CredentialRenewal::new(at(expires), at(100), STABLE).deadline(), at(begins));
        }
    }

    #[test]
    fn queries_halve_the_time_left_then_back_off_after_expiry() {
        let mut renewal = CredentialRenewal::new(at(160), at(0), STABLE);
        assert!(!renewal.is_due(at(129)));
        let mut queried = Vec::new();
        for second in 0..300 {
            if renewal.is_due(at(second)) {
                queried.push(second);
            }
        }
        assert_eq!(queried, [130, 145, 153, 157, 159, 160, 161, 163, 167, 175, 191, 221, 251, 281]);
    }

    /// At most half a minute.
    #[test]
    fn a_failed_renewal_pauses_for_half_the_time_left() {
        for (failed, until) in [(90, 120), (140, 150), (159, 160), (200, 201)] {
            let mut renewal = CredentialRenewal::new(at(160), at(0), STABLE);
            renewal.failed(at(failed));
            assert!(!renewal.is_served_by(None, at(until - 1)));
            assert!(renewal.is_served_by(None, at(until)));
            assert_eq!(renewal.deadline(), at(until.max(130)));
        }
    }

    #[test]
    fn pauses_after_failed_renewals_grow_once_the_credential_expired() {
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
    fn a_slightly_longer_credential_does_not_replace_a_session() {
        let renewal = CredentialRenewal::new(at(160), at(0), STABLE);
        for (expires, serves) in [(None, true), (Some(165), true), (Some(164), false)] {
            assert_eq!(renewal.is_served_by(expires.map(at), at(0)), serves, "{expires:?}");
        }
    }
}
