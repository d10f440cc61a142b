//! What the demonstration showed.

use std::fmt;
use std::time::Instant;

use holdline_quinn::Outcome;
use serde::Serialize;

use crate::demo::participant::Account;
use crate::demo::tally::Tally;
use crate::talk;

/// What was done to the call, when, and when it was undone.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// Who is cut off by it. The other one only misses them.
    pub(crate) befalls: &'static [&'static str],
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
    /// After the fault, until the application was told; `null` if it was not.
    detected_ms: Option<u64>,
    /// After everything worked again, until the first new frame was heard; `null` if none was.
    recovered_ms: Option<u64>,
    /// Attempts to reconnect; `null` if there was no incident, or no end to it.
    attempts: Option<u32>,
}

impl Report {
    pub(crate) fn new(accounts: &[Account; 2], faults: &[Fault]) -> Self {
        let [alice, bob] = accounts;
        let mut report = Self {
            outcome: "completed",
            participants: Vec::new(),
            incidents: Vec::new(),
            problems: Vec::new(),
        };
        for (listener, speaker) in [(alice, bob), (bob, alice)] {
            report.add_tracks(listener, speaker);
        }
        for fault in faults {
            for (listener, speaker) in [(alice, bob), (bob, alice)] {
                report.add_incident(listener, speaker, fault);
            }
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

    fn add_tracks(&mut self, listener: &Account, speaker: &Account) {
        let name = listener.name;
        if let Outcome::Failed(error) = &listener.outcome {
            self.problems.push(format!("{name}'s call failed with {error}"));
        }
        if speaker.said.is_empty() {
            self.problems.push(format!("{} did not say everything", speaker.name));
        }
        let [lossless, live] = &listener.heard;
        let mut tracks = Vec::new();
        for (heard, track) in [(lossless, talk::TRACK), (live, talk::LIVE_TRACK)] {
            let track = format!("{}/{track}", speaker.name);
            let frames = heard.iter().map(|heard| &heard.frame);
            let tally = Tally::count(&track, &speaker.said, frames);
            if !tally.bit_exact {
                self.problems.push(format!("{name} heard on {track} what was not said"));
            }
            if tally.duplicated + tally.out_of_order > 0 {
                self.problems.push(format!("{name} heard {track} twice, or out of order"));
            }
            tracks.push(tally);
        }
        if tracks[0].lost > 0 {
            self.problems
                .push(format!("{name} lost {} frames of {}", tracks[0].lost, tracks[0].name));
        }
        self.participants.push(ParticipantReport { name, tracks });
    }

    fn add_incident(&mut self, listener: &Account, speaker: &Account, fault: &Fault) {
        let name = listener.name;
        let [_, live] = &listener.heard;
        // New is what was said after everything worked again: nothing that waited in a queue.
        let healed = fault.healed;
        let first_new = live.iter().find(|heard| {
            heard.at >= healed && speaker.said_at(heard.frame.captured_at) >= Some(healed)
        });
        let recovered_ms = first_new.map(|heard| millis(healed, heard.at));
        if recovered_ms.is_none() {
            self.problems.push(format!("{name} did not hear {} again", speaker.name));
        }
        let incident = listener
            .incidents
            .iter()
            .find(|incident| (fault.at..healed).contains(&incident.detected));
        if incident.is_none() && fault.befalls.contains(&name) {
            self.problems.push(format!("{name} was not told of the fault: {}", fault.name));
        }
        self.incidents.push(IncidentReport {
            participant: name,
            fault: fault.name,
            detected_ms: incident.map(|incident| millis(fault.at, incident.detected)),
            recovered_ms,
            attempts: incident.and_then(|incident| incident.attempts),
        });
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
            "{:<9} {:<12} {:>6} {:>9} {:>6} {:>6} {:>10} {:>12}  bit-exact",
            "listener", "track", "sent", "delivered", "lost", "told", "duplicated", "out of order"
        )?;
        for participant in &self.participants {
            for track in &participant.tracks {
                writeln!(
                    f,
                    "{:<9} {:<12} {:>6} {:>9} {:>6} {:>6} {:>10} {:>12}  {}",
                    participant.name,
                    track.name,
                    track.sent,
                    track.delivered,
                    track.lost,
                    track.told,
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
                number(incident.detected_ms, " ms"),
                number(incident.recovered_ms, " ms"),
                number(incident.attempts.map(u64::from), ""),
            )?;
        }
        writeln!(
            f,
            "\nlost: never heard; told: of those, announced as a gap. detected: after the fault.\n\
             recovered: after everything worked again, until the first new frame on the live track."
        )?;
        write!(f, "The call {}.", self.outcome)
    }
}
