//! R3: every state × every input: what it becomes and what it emits, as a snapshot that people review.
//!
//! `docs/STATES.md` is written from it. A cell that has changed fails; `HOLDLINE_BLESS=1` writes the
//! file anew, for the change to be reviewed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::rules::world::{Op, UP, World, said};
use bytes::Bytes;
use holdline_core::config::RetryPolicy;
use holdline_core::credential::{Credential, Secret, Token};
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{QueryId, SessionId, TrackId};
use holdline_core::media::{FetchEnd, Frame, Location, Track};
use holdline_core::pre_call::HostReport;
use holdline_core::{Config, Event, Input, Output, StateName, Supervisor, Timestamp};

/// A call in that state that publishes a microphone and listens to Bob.
fn in_state(state: StateName) -> World {
    let mut config = Config::new("relay", "room", "alice");
    // A pause is what the policy says, not what chance makes of it.
    config.policy = RetryPolicy { jitter_percent: 0, ..RetryPolicy::interactive() };
    let call = Supervisor::new(config, 1, Timestamp::ZERO).expect("valid");
    let mut world = World::new(call, true);
    world.apply(Op::Publish(0));
    world.apply(Op::Subscribe(0));
    let live = [&[Op::Connect][..], &UP].concat();
    let silent = [Op::Pass(100), Op::Report(0, false, false, 10)];
    let how: Vec<Op> = match state {
        StateName::Idle => Vec::new(),
        StateName::Connecting => live[..1].to_vec(),
        StateName::Joining => live[..6].to_vec(),
        StateName::Live => live,
        StateName::Suspect => [&live[..], &silent.repeat(4), &[Op::Pass(250)]].concat(),
        StateName::Recovering => {
            [&live[..], &[Op::SessionClosed(0, CauseKind::ClosedByRelay)]].concat()
        }
        StateName::Failed => {
            vec![Op::Connect, Op::DialFailed(0, CauseKind::CertificateUntrusted)]
        }
        StateName::Closed => [&live[..], &[Op::Close]].concat(),
    };
    how.into_iter().for_each(|op| world.apply(op));
    world.apply(Op::Stall(0));
    assert_eq!(world.call.state(), state);
    world
}

/// Every input, with identifiers of what is there if there is any, else of what was last.
fn inputs(world: &World) -> Vec<Input> {
    let track = TrackId(0);
    let frame = Frame::new(7, Bytes::from_static(b"sound"));
    let cause = |kind| Cause::new(kind);
    let (dial, session) =
        (or(world.dial(0), world.dial(250)), or(world.session(0), world.session(250)));
    let (named, epoch) = world.namespace(0);
    let (namespace_subscription, query) = (world.namespace_subscription(0), QueryId(1));
    let (subscription, fetch) = (world.subscription(0), world.fetch(0));
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
        Input::NamespaceAccepted { session: named, epoch },
        Input::NamespaceRefused { session: named, epoch },
        Input::PublicationEnded { publication: world.publication(0) },
        Input::NamespaceSubscriptionAccepted { namespace_subscription },
        Input::NamespaceSubscriptionEnded { namespace_subscription },
        Input::NamespaceAdded { namespace_subscription, epoch: 2 },
        Input::NamespaceRemoved { namespace_subscription, epoch: 1 },
        Input::SubscriptionAccepted { subscription },
        Input::SubscriptionEnded { subscription },
        Input::Object { subscription, object: said(0, 1) },
        Input::Object { subscription, object: said(0, 4) },
        Input::EndOfTrack { subscription, number: said(0, 1).number },
        Input::FetchedObject { fetch, object: said(0, 1) },
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

fn or(known: SessionId, lately: SessionId) -> SessionId {
    if known == SessionId(u64::MAX) { lately } else { known }
}

/// What the input is called in the table. A new kind of input does not compile without a name here.
fn name(input: &Input) -> &'static str {
    match input {
        Input::Connect => "Connect",
        Input::Publish { description, .. } if description.name == "audio" => {
            "Publish, the same again"
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
        Input::Tick => "Tick, too early",
        Input::Connected { .. } => "Connected",
        Input::DialFailed { cause, .. } if cause.kind == CauseKind::TimedOut => "DialFailed",
        Input::DialFailed { .. } => "DialFailed, a final cause",
        Input::SessionClosed { cause, .. } if cause.kind == CauseKind::ClosedByRelay => {
            "SessionClosed"
        }
        Input::SessionClosed { .. } => "SessionClosed, a final cause",
        Input::DirectoryAnswered { .. } => "DirectoryAnswered, not asked",
        Input::CredentialAnswered { .. } => "CredentialAnswered, not asked",
        Input::CredentialFailed { .. } => "CredentialFailed, not asked",
        Input::HostChecked { .. } => "HostChecked, not asked",
        Input::NetworkChanged => "NetworkChanged",
        Input::PathReport { received: 0, .. } => "PathReport, nothing new",
        Input::PathReport { .. } => "PathReport, both ways",
        Input::NamespaceAccepted { .. } => "NamespaceAccepted",
        Input::NamespaceRefused { .. } => "NamespaceRefused",
        Input::PublicationEnded { .. } => "PublicationEnded",
        Input::NamespaceSubscriptionAccepted { .. } => "WatchAccepted",
        Input::NamespaceSubscriptionEnded { .. } => "WatchEnded",
        Input::NamespaceAdded { .. } => "EpochAdded, a newer one",
        Input::NamespaceRemoved { .. } => "EpochRemoved, the only one",
        Input::SubscriptionAccepted { .. } => "SubscriptionAccepted",
        Input::SubscriptionEnded { .. } => "SubscriptionEnded",
        Input::Object { object, .. } if *object == said(0, 1) => "Object, the next one",
        Input::Object { .. } => "Object, after some that are missing",
        Input::EndOfTrack { .. } => "EndOfTrack",
        Input::FetchedObject { .. } => "FetchedObject",
        Input::FetchEnded { end: FetchEnd::Complete, .. } => "FetchEnded, complete",
        Input::FetchEnded { end: FetchEnd::Unsupported, .. } => "FetchEnded, unsupported",
        Input::FetchEnded { end: FetchEnd::Failed, .. } => "FetchEnded, failed",
        Input::FetchRequested { .. } => "FetchRequested",
        Input::FetchCancelled { .. } => "FetchCancelled",
    }
}

/// The same input with identifiers that were never minted; `None` if it carries none.
fn outdated(input: &Input) -> Option<Input> {
    let mut value = serde_json::to_value(input).expect("serialises");
    let mut any = false;
    for id in ["session", "publication", "namespace_subscription", "subscription", "query", "fetch"]
    {
        if let Some(field) = value.get_mut(id) {
            *field = 4_000_000.into();
            any = true;
        }
    }
    any.then(|| serde_json::from_value(value).expect("reads"))
}

/// What an output is called in the table.
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

struct Cell {
    to: StateName,
    emits: Vec<String>,
    /// Whether anything is different at all.
    changed: bool,
}

fn cell(world: &World, input: Input) -> Cell {
    let mut call = world.call.clone();
    let before = format!("{call:?}");
    call.handle(world.now, input);
    let outputs: Vec<Output> = std::iter::from_fn(|| call.poll_output()).collect();
    let emits: Vec<String> = outputs.iter().map(summary).filter(|name| !name.is_empty()).collect();
    let changed = !outputs.is_empty() || format!("{call:?}") != before;
    Cell { to: call.state(), emits, changed }
}

/// What time alone makes of a state, as far as ten minutes.
fn time_alone(world: &World) -> Vec<StateName> {
    let mut call = world.call.clone();
    let until = world.now + Duration::from_secs(600);
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

fn write_states() -> String {
    let mut text = String::from(
        "# States\n\n\
         Written from the machine itself by `core/tests/behaviour/matrix.rs`, which fails when it differs; do not edit by\n\
         hand. `HOLDLINE_BLESS=1 cargo test -p holdline-core --test behaviour matrix` writes it anew.\n\n\
         The call publishes one track, listens to one of Bob's, and has one relay; Bob is there. *Events* are in\n\
         italics. An identifier that is outdated, or never was, changes nothing in any state: that is tested for\n\
         every input that carries one, and not repeated here.\n\n",
    );
    let mut ways: BTreeMap<(StateName, StateName), BTreeSet<&str>> = BTreeMap::new();
    let mut tables = String::new();
    for state in StateName::ALL {
        let world = in_state(state);
        let _ = writeln!(tables, "## {state}\n");
        let time = time_alone(&world);
        for step in time.windows(2).take(1) {
            ways.entry((step[0], step[1])).or_default().insert("time");
        }
        let chain: Vec<String> = time.iter().map(ToString::to_string).collect();
        let _ = writeln!(tables, "Left alone for ten minutes: {}.\n", chain.join(" → "));
        let mut rows = String::new();
        let (mut quiet, mut nothing) = (Vec::new(), Vec::new());
        for input in inputs(&world) {
            let name = name(&input);
            let cell = cell(&world, input);
            if cell.to != state {
                ways.entry((state, cell.to)).or_default().insert(name);
            }
            if !cell.changed {
                nothing.push(name);
            } else if cell.to == state && cell.emits.is_empty() {
                quiet.push(name);
            } else {
                let to = if cell.to == state { "–".into() } else { format!("**{}**", cell.to) };
                let _ = writeln!(rows, "| {name} | {to} | {} |", cell.emits.join(", "));
            }
        }
        if !rows.is_empty() {
            let _ = writeln!(tables, "| input | becomes | emits |\n|---|---|---|\n{rows}");
        }
        if !quiet.is_empty() {
            let _ = writeln!(tables, "Noted, without a word: {}.\n", quiet.join("; "));
        }
        if !nothing.is_empty() {
            let _ = writeln!(tables, "Nothing: {}.\n", nothing.join("; "));
        }
    }
    text += "```mermaid\nstateDiagram-v2\n    [*] --> idle\n";
    for ((from, to), why) in &ways {
        let all: Vec<&str> = why.iter().copied().collect();
        // Whoever is not over can be closed; that says the table.
        if *to != StateName::Closed {
            let _ = writeln!(text, "    {from} --> {to}: {}", all.join(" / "));
        }
    }
    text += "    live --> closed: Close, in every state that is not over\n";
    text += "    failed --> [*]\n    closed --> [*]\n```\n\n";
    text + tables.trim_end() + "\n"
}

#[test]
fn every_state_and_every_input_does_what_was_reviewed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/STATES.md");
    let now = write_states();
    if std::env::var_os("HOLDLINE_BLESS").is_some() {
        std::fs::write(&file, &now).expect("written");
    }
    let reviewed = std::fs::read_to_string(&file).expect("docs/STATES.md");
    let different = now.lines().zip(reviewed.lines()).find(|(now, reviewed)| now != reviewed);
    assert!(
        now == reviewed,
        "docs/STATES.md is no longer true: {different:?}. If that is meant, write it anew with \
         HOLDLINE_BLESS=1 and have it reviewed."
    );
}

#[test]
fn an_identifier_that_never_was_changes_nothing_in_any_state() {
    for state in StateName::ALL {
        let world = in_state(state);
        let mut tried = 0;
        for input in inputs(&world).iter().filter_map(outdated) {
            let name = name(&input);
            assert!(!cell(&world, input).changed, "{name} changes something in {state}");
            tried += 1;
        }
        assert_eq!(tried, 28, "inputs that carry an identifier");
    }
}
