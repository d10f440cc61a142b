//! The report of the demonstration.

use std::fmt;
use std::time::Instant;

use holdline_quinn::stats::Outcome;
use serde::Serialize;

use crate::demo::participant::Observations;
use crate::demo::tally::Tally;
use crate::publish;

/// A fault of the demonstration: when it began and when it was repaired.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// The participants that it cuts off. For the others, only a peer is silent.
    pub(crate) affects: &'static [&'static str],
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

/// A participant and the tracks that it received.
#[derive(Debug, Serialize)]
struct ParticipantReport {
    name: &'static str,
    tracks: Vec<Tally>,
}

#[derive(Debug, Serialize)]
struct IncidentReport {
    participant: &'static str,
    fault: &'static str,
    /// From the fault until the application received the event; `null` if it received none.
    detected_ms: Option<u64>,
    /// From the repair of the fault until the first new frame arrived; `null` if none did.
    recovered_ms: Option<u64>,
    /// Attempts to reconnect; `null` if there was no incident, or if it did not end.
    attempts: Option<u32>,
}

impl Report {
    pub(crate) fn new(observations: &[Observations; 2], faults: &[Fault]) -> Self {
        let [alice, bob] = observations;
        let mut report = Self {
            outcome: "completed",
            participants: Vec::new(),
            incidents: Vec::new(),
            problems: Vec::new(),
        };
        for (subscriber, publisher) in [(alice, bob), (bob, alice)] {
            report.add_tracks(subscriber, publisher);
        }
        for fault in faults {
            for (subscriber, publisher) in [(alice, bob), (bob, alice)] {
                report.add_incident(subscriber, publisher, fault);
            }
        }
        if !report.problems.is_empty() {
            report.outcome = "failed";
        }
        report
    }

    /// What went wrong in the call; `None` if nothing did.
    pub(crate) fn problem(&self) -> Option<String> {
        (!self.problems.is_empty()).then(|| self.problems.join("; "))
    }

    fn add_tracks(&mut self, subscriber: &Observations, publisher: &Observations) {
        let name = subscriber.name;
        if let Outcome::Failed(error) = &subscriber.outcome {
            self.problems.push(format!("{name}'s call failed with {error}"));
        }
        if publisher.sent.is_empty() {
            self.problems.push(format!("{} did not say everything", publisher.name));
        }
        let [lossless, live] = &subscriber.received;
        let mut tracks = Vec::new();
        for (received, track) in [(lossless, publish::TRACK), (live, publish::LIVE_TRACK)] {
            let track = format!("{}/{track}", publisher.name);
            let frames = received.iter().map(|received| &received.frame);
            let tally = Tally::count(&track, &publisher.sent, frames);
            if !tally.bit_exact {
                self.problems.push(format!("{name} heard frames on {track} that were not said"));
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

    fn add_incident(&mut self, subscriber: &Observations, publisher: &Observations, fault: &Fault) {
        let name = subscriber.name;
        let [_, live] = &subscriber.received;
        // A new frame was sent after the repair, and did not wait in a queue.
        let healed = fault.healed;
        let first_new = live.iter().find(|received| {
            received.at >= healed && publisher.sent_at(received.frame.captured_at) >= Some(healed)
        });
        let recovered_ms = first_new.map(|received| millis(healed, received.at));
        if recovered_ms.is_none() {
            self.problems.push(format!("{name} did not hear {} again", publisher.name));
        }
        let incident = subscriber
            .incidents
            .iter()
            .find(|incident| (fault.at..healed).contains(&incident.detected));
        if incident.is_none() && fault.affects.contains(&name) {
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
