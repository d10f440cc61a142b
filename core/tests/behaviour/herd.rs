//! R8: many calls that lose one relay at the same moment do not overload it when it returns.

use crate::common::{CallHarness, MS};
use holdline_core::Input;
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const CALLS: u64 = 500;
/// How long the relay is unreachable: far shorter than the policy's window.
const AWAY: Duration = Duration::from_secs(10);

/// The times of all dials of all calls, counted from the loss of their relay, in order. The relay
/// answers no dial. With `refused_after`, each dial fails after that time.
fn dials(refused_after: Option<Duration>) -> Vec<Duration> {
    let mut dials = Vec::new();
    for seed in 0..CALLS {
        let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), seed);
        harness.advance_alive(SECOND * 11).dials();
        let lost = harness.now;
        harness.lose(session);
        while harness.now - lost < AWAY {
            let made = harness.dials();
            harness.advance(refused_after.unwrap_or(MS * 20));
            for dial in made {
                dials.push(dial.at - lost);
                if refused_after.is_some() {
                    let cause = Cause::new(CauseKind::TimedOut);
                    harness.feed(Input::DialFailed { session: dial.session, cause });
                }
            }
        }
    }
    dials.sort_unstable();
    dials
}

/// The largest number of dials within any interval of the length `slot`.
fn most_within(dials: &[Duration], slot: Duration) -> u64 {
    let within = |(first, from): (usize, &Duration)| {
        dials[first..].iter().take_while(|dial| **dial < *from + slot).count()
    };
    dials.iter().enumerate().map(within).max().unwrap_or(0) as u64
}

/// Within any second, the calls make at most 4 dials each on average. After the first second, the
/// limit is 2, and at most 5 % of the calls dial within the same 10 ms.
#[test]
fn calls_that_lose_their_relay_dial_at_bounded_rates() {
    for refused_after in [None, Some(MS * 20)] {
        let dials = dials(refused_after);
        let later = dials.partition_point(|dial| *dial < SECOND);
        assert!(most_within(&dials, SECOND) <= CALLS * 4, "too many dials within a second");
        assert!(
            most_within(&dials[later..], SECOND) <= CALLS * 2,
            "too many dials within a later second"
        );
        assert!(most_within(&dials[later..], MS * 10) <= CALLS / 20, "too many dials within 10 ms");
    }
}
