//! The events and the summary of a call, in plain sentences.

use std::time::Duration;

use holdline_quinn::media::GapReason;
use holdline_quinn::quality::{QualityOf, Rating};
use holdline_quinn::stats::{Outcome, Summary};
use holdline_quinn::{Event, StateName};

/// The sentence for an event; `None` for an event that only a developer needs.
pub(crate) fn of_event(event: &Event) -> Option<String> {
    Some(match event {
        Event::StateChanged { to: StateName::Joining, .. } => "reached the relay".into(),
        Event::StateChanged { to: StateName::Live, .. } => "the call is live".into(),
        Event::IncidentStarted { cause, .. } => format!("lost the relay: {}", cause.kind.as_str()),
        Event::PathMigrating { .. } => "moving to a fresh local socket".into(),
        Event::AttemptStarted { incident: Some(_), attempt, of, .. } => {
            format!("reconnecting, attempt {attempt} of at most {of}")
        }
        Event::AttemptFailed { incident: None, cause, .. } => {
            format!("cannot reach the relay: {cause}")
        }
        Event::Recovered { duration, attempts: 0, .. } => {
            format!("the path came back by itself after {}", seconds(*duration))
        }
        Event::Recovered { duration, .. } => {
            format!("connected again after {}", seconds(*duration))
        }
        Event::SessionReplacing { cause } => format!("replacing the session: {}", cause.as_str()),
        Event::SessionReplaced { duration, .. } => {
            format!("on a new session after {}, without an interruption", seconds(*duration))
        }
        Event::SessionKept { cause } => format!("stays on its session: {cause}"),
        Event::ParticipantJoined { participant, rejoined: false } => {
            format!("{participant} is here")
        }
        Event::ParticipantJoined { participant, rejoined: true } => {
            format!("{participant} is here again")
        }
        Event::ParticipantAway { participant } => format!("{participant} is away"),
        Event::Ringing { attempt, of } => format!("nobody has answered; try {attempt} of {of}"),
        Event::Notice { code, .. } => code.user_message().into(),
        Event::SafetyAlert { detail } => format!("safety alert: {detail}"),
        Event::ParticipantLeft { participant } => format!("{participant} is gone"),
        Event::TrackReady { .. } => "hears the other side".into(),
        Event::TrackInterrupted { .. } => {
            "the other side's track broke off; asking for it again".into()
        }
        Event::TrackRefused { problem, .. } => format!("a track was refused: {problem}"),
        Event::QualityChanged { of: QualityOf::Session, from: Some(_), to, .. } => {
            format!("the connection is {}", of_rating(*to))
        }
        Event::Gap { gap, .. } => match gap.reason {
            // Frames from before the subscription are not missing.
            GapReason::BeforeJoining => return None,
            GapReason::TooLate => format!("skipped {} frames that came too late", gap.frames),
            GapReason::PublisherRestarted => "the other side began anew".into(),
            _ => format!("{} frames are lost", gap.frames),
        },
        Event::TrackRepaired { frames, .. } => format!("got back {frames} frames"),
        Event::TrackStalled { .. } => "the other side does not answer".into(),
        Event::TrackResumed { after, .. } => {
            format!("the other side answers again, after {}", seconds(*after))
        }
        Event::TrackFinished { .. } => "the other side has finished".into(),
        _ => return None,
    })
}

/// The closing lines of a call.
pub(crate) fn of_summary(summary: &Summary) -> String {
    let mut lines = match &summary.outcome {
        Outcome::Completed => format!("call ended after {}", seconds(summary.duration)),
        Outcome::Idle => {
            format!("call closed itself after {}: nobody said anything", seconds(summary.duration))
        }
        Outcome::Failed(_) => format!("call failed after {}", seconds(summary.duration)),
    };
    for track in &summary.stats.published {
        let counters = track.counters;
        lines += &format!(
            "\n  said {} frames, {} of them while there was no connection",
            counters.accepted, counters.kept_back
        );
    }
    for track in &summary.stats.subscribed {
        let counters = track.counters;
        lines += &format!("\n  heard {} frames from {}", counters.delivered, track.participant);
        for (frames, what) in [
            (counters.repaired, "asked for again and got"),
            (counters.skipped, "skipped as too late"),
            (counters.lost, "lost"),
        ] {
            if frames > 0 {
                lines += &format!(", {frames} {what}");
            }
        }
    }
    let telemetry = &summary.stats.telemetry;
    lines += &format!(
        "\n  {} interruption{}, {} recovered",
        telemetry.incidents,
        if telemetry.incidents == 1 { "" } else { "s" },
        telemetry.incidents_recovered
    );
    if telemetry.time_to_recover.count() > 0 {
        let longest = telemetry.time_to_recover.longest();
        lines += &format!(", the longest took {}", seconds(longest));
    }
    for quality in summary.stats.quality.iter().filter(|quality| quality.of == QualityOf::Session) {
        let average = quality.average;
        lines += &format!(
            "\n  quality {}: on average {} ms of jitter, {}.{:02} % lost, {} ms round trip",
            of_rating(average.rating()),
            average.jitter.as_millis(),
            average.loss_basis_points / 100,
            average.loss_basis_points % 100,
            average.rtt.as_millis(),
        );
    }
    lines
}

pub(crate) fn of_rating(rating: Rating) -> &'static str {
    match rating {
        Rating::Excellent => "excellent",
        Rating::Good => "good",
        Rating::Fair => "fair",
        Rating::Poor => "poor",
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
