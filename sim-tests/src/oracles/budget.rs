//! Attempts are counted on: a call that drops soon after it was recovered has used up what it had used
//! before, and only a session that was up for long makes the budget whole (R8). What was used to replace a session
//! that was kept in the end is not counted.

use std::time::Duration;

use holdline_core::{CauseKind, Event, Timestamp};
use holdline_sim::{FaultPlan, RunLog};

/// For how long a session must be up; a little less, because the budget is counted from readiness on.
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
                                "p{who}: attempt {attempt} at {at}, after {used} were used"
                            ));
                        }
                        used = *attempt;
                    }
                    Event::IncidentStarted { cause, .. } => {
                        if recovered.is_some_and(|recovered| *at - recovered >= STABLE) {
                            used = 0;
                        }
                        before = used;
                        let wanted = [CauseKind::Requested, CauseKind::CredentialRenewed];
                        voluntary = wanted.contains(&cause.kind);
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
