//! The law of the retry budget (R8): a call that drops soon after a recovery keeps counting its
//! attempts. Only uptime earns attempts back, in proportion. Attempts to replace a session that was
//! kept in the end do not count.

use std::time::Duration;

use holdline_core::config::RetryPolicy;
use holdline_core::error::CauseKind;
use holdline_core::{Event, Timestamp};
use holdline_sim::{FaultPlan, RunLog};

pub(super) fn judge(_: &FaultPlan, log: &RunLog) -> Result<(), String> {
    for (who, participant) in log.participants.iter().enumerate() {
        for call in &participant.calls {
            let (mut used, mut before, mut earned) = (0, 0, 0);
            let mut voluntary = false;
            let mut recovered: Option<Timestamp> = None;
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
                    Event::IncidentStarted { cause, .. } => {
                        // The first incident of a call finds the whole budget.
                        earned += recovered.map_or(used, |recovered| most_earned(*at - recovered));
                        before = used;
                        let requested = [CauseKind::Requested, CauseKind::CredentialRenewed];
                        voluntary = requested.contains(&cause.kind);
                    }
                    Event::Recovered { attempts, .. } => {
                        recovered = Some(*at);
                        if voluntary && *attempts == 0 {
                            used = before;
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

/// How many attempts a session earns back in `uptime` at most: if all of it carried media.
fn most_earned(uptime: Duration) -> u32 {
    let policy = RetryPolicy::interactive();
    let share = uptime.as_micros() * u128::from(policy.attempts);
    u32::try_from(share.div_ceil(policy.stable_after.as_micros())).unwrap_or(u32::MAX)
}
