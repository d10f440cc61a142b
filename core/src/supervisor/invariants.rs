//! Invariants: laws that hold after every input, checked where debug assertions are on.

use crate::api::state_name::StateName;
use crate::api::stats::Telemetry;
use crate::config::Config;
use crate::connect::RetryBudget;
use crate::session::{Legs, Role};
use crate::supervisor::connecting::ConnectAttempts;

pub(crate) fn check(
    (legs, attempts, state): (&Legs, Option<&ConnectAttempts>, StateName),
    telemetry: &Telemetry,
    retry_budget: &RetryBudget,
    config: &Config,
) {
    let t = telemetry;
    assert_eq!(
        t.attempts,
        t.attempts_succeeded + t.attempts_failed + t.attempts_cancelled + t.attempts_in_flight,
        "attempts are conserved"
    );
    assert_eq!(
        t.incidents,
        t.incidents_recovered + t.incidents_failed + t.incidents_open,
        "incidents are conserved"
    );
    assert_eq!(
        t.replacements,
        t.replacements_done
            + t.replacements_failed
            + t.replacements_cancelled
            + t.replacements_open,
        "planned changes are conserved"
    );
    let in_flight = legs.with(Role::Candidate).count();
    let open = attempts.is_some_and(|attempts| attempts.incident().is_some());
    match state {
        StateName::Suspect | StateName::Recovering => {
            assert!(open, "only an incident is recovered from");
        }
        StateName::Live => {
            assert!(attempts.is_none_or(ConnectAttempts::is_planned), "a live call replaces only");
        }
        StateName::Idle | StateName::Failed | StateName::Closed => {
            assert!(attempts.is_none() && in_flight == 0, "nobody attempts what is not needed");
        }
        StateName::Connecting | StateName::Joining => {}
    }
    assert!(legs.with(Role::Active).count() <= 1, "one session carries the call");
    let planned = attempts.is_some_and(ConnectAttempts::is_planned);
    assert_eq!(
        t.replacements_open,
        u64::from(planned),
        "a planned change is open while it is made"
    );
    let successors = legs.with(Role::Successor).count();
    assert!(successors <= usize::from(planned), "only a planned change has a successor");
    assert_eq!(t.attempts_in_flight, in_flight as u64, "what is in flight is known");
    assert_eq!(
        t.incidents_open,
        u64::from(open),
        "at most one incident, and only while recovering"
    );
    assert!(in_flight <= usize::from(config.policy.racing), "races are bounded");
    assert!(
        retry_budget.attempts <= config.policy.attempts,
        "not one attempt more than the policy's"
    );
}
