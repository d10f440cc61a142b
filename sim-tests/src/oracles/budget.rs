//! The law of the retry budget (R8): a call that drops soon after a recovery keeps counting its
//! attempts. Only a session that was up for long restores the budget. Attempts to replace a session
//! that was kept in the end do not count.

use std::time::Duration;

use holdline_core::error::CauseKind;
use holdline_core::{Event, Timestamp};
use holdline_sim::{FaultPlan, RunLog};

/// How long a session must be up to restore the budget. This is slightly less than the policy's
/// time, because the core counts from readiness.
const STABLE: Duration = Duration::from_secs(9);

pub(super) fn judge(_: &FaultPlan, log: &RunLog) -> Result<(), String> {
    for (who, participant) in log.participants.iter().enumerate() {
        for call in &participant.calls {
            let (mut used, mut before) = (0, 0);
            let mut voluntary = false;
            let mut recovered: Option<Timestamp> = None;
            for (at, event) in &call.events {
                match event {
                    Event::AttemptStarted { incident: Some(_), attempt, .. } => {
                        if *attempt <= used {
                            return Err(format!(
                                "p{who}: attempt {attempt} started at {at}, but {used} were \
                                 already used"
                            ));
                        }
                        used = *attempt;
                    }
                    Event::IncidentStarted { cause, .. } => {
                        if recovered.is_some_and(|recovered| *at - recovered >= STABLE) {
                            used = 0;
                        }
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
