//! R8: many calls that lose one relay at the same moment do not keep it from coming back.

use crate::common::{CallHarness, MS};
use holdline_core::Input;
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const CALLS: u64 = 500;
/// How long the relay stays away: far shorter than the window.
const AWAY: Duration = Duration::from_secs(10);

/// How long after the loss of their relay these calls dial, all of them together, in order. It answers none; or it
/// is refused for it, so much later.
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

/// The most of them within any such time.
fn most_within(dials: &[Duration], slot: Duration) -> u64 {
    let within = |(first, from): (usize, &Duration)| {
        dials[first..].iter().take_while(|dial| **dial < *from + slot).count()
    };
    dials.iter().enumerate().map(within).max().unwrap_or(0) as u64
}

#[test]
fn after_a_restart_of_a_relay_its_calls_dial_within_a_stated_rate_and_spread_out() {
    for refused_after in [None, Some(MS * 20)] {
        let dials = dials(refused_after);
        let later = dials.partition_point(|dial| *dial < SECOND);
        assert!(most_within(&dials, SECOND) <= CALLS * 4, "in the first second");
        assert!(most_within(&dials[later..], SECOND) <= CALLS * 2, "in any later one");
        assert!(most_within(&dials[later..], MS * 10) <= CALLS / 20, "in any hundredth of one");
    }
}
