//! What the demonstration showed.

use std::fmt;
use std::time::Instant;

use holdline_quinn::Outcome;
use serde::Serialize;

use crate::demo::participant::Account;
use crate::demo::tally::Tally;
use crate::talk;

/// What was done to the call, and when it was undone.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) at: Instant,
    pub(crate) healed: Instant,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// "completed" or "failed".
    outcome: &'static str,
    participants: Vec<ParticipantReport>,
    incidents: Vec<IncidentReport>,
    #[serde(skip)]
    problems: Vec<String>,
}

/// One participant and the tracks that it listened to.
#[derive(Debug, Serialize)]
struct ParticipantReport {
    name: &'static str,
    tracks: Vec<Tally>,
}

#[derive(Debug, Serialize)]
struct IncidentReport {
    participant: &'static str,
    fault: &'static str,
    /// After the fault, until the application was told.
    detected_ms: u64,
    /// After the relay listened again, until the first new frame was heard; `null` if none was.
    recovered_ms: Option<u64>,
    /// Attempts to reconnect; `null` if it did not come to an end.
    attempts: Option<u32>,
}

impl Report {
    pub(crate) fn new(accounts: &[Account; 2], fault: &Fault) -> Self {
        let [alice, bob] = accounts;
        let mut report = Self {
            outcome: "completed",
            participants: Vec::new(),
            incidents: Vec::new(),
            problems: Vec::new(),
        };
        for (listener, speaker) in [(alice, bob), (bob, alice)] {
            report.add(listener, speaker, fault);
        }
        if !report.problems.is_empty() {
            report.outcome = "failed";
        }
        report
    }

    /// Why the call did not hold; `None` if it did.
    pub(crate) fn problem(&self) -> Option<String> {
        (!self.problems.is_empty()).then(|| self.problems.join("; "))
    }

    fn add(&mut self, listener: &Account, speaker: &Account, fault: &Fault) {
        let name = listener.name;
        let track = format!("{}/{}", speaker.name, talk::TRACK);
        let tally =
            Tally::count(&track, &speaker.said, listener.heard.iter().map(|heard| &heard.frame));
        // New is what was said after the relay had come back: nothing that waited in a queue.
        let latest_before =
            listener.heard.iter().filter(|h| h.at < fault.at).map(|h| h.frame.captured_at).max();
        let first_new = listener
            .heard
            .iter()
            .find(|h| h.at >= fault.healed && Some(h.frame.captured_at) > latest_before);
        let recovered_ms = first_new.map(|heard| millis(fault.healed, heard.at));

        if let Outcome::Failed(error) = &listener.outcome {
            self.problems.push(format!("{name}'s call failed with {error}"));
        }
        if recovered_ms.is_none() {
            self.problems.push(format!("{name} did not hear {} again", speaker.name));
        }
        if speaker.said.is_empty() {
            self.problems.push(format!("{} did not say everything", speaker.name));
        }
        if !tally.bit_exact {
            self.problems.push(format!("{name} heard what {} did not say", speaker.name));
        }
        match listener.incidents.iter().find(|incident| incident.detected >= fault.at) {
            Some(incident) => self.incidents.push(IncidentReport {
                participant: name,
                fault: fault.name,
                detected_ms: millis(fault.at, incident.detected),
                recovered_ms,
                attempts: incident.attempts,
            }),
            None => self.problems.push(format!("{name} was not told of the fault")),
        }
        self.participants.push(ParticipantReport { name, tracks: vec![tally] });
    }
}

fn millis(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX)
}

/// The closing table.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<9} {:<12} {:>6} {:>9} {:>6} {:>10} {:>12}  bit-exact",
            "listener", "track", "sent", "delivered", "lost", "duplicated", "out of order"
        )?;
        for participant in &self.participants {
            for track in &participant.tracks {
                writeln!(
                    f,
                    "{:<9} {:<12} {:>6} {:>9} {:>6} {:>10} {:>12}  {}",
                    participant.name,
                    track.name,
                    track.sent,
                    track.delivered,
                    track.lost,
                    track.duplicated,
                    track.out_of_order,
                    if track.bit_exact { "yes" } else { "no" },
                )?;
            }
        }
        writeln!(f)?;
        let number = |n: Option<u64>, unit: &str| n.map_or("-".into(), |n| format!("{n}{unit}"));
        writeln!(
            f,
            "{:<9} {:<13} {:>9} {:>10} {:>9}",
            "listener", "fault", "detected", "recovered", "attempts"
        )?;
        for incident in &self.incidents {
            writeln!(
                f,
                "{:<9} {:<13} {:>9} {:>10} {:>9}",
                incident.participant,
                incident.fault,
                number(Some(incident.detected_ms), " ms"),
                number(incident.recovered_ms, " ms"),
                number(incident.attempts.map(u64::from), ""),
            )?;
        }
        writeln!(
            f,
            "\ndetected: after the fault. recovered: after the relay listened again, until the first new frame."
        )?;
        write!(f, "The call {}.", self.outcome)
    }
}
