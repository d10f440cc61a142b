//! Invariants: laws that hold after every input, checked where debug assertions are on.

use crate::api::stats::Telemetry;
use crate::config::Config;
use crate::connect::RetryBudget;
use crate::supervisor::state::State;

pub(crate) fn check(
    state: &State,
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
    let (in_flight, open) = match state {
        State::Connecting(attempts) => (attempts.in_flight(), attempts.incident.is_some()),
        State::Joining { attempts, .. } => (attempts.in_flight(), attempts.incident.is_some()),
        State::Suspect { attempts, .. } | State::Recovering { attempts, .. } => {
            assert!(attempts.incident.is_some(), "only an incident is recovered from");
            (attempts.in_flight(), true)
        }
        State::Idle | State::Live { .. } | State::Failed(_) | State::Closed(_) => (0, false),
    };
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
