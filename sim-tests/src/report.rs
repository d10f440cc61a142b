//! The report of a run: an HTML page that shows it.

use std::fmt::Write as _;

use holdline_core::{Event, StateName, Timestamp};
use holdline_sim::FaultKind;

use crate::Verdict;

/// The width of the time axis, in SVG units.
const WIDTH: f64 = 1_000.0;

/// Renders a self-contained HTML page: the faults, states and frame lateness of each participant
/// along one time axis.
pub fn page(verdict: &Verdict) -> String {
    let end = verdict
        .log
        .participants
        .iter()
        .flat_map(|p| p.last().events.last())
        .map(|(at, _)| at.as_micros())
        .max()
        .unwrap_or(1)
        .max(1);
    let x = |micros: u64| micros.min(end) as f64 * WIDTH / end as f64;
    let mut body = String::new();
    let mut y = 20.0;
    for fault in &verdict.plan.faults {
        let (from, to) = (x(fault.at_ms * 1_000), x((fault.at_ms + fault.for_ms) * 1_000));
        let target = target(&fault.kind);
        let _ = write!(
            body,
            r#"<rect x="{from:.1}" y="{y}" width="{:.1}" height="12" class="fault"/><text x="{:.1}" y="{}">{} {target}, {} ms</text>"#,
            (to - from).max(2.0),
            to + 6.0,
            y + 10.0,
            fault.kind.family(),
            fault.for_ms
        );
        y += 18.0;
    }
    for (who, participant) in verdict.log.participants.iter().enumerate() {
        y += 14.0;
        let _ = write!(body, r#"<text x="0" y="{y}" class="name">p{who}</text>"#);
        y += 6.0;
        for call in &participant.calls {
            for (from, to, state) in states(&call.events, end) {
                let _ = write!(
                    body,
                    r#"<rect x="{:.1}" y="{y}" width="{:.1}" height="12" class="{state:?}"><title>{state:?} from {:.3} s to {:.3} s</title></rect>"#,
                    x(from),
                    (x(to) - x(from)).max(0.5),
                    from as f64 / 1e6,
                    to as f64 / 1e6
                );
            }
        }
        y += 16.0;
        for track in participant.calls.iter().flat_map(|call| &call.tracks) {
            let _ = write!(
                body,
                r#"<text x="{}" y="{}">p{}/{}</text>"#,
                WIDTH + 6.0,
                y + 10.0,
                track.publisher,
                track.name
            );
            for delivered in &track.delivered {
                let late =
                    (delivered.at.as_micros().saturating_sub(delivered.captured_at)) as f64 / 1e6;
                let _ = write!(
                    body,
                    r#"<rect x="{:.1}" y="{:.1}" width="1" height="{:.1}" class="{}"/>"#,
                    x(delivered.at.as_micros()),
                    y,
                    (2.0 + late * 4.0).min(12.0),
                    if delivered.gap.is_some() { "gap" } else { "frame" }
                );
            }
            y += 14.0;
        }
    }
    let mut laws = String::new();
    for violation in &verdict.violations {
        let _ =
            write!(laws, "<p class=broken>{}: {}</p>", violation.law, escape(&violation.detail));
    }
    if verdict.violations.is_empty() {
        laws.push_str("<p>Every law held.</p>");
    }
    format!(
        r#"<!doctype html><meta charset="utf-8"><title>Seed {seed}</title><style>
body{{font:14px sans-serif;margin:2em}}text{{font-size:10px}}.name{{font-weight:bold}}
.fault{{fill:#c33}}.frame{{fill:#48c}}.gap{{fill:#d80}}.broken{{color:#c33}}
.Live{{fill:#4a4}}.Suspect{{fill:#dc4}}.Recovering{{fill:#e83}}.Connecting,.Joining{{fill:#9bd}}.Failed{{fill:#000}}.Idle,.Closed{{fill:#ccc}}
</style><h1>Seed {seed}</h1>{laws}<p>Red: faults. Bars: the state of each call (green live, yellow suspect, orange recovering, blue connecting,
black failed). Ticks: received frames, the longer the later; orange after a gap. The axis is {seconds:.0} s long.</p>
<svg viewBox="0 0 {w} {y}" width="{w}" height="{y}">{body}</svg>"#,
        seed = verdict.plan.seed,
        seconds = end as f64 / 1e6,
        w = WIDTH + 160.0,
        y = y + 20.0,
    )
}

/// The participant or the relay that a fault hits, or the path between both.
fn target(kind: &FaultKind) -> String {
    match (kind.participant(), kind) {
        (Some(who), FaultKind::PathPartition { relay, .. }) => format!("p{who} and relay {relay}"),
        (Some(who), _) => format!("p{who}"),
        (None, _) => "relay".into(),
    }
}

/// The states of a call, each with its begin and end in microseconds.
fn states(events: &[(Timestamp, Event)], end: u64) -> Vec<(u64, u64, StateName)> {
    let changes = events.iter().filter_map(|(at, event)| match event {
        Event::StateChanged { to, .. } => Some((at.as_micros(), *to)),
        _ => None,
    });
    let changes: Vec<_> = changes.collect();
    let ends = changes.iter().skip(1).map(|(at, _)| *at).chain([end]);
    changes.iter().zip(ends).map(|((from, state), to)| (*from, to, *state)).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
