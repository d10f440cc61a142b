//! R3: every state × every input: the next state and the outputs, as a snapshot for review.
//!
//! The test writes `docs/STATES.md` from the machine and compares it with the reviewed file. A cell
//! that has changed fails the test; `HOLDLINE_BLESS=1` writes the file anew for the next review.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::rules::judged_call::{GO_LIVE, JudgedCall, Op, bobs_object};
use bytes::Bytes;
use holdline_core::config::RetryPolicy;
use holdline_core::credential::{Credential, Secret, Token};
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{QueryId, SessionId, TrackId};
use holdline_core::media::{FetchEnd, Frame, Location, Track};
use holdline_core::pre_call::HostReport;
use holdline_core::{Config, Event, Input, Output, StateName, Supervisor, Timestamp};

/// A call in the given state that publishes a microphone and listens to Bob.
fn in_state(state: StateName) -> JudgedCall {
    let mut config = Config::new("relay", "room", "alice");
    // Without jitter, each pause is exactly the policy's.
    config.policy = RetryPolicy { jitter_percent: 0, ..RetryPolicy::interactive() };
    let call = Supervisor::new(config, 1, Timestamp::ZERO).expect("valid");
    let mut judged = JudgedCall::new(call, true);
    judged.apply(Op::Publish(0));
    judged.apply(Op::Subscribe(0));
    let live = [&[Op::Connect][..], &GO_LIVE].concat();
    let silent = [Op::Advance(100), Op::Report(0, false, false, 10)];
    let ops: Vec<Op> = match state {
        StateName::Idle => Vec::new(),
        StateName::Connecting => live[..1].to_vec(),
        StateName::Joining => live[..6].to_vec(),
        StateName::Live => live,
        StateName::Suspect => [&live[..], &silent.repeat(4), &[Op::Advance(250)]].concat(),
        StateName::Recovering => {
            [&live[..], &[Op::SessionClosed(0, CauseKind::ClosedByRelay)]].concat()
        }
        StateName::Failed => {
            vec![Op::Connect, Op::DialFailed(0, CauseKind::CertificateUntrusted)]
        }
        StateName::Closed => [&live[..], &[Op::Close]].concat(),
    };
    ops.into_iter().for_each(|op| judged.apply(op));
    judged.apply(Op::LateTick(0));
    assert_eq!(judged.call.state(), state);
    judged
}

/// Every input, with an identifier in use if there is one, else with the most recent one.
fn inputs(judged: &JudgedCall) -> Vec<Input> {
    let track = TrackId(0);
    let frame = Frame::new(7, Bytes::from_static(b"sound"));
    let cause = |kind| Cause::new(kind);
    let (dial, session) = (
        known_or(judged.dial(0), judged.dial(250)),
        known_or(judged.session(0), judged.session(250)),
    );
    let (announced, epoch) = judged.namespace(0);
    let (namespace_subscription, query) = (judged.namespace_subscription(0), QueryId(1));
    let (subscription, fetch) = (judged.subscription(0), judged.fetch(0));
    let token = Token { token_type: 0, secret: Secret::new("token") };
    let report = |received, acknowledged| Input::PathReport {
        session,
        received,
        acknowledged,
        rtt_micros: 10_000,
    };
    vec![
        Input::Connect,
        Input::publish(TrackId(5), Track::video("screen")),
        Input::publish(track, Track::audio("audio")),
        Input::subscribe(TrackId(15), "carol", Track::audio("audio")),
        Input::Send { track, frame: frame.clone() },
        Input::Finish { track },
        Input::Unsubscribe { track: TrackId(10) },
        Input::MediaDeviceError { track, detail: "unplugged".into() },
        Input::SafetyAlert { detail: "help".into() },
        Input::ReconnectNow,
        Input::Close,
        Input::Tick,
        Input::Connected { session: dial },
        Input::DialFailed { session: dial, cause: cause(CauseKind::TimedOut) },
        Input::DialFailed { session: dial, cause: cause(CauseKind::CertificateUntrusted) },
        Input::SessionClosed { session, cause: cause(CauseKind::ClosedByRelay) },
        Input::SessionClosed { session, cause: cause(CauseKind::Unauthorized) },
        Input::DirectoryAnswered { query, relays: vec!["other".into()] },
        Input::CredentialAnswered { query, credential: Credential { token, valid_for: None } },
        Input::CredentialFailed { query, cause: cause(CauseKind::SignedOut) },
        Input::HostChecked { host: HostReport { ipv4: true, ipv6: false, trust_roots: 1 } },
        Input::NetworkChanged,
        report(u64::MAX, u64::MAX),
        report(0, 0),
        Input::NamespaceAccepted { session: announced, epoch },
        Input::NamespaceRefused { session: announced, epoch },
        Input::PublicationEnded { publication: judged.publication(0) },
        Input::NamespaceSubscriptionAccepted { namespace_subscription },
        Input::NamespaceSubscriptionEnded { namespace_subscription },
        Input::NamespaceAdded { namespace_subscription, epoch: 2 },
        Input::NamespaceRemoved { namespace_subscription, epoch: 1 },
        Input::SubscriptionAccepted { subscription },
        Input::SubscriptionEnded { subscription },
        Input::Object { subscription, object: bobs_object(0, 1) },
        Input::Object { subscription, object: bobs_object(0, 4) },
        Input::EndOfTrack { subscription, number: bobs_object(0, 1).number },
        Input::FetchedObject { fetch, object: bobs_object(0, 1) },
        Input::FetchEnded { fetch, end: FetchEnd::Complete },
        Input::FetchEnded { fetch, end: FetchEnd::Unsupported },
        Input::FetchEnded { fetch, end: FetchEnd::Failed },
        Input::FetchRequested {
            session,
            moq_request: 1,
            name: "audio".into(),
            first: Location::new(0, 0),
            last: Location::LAST,
        },
        Input::FetchCancelled { session, moq_request: 2 },
    ]
}

/// `known`, or `recent` if there is no known one.
fn known_or(known: SessionId, recent: SessionId) -> SessionId {
    if known == SessionId(u64::MAX) { recent } else { known }
}

/// The name of the input in the tables. A new kind of input does not compile without a name here.
fn name(input: &Input) -> &'static str {
    match input {
        Input::Connect => "Connect",
        Input::Publish { description, .. } if description.name == "audio" => {
            "Publish (a name in use)"
        }
        Input::Publish { .. } => "Publish",
        Input::Subscribe { .. } => "Subscribe",
        Input::Send { .. } => "Send",
        Input::Finish { .. } => "Finish",
        Input::Unsubscribe { .. } => "Unsubscribe",
        Input::MediaDeviceError { .. } => "MediaDeviceError",
        Input::SafetyAlert { .. } => "SafetyAlert",
        Input::ReconnectNow => "ReconnectNow",
        Input::Close => "Close",
        Input::Tick => "Tick (before the deadline)",
        Input::Connected { .. } => "Connected",
        Input::DialFailed { cause, .. } if cause.kind == CauseKind::TimedOut => "DialFailed",
        Input::DialFailed { .. } => "DialFailed (a final cause)",
        Input::SessionClosed { cause, .. } if cause.kind == CauseKind::ClosedByRelay => {
            "SessionClosed"
        }
        Input::SessionClosed { .. } => "SessionClosed (a final cause)",
        Input::DirectoryAnswered { .. } => "DirectoryAnswered (without a query)",
        Input::CredentialAnswered { .. } => "CredentialAnswered (without a query)",
        Input::CredentialFailed { .. } => "CredentialFailed (without a query)",
        Input::HostChecked { .. } => "HostChecked (without a query)",
        Input::NetworkChanged => "NetworkChanged",
        Input::PathReport { received: 0, .. } => "PathReport (no progress)",
        Input::PathReport { .. } => "PathReport (both directions)",
        Input::NamespaceAccepted { .. } => "NamespaceAccepted",
        Input::NamespaceRefused { .. } => "NamespaceRefused",
        Input::PublicationEnded { .. } => "PublicationEnded",
        Input::NamespaceSubscriptionAccepted { .. } => "NamespaceSubscriptionAccepted",
        Input::NamespaceSubscriptionEnded { .. } => "NamespaceSubscriptionEnded",
        Input::NamespaceAdded { .. } => "NamespaceAdded (a newer epoch)",
        Input::NamespaceRemoved { .. } => "NamespaceRemoved (the only epoch)",
        Input::SubscriptionAccepted { .. } => "SubscriptionAccepted",
        Input::SubscriptionEnded { .. } => "SubscriptionEnded",
        Input::Object { object, .. } if *object == bobs_object(0, 1) => "Object (the next one)",
        Input::Object { .. } => "Object (beyond a hole)",
        Input::EndOfTrack { .. } => "EndOfTrack",
        Input::FetchedObject { .. } => "FetchedObject",
        Input::FetchEnded { end: FetchEnd::Complete, .. } => "FetchEnded (complete)",
        Input::FetchEnded { end: FetchEnd::Unsupported, .. } => "FetchEnded (unsupported)",
        Input::FetchEnded { end: FetchEnd::Failed, .. } => "FetchEnded (failed)",
        Input::FetchRequested { .. } => "FetchRequested",
        Input::FetchCancelled { .. } => "FetchCancelled",
    }
}

/// What the input is about: the row of the tables that collects inputs without an output.
fn subject(input: &Input) -> &'static str {
    match input {
        Input::Connect | Input::ReconnectNow | Input::Close => "the call",
        Input::Publish { .. } | Input::Send { .. } | Input::Finish { .. } => "publishing",
        Input::Subscribe { .. } | Input::Unsubscribe { .. } => "subscribing",
        Input::MediaDeviceError { .. } | Input::SafetyAlert { .. } => "reports of the application",
        Input::Tick | Input::NetworkChanged | Input::HostChecked { .. } => "clock and host",
        Input::DirectoryAnswered { .. }
        | Input::CredentialAnswered { .. }
        | Input::CredentialFailed { .. } => "providers",
        Input::Connected { .. } | Input::DialFailed { .. } => "dials",
        Input::SessionClosed { .. } | Input::PathReport { .. } => "the session",
        Input::NamespaceAccepted { .. }
        | Input::NamespaceRefused { .. }
        | Input::PublicationEnded { .. } => "publishing, at the relay",
        Input::NamespaceSubscriptionAccepted { .. }
        | Input::NamespaceSubscriptionEnded { .. }
        | Input::NamespaceAdded { .. }
        | Input::NamespaceRemoved { .. } => "namespaces of participants",
        Input::SubscriptionAccepted { .. }
        | Input::SubscriptionEnded { .. }
        | Input::Object { .. }
        | Input::EndOfTrack { .. } => "a subscription",
        Input::FetchedObject { .. } | Input::FetchEnded { .. } => "FETCH of the call",
        Input::FetchRequested { .. } | Input::FetchCancelled { .. } => "FETCH of a listener",
    }
}

/// The same input with identifiers that were never minted; `None` if it carries none.
fn with_unknown_ids(input: &Input) -> Option<Input> {
    let mut value = serde_json::to_value(input).expect("an input serialises");
    let mut any = false;
    for id in ["session", "publication", "namespace_subscription", "subscription", "query", "fetch"]
    {
        if let Some(field) = value.get_mut(id) {
            *field = 4_000_000.into();
            any = true;
        }
    }
    any.then(|| serde_json::from_value(value).expect("an input is read back"))
}

/// The name of the output in the tables.
fn summary(output: &Output) -> String {
    let text = match output {
        Output::Event(Event::StateChanged { .. }) => return String::new(),
        Output::Event(event) => format!("{event:?}"),
        other => format!("{other:?}"),
    };
    let name = text.split([' ', '(']).next().unwrap_or_default();
    match output {
        Output::Event(_) => format!("*{name}*"),
        _ => name.into(),
    }
}

/// The effect of one input in one state.
struct Cell {
    to: StateName,
    outputs: Vec<String>,
    /// Whether anything in the machine changed, or an output was emitted.
    changed: bool,
}

fn cell(judged: &JudgedCall, input: Input) -> Cell {
    let mut call = judged.call.clone();
    let before = format!("{call:?}");
    call.handle(judged.now, input);
    let outputs: Vec<Output> = std::iter::from_fn(|| call.poll_output()).collect();
    let changed = !outputs.is_empty() || format!("{call:?}") != before;
    let outputs = outputs.iter().map(summary).filter(|name| !name.is_empty()).collect();
    Cell { to: call.state(), outputs, changed }
}

/// The states that follow within ten minutes without an input but ticks.
fn time_alone(judged: &JudgedCall) -> Vec<StateName> {
    let mut call = judged.call.clone();
    let until = judged.now + Duration::from_secs(600);
    let mut states = vec![call.state()];
    while let Some(deadline) = call.deadline().filter(|deadline| deadline.at <= until) {
        call.handle(deadline.at, Input::Tick);
        while call.poll_output().is_some() {}
        let next = call.deadline();
        assert!(next.is_none_or(|next| next.at > deadline.at), "the deadline is later than now");
        if states.last() != Some(&call.state()) {
            states.push(call.state());
        }
    }
    states
}

/// Inputs under a sentence about them, as a table with one row for each subject.
fn table_of_subjects(sentence: &str, inputs: &[(&'static str, &'static str)]) -> String {
    let mut subjects: Vec<(&str, Vec<&str>)> = Vec::new();
    for (subject, name) in inputs {
        match subjects.iter_mut().find(|(known, _)| known == subject) {
            Some((_, names)) => names.push(name),
            None => subjects.push((subject, vec![name])),
        }
    }
    let mut text = format!("{sentence}:\n\n| about | inputs |\n|---|---|\n");
    for (subject, names) in subjects {
        let _ = writeln!(text, "| {subject} | {} |", names.join(", "));
    }
    text + "\n"
}

/// The beginning of the page.
const INTRODUCTION: &str = "# States

This page lists what the call does with each input in each state: the next state and the outputs.

`core/tests/behaviour/matrix.rs` generates this page from the machine itself, and fails when the page
differs. `HOLDLINE_BLESS=1 cargo test -p holdline-core --test behaviour matrix` writes it anew; do
not edit it by hand.

The call of this page publishes one track, listens to one track of Bob, and has one relay. Bob is
online. Outputs in italics are *events*; `StateChanged` is left out. A dash means that the state
stays the same. An input with an unknown identifier changes nothing in any state: a second test tries
each of them, so that this page does not repeat them.

";

fn write_states() -> String {
    let mut text = String::from(INTRODUCTION);
    let mut ways: BTreeMap<(StateName, StateName), BTreeSet<&str>> = BTreeMap::new();
    let mut tables = String::new();
    for state in StateName::ALL {
        let judged = in_state(state);
        let _ = writeln!(tables, "## {state}\n");
        let time = time_alone(&judged);
        for step in time.windows(2).take(1) {
            ways.entry((step[0], step[1])).or_default().insert("time");
        }
        let chain: Vec<String> = time.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            tables,
            "States in ten minutes without another input: {}.\n",
            chain.join(" → ")
        );
        let mut rows = String::new();
        let (mut quiet, mut nothing) = (Vec::new(), Vec::new());
        let inputs = inputs(&judged);
        let total = inputs.len();
        for input in inputs {
            let (subject, name) = (subject(&input), name(&input));
            let cell = cell(&judged, input);
            if cell.to != state {
                ways.entry((state, cell.to)).or_default().insert(name);
            }
            if !cell.changed {
                nothing.push((subject, name));
            } else if cell.to == state && cell.outputs.is_empty() {
                quiet.push((subject, name));
            } else {
                let to = if cell.to == state { "–".into() } else { format!("**{}**", cell.to) };
                let _ = writeln!(rows, "| {name} | {to} | {} |", cell.outputs.join(", "));
            }
        }
        if !rows.is_empty() {
            let _ = writeln!(tables, "| input | next state | outputs |\n|---|---|---|\n{rows}");
        }
        if !quiet.is_empty() {
            tables += &table_of_subjects("The call records these inputs without an output", &quiet);
        }
        if nothing.len() == total {
            tables += "The call is over: every input changes nothing.\n\n";
        } else if !nothing.is_empty() {
            tables += &table_of_subjects("These inputs change nothing", &nothing);
        }
    }
    text += "```mermaid\nstateDiagram-v2\n    [*] --> idle\n";
    for ((from, to), why) in &ways {
        let all: Vec<&str> = why.iter().copied().collect();
        // Every call that is not over can be closed. One line below the others says so.
        if *to != StateName::Closed {
            let _ = writeln!(text, "    {from} --> {to}: {}", all.join(" / "));
        }
    }
    text += "    live --> closed: Close (in every state that is not final)\n";
    text += "    failed --> [*]\n    closed --> [*]\n```\n\n";
    text + tables.trim_end() + "\n"
}

#[test]
fn each_input_in_each_state_matches_the_reviewed_page() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/STATES.md");
    let generated = write_states();
    if std::env::var_os("HOLDLINE_BLESS").is_some() {
        std::fs::write(&file, &generated).expect("the page is writable");
    }
    let reviewed = std::fs::read_to_string(&file).expect("docs/STATES.md is readable");
    let mut lines = generated.lines().zip(reviewed.lines());
    let different = lines.find(|(generated, reviewed)| generated != reviewed);
    assert!(
        generated == reviewed,
        "docs/STATES.md differs from the machine: {different:?}. If the change is intended, write \
         the page anew with HOLDLINE_BLESS=1 and have it reviewed."
    );
}

#[test]
fn unknown_identifiers_change_nothing_in_any_state() {
    for state in StateName::ALL {
        let judged = in_state(state);
        let mut tried = 0;
        for input in inputs(&judged).iter().filter_map(with_unknown_ids) {
            let name = name(&input);
            assert!(
                !cell(&judged, input).changed,
                "{name} with an unknown identifier changes something in {state}"
            );
            tried += 1;
        }
        assert_eq!(tried, 28, "28 inputs carry an identifier");
    }
}
