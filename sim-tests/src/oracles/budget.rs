//! The law of the retry budget (R8): a call that drops soon after a recovery keeps counting its
//! attempts. Only uptime earns attempts back, in proportion. The attempts of a planned change have
//! a budget of their own. A call fails only in an incident that uses up the attempts or a whole
//! window: many short outages end no call.

use std::time::Duration;

use holdline_core::config::RetryPolicy;
use holdline_core::error::ErrorCode;
use holdline_core::stats::Outcome;
use holdline_core::{Event, Timestamp};
use holdline_sim::{FaultPlan, RunLog};

pub(super) fn judge(_: &FaultPlan, log: &RunLog) -> Result<(), String> {
    for (who, participant) in log.participants.iter().enumerate() {
        for call in &participant.calls {
            let (mut used, mut earned) = (0, 0);
            let mut live_since: Option<Timestamp> = None;
            for (at, event) in &call.events {
                match event {
                    Event::AttemptStarted { incident: Some(_), attempt, .. } => {
                        if *attempt + earned <= used {
                            return Err(format!(
                                "p{who}: attempt {attempt} started at {at}, but {used} were \
                                 used, and uptime earned {earned} back at most"
                            ));
                        }
                        (used, earned) = (*attempt, 0);
                    }
                    Event::IncidentStarted { .. } | Event::SessionReplaced { .. } => {
                        // The first incident of a call finds the whole budget.
                        earned += live_since.map_or(used, |since| most_earned(*at - since));
                        live_since = Some(*at);
                    }
                    Event::Ended { summary } => {
                        if let Some(problem) = ended_too_early(&summary.outcome, used) {
                            return Err(format!("p{who}: at {at}, {problem}"));
                        }
                    }
                    Event::Recovered { .. } => live_since = Some(*at),
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

/// Whether a recovery was abandoned before its attempts or its window were used up.
fn ended_too_early(outcome: &Outcome, used: u32) -> Option<String> {
    let Outcome::Failed(error) = outcome else { return None };
    let policy = RetryPolicy::interactive();
    // No attempt begins after a pause that would outlast the window.
    let whole_window = error.after + policy.max >= policy.window;
    let exhausted = used >= policy.attempts || whole_window;
    (error.code == ErrorCode::RecoveryExhausted && !exhausted).then(|| {
        let (after, of) = (error.after, policy.attempts);
        format!("recovery was abandoned after {after:?}, with {used} of {of} attempts used")
    })
}

/// How many attempts a session earns back in `uptime` at most: if all of it carried media.
fn most_earned(uptime: Duration) -> u32 {
    let policy = RetryPolicy::interactive();
    let share = uptime.as_micros() * u128::from(policy.attempts);
    u32::try_from(share.div_ceil(policy.stable_after.as_micros())).unwrap_or(u32::MAX)
}
