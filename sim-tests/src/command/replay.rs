//! `replay`: plays one plan and prints what happened.

use holdline_core::Event;
use holdline_sim::{FaultPlan, RunLog};
use holdline_sim_tests::judge;

use super::args::ReplayArgs;
use super::error::CommandError;
use super::input::{plan, simulator, write};
use super::say::say;

pub(super) fn run(args: ReplayArgs) -> Result<(), CommandError> {
    let plan = plan(&args.plan, simulator(args.model))?;
    say!("{}", plan.to_toml().map_err(|error| CommandError::Unusable(error.to_string()))?);
    let verdict = judge(simulator(args.model), plan)
        .map_err(|error| CommandError::DidNotHold(format!("{}: {error}", args.plan)))?;
    if args.trace {
        print_events(&verdict.log);
    }
    print_calls(&verdict.plan, &verdict.log);
    if let Some(file) = &args.report {
        write(file, &holdline_sim_tests::report::page(&verdict))?;
        say!("The report is in {}", file.display());
    }
    say!("digest {:016x}", verdict.log.digest);
    match verdict.violations.first() {
        None => {
            say!("Every law held.");
            Ok(())
        }
        Some(first) => {
            for violation in &verdict.violations {
                say!("{} is broken: {}", violation.law, violation.detail);
            }
            Err(CommandError::DidNotHold(format!("{} is broken: {}", first.law, first.detail)))
        }
    }
}

/// Prints every event, in order of time.
fn print_events(log: &RunLog) {
    let mut events: Vec<(holdline_core::Timestamp, usize, &Event)> = Vec::new();
    for (who, participant) in log.participants.iter().enumerate() {
        for (at, event) in participant.calls.iter().flat_map(|call| &call.events) {
            events.push((*at, who, event));
        }
    }
    events.sort_by_key(|(at, who, _)| (*at, *who));
    for (at, who, event) in events {
        say!("{at:>14} p{who} {}", describe(event));
    }
    say!("");
}

/// An event as text; the final summary is cut, because it repeats earlier events.
fn describe(event: &Event) -> String {
    match event {
        Event::Ended { summary } => format!("Ended: {:?}", summary.outcome),
        event => format!("{event:?}"),
    }
}

fn print_calls(plan: &FaultPlan, log: &RunLog) {
    let frames = |n: usize| if n == 1 { "1 frame".into() } else { format!("{n} frames") };
    for (who, participant) in log.participants.iter().enumerate() {
        for (number, call) in participant.calls.iter().enumerate() {
            let sent = call.sent.values().map(Vec::len).max().unwrap_or(0);
            let end = call.summary.as_ref().map_or("killed".into(), |s| format!("{:?}", s.outcome));
            say!("p{who}, call {}: sent {} on each track; {end}", number + 1, frames(sent));
            for track in &call.tracks {
                let missing: u64 =
                    track.delivered.iter().filter_map(|h| h.gap).map(|gap| gap.frames).sum();
                say!(
                    "  received {} of p{}/{}, {missing} reported missing{}",
                    frames(track.delivered.len()),
                    track.publisher,
                    track.name,
                    if track.finished { ", to its end" } else { "" }
                );
            }
        }
    }
    say!("All temporary faults have ended by {} ms.", plan.healed_ms());
}
