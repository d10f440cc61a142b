//! Telemetry for operators (R28): logs and spans through `tracing`, metrics through the `metrics`
//! facade. Without a subscriber and a recorder they are discarded at almost no cost.

use std::collections::BTreeMap;

use holdline_core::id::SessionId;
use holdline_core::stats::{Outcome, Telemetry};
use holdline_core::{Event, StateName};
use tracing::Span;

/// The number of attempts to reconnect.
const ATTEMPTS: &str = "reconnect_attempts_total";
/// The share of the call's ended incidents that were recovered, from 0 to 1.
const SUCCESS_RATE: &str = "reconnect_success_rate";
/// The duration of recoveries since detection, in milliseconds.
const TIME_TO_RECOVER: &str = "time_to_recover_ms";

/// The open spans: the incident, and its attempts.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    incident: Option<Span>,
    attempts: BTreeMap<SessionId, Span>,
}

impl Observer {
    pub(crate) fn observe(&mut self, event: &Event, telemetry: &Telemetry) {
        match event {
            Event::IncidentStarted { incident, cause } => {
                let cause = cause.kind.as_str();
                self.incident = Some(tracing::info_span!("incident", %incident, cause));
            }
            Event::AttemptStarted { incident, attempt, of, session, relay } => {
                let span = self
                    .in_incident(|| tracing::info_span!("attempt", %session, relay, attempt, of));
                if incident.is_some() {
                    metrics::counter!(ATTEMPTS).increment(1);
                    span.in_scope(|| tracing::info!(attempt, of, relay, "reconnect.attempt"));
                }
                self.attempts.insert(*session, span);
            }
            Event::AttemptFailed { session, cause, .. } => {
                let span = self.attempts.remove(session).unwrap_or_else(Span::none);
                span.in_scope(|| tracing::debug!(%cause, "attempt failed"));
            }
            Event::AttemptSucceeded { session, .. } => {
                let winner = self.attempts.remove(session);
                // The other attempts of the race are closed: their spans end without a log. The
                // winner's span stays open until its session carries the call or fails.
                self.attempts.clear();
                self.attempts.extend(winner.map(|span| (*session, span)));
            }
            // Follows `Recovered`; it is the only event when the call has been set up.
            Event::StateChanged { to: StateName::Live, .. } => self.clear(),
            Event::Gap { track, gap } => {
                let reason = tracing::field::debug(gap.reason);
                tracing::info!(%track, frames = gap.frames, reason, "track.gap");
            }
            Event::TrackRepaired { track, frames, duration } => {
                let milliseconds = duration.as_secs_f64() * 1_000.0;
                tracing::info!(%track, frames, milliseconds, "track.repaired");
            }
            Event::TrackStalled { track } => tracing::info!(%track, "track.stalled"),
            Event::TrackResumed { track, after } => {
                let milliseconds = after.as_secs_f64() * 1_000.0;
                tracing::info!(%track, milliseconds, "track.resumed");
            }
            Event::PathMigrating { incident } => self.in_incident(|| {
                tracing::info!(incident = incident.map(tracing::field::display), "path.migrate");
            }),
            Event::Recovered { incident, duration, attempts } => {
                let milliseconds = duration.as_secs_f64() * 1_000.0;
                metrics::histogram!(TIME_TO_RECOVER).record(milliseconds);
                self.record_success_rate(telemetry);
                self.in_incident(|| {
                    tracing::info!(%incident, milliseconds, attempts, "reconnect.success");
                });
            }
            Event::SessionReplacing { cause } => {
                tracing::info!(cause = cause.as_str(), "session.replacing");
            }
            Event::SessionReplaced { duration, attempts } => {
                let milliseconds = duration.as_secs_f64() * 1_000.0;
                tracing::info!(milliseconds, attempts, "session.replaced");
            }
            Event::SessionKept { cause } => tracing::info!(%cause, "session.kept"),
            Event::Ended { summary } => {
                if self.incident.is_some() {
                    self.record_success_rate(telemetry);
                }
                if let Outcome::Failed(error) = &summary.outcome {
                    let (code, attempts) = (error.code.as_str(), error.attempts);
                    self.in_incident(|| {
                        tracing::info!(code, attempts, cause = %error.root_cause, "reconnect.failure");
                    });
                }
                self.clear();
            }
            _ => {}
        }
    }

    fn record_success_rate(&self, telemetry: &Telemetry) {
        let ended = telemetry.incidents_recovered + telemetry.incidents_failed;
        if ended > 0 {
            let rate = telemetry.incidents_recovered as f64 / ended as f64;
            metrics::gauge!(SUCCESS_RATE).set(rate);
        }
    }

    fn in_incident<T>(&self, log: impl FnOnce() -> T) -> T {
        match &self.incident {
            Some(incident) => incident.in_scope(log),
            None => log(),
        }
    }

    /// Closes all spans.
    fn clear(&mut self) {
        self.incident = None;
        self.attempts.clear();
    }
}
