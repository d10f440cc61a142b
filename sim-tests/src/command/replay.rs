//! One run, told.

use holdline_core::Event;
use holdline_sim::{FaultPlan, RunLog};
use holdline_sim_tests::judge;

use super::say::say;
use super::{Failure, ReplayArgs, plan, world, write};

pub(super) fn run(args: ReplayArgs) -> Result<(), Failure> {
    let plan = plan(&args.plan, world(args.model))?;
    say!("{}", plan.to_toml().map_err(|error| Failure::Unusable(error.to_string()))?);
    let verdict = judge(world(args.model), plan)
        .map_err(|error| Failure::DidNotHold(format!("{}: {error}", args.plan)))?;
    if args.trace {
        trace(&verdict.record);
    }
    tell(&verdict.plan, &verdict.record);
    if let Some(file) = &args.report {
        write(file, &holdline_sim_tests::report::page(&verdict))?;
        say!("The report is in {}", file.display());
    }
    say!("digest {:016x}", verdict.record.digest);
    match verdict.broken.first() {
        None => {
            say!("Every law held.");
            Ok(())
        }
        Some(first) => {
            for broken in &verdict.broken {
                say!("{} is broken: {}", broken.law, broken.how);
            }
            Err(Failure::DidNotHold(format!("{} is broken: {}", first.law, first.how)))
        }
    }
}

/// Every event, in order of time.
fn trace(record: &RunLog) {
    let mut events: Vec<(holdline_core::Timestamp, usize, &Event)> = Vec::new();
    for (who, participant) in record.participants.iter().enumerate() {
        for (at, event) in participant.lives.iter().flat_map(|life| &life.events) {
            events.push((*at, who, event));
        }
    }
    events.sort_by_key(|(at, who, _)| (*at, *who));
    for (at, who, event) in events {
        say!("{at:>14} p{who} {}", told(event));
    }
    say!("");
}

/// An event without what was said before.
fn told(event: &Event) -> String {
    match event {
        Event::Ended { summary } => format!("Ended: {:?}", summary.outcome),
        event => format!("{event:?}"),
    }
}

fn tell(plan: &FaultPlan, record: &RunLog) {
    let frames = |n: usize| if n == 1 { "1 frame".into() } else { format!("{n} frames") };
    for (who, participant) in record.participants.iter().enumerate() {
        for (number, life) in participant.lives.iter().enumerate() {
            let said = life.said.values().map(Vec::len).max().unwrap_or(0);
            let end = life.summary.as_ref().map_or("killed".into(), |s| format!("{:?}", s.outcome));
            say!("p{who}, process {}: said {} a track; {end}", number + 1, frames(said));
            for track in &life.tracks {
                let missing: u64 =
                    track.heard.iter().filter_map(|h| h.gap).map(|gap| gap.frames).sum();
                say!(
                    "  heard {} of p{}/{}, {missing} told to be missing{}",
                    frames(track.heard.len()),
                    track.speaker,
                    track.name,
                    if track.finished { ", to its end" } else { "" }
                );
            }
        }
    }
    say!("Everything that heals has healed by {} ms.", plan.healed_ms());
}
