//! R14: every order of every input, from six starting states: a breadth-first search over the real
//! `Supervisor`. The rules judge each step.

mod canon;
#[path = "../behaviour/rules/mod.rs"]
mod rules;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use canon::Canon;
use holdline_core::config::RetryPolicy;
use holdline_core::error::CauseKind;
use holdline_core::media::FetchEnd;
use holdline_core::{Config, StateName, Supervisor, Timestamp};
use rules::judged_call::{GO_LIVE, JudgedCall, Op};

/// How far time moves in one step. Every bound of the configuration is a multiple of it.
const STEP: Duration = Duration::from_millis(250);
/// How many states the search must see, at least.
const STATES: usize = 1_000_000;
const THREADS: usize = 2;
const SHARDS: usize = 64;

/// The operations that are tried in each state.
const OPS: [Op; 34] = [
    Op::Advance(250),
    Op::Connected(0),
    Op::Connected(1),
    Op::DialFailed(0, CauseKind::TimedOut),
    Op::DialFailed(1, CauseKind::TimedOut),
    Op::DialFailed(0, CauseKind::VersionMismatch),
    Op::SessionClosed(0, CauseKind::ClosedByRelay),
    Op::SessionClosed(1, CauseKind::ClosedByRelay),
    Op::SessionClosed(0, CauseKind::Unauthorized),
    Op::Report(0, true, true, 10),
    Op::Report(0, true, false, 10),
    Op::Report(0, false, false, 10),
    Op::NamespaceAccepted(0),
    Op::NamespaceRefused(0),
    Op::PublicationEnded(0),
    Op::NamespaceSubscriptionAccepted(0),
    Op::NamespaceSubscriptionAccepted(1),
    Op::NamespaceSubscriptionEnded(0),
    Op::NamespaceAdded(0, 1),
    Op::NamespaceAdded(0, 2),
    Op::NamespaceAdded(1, 1),
    Op::NamespaceRemoved(0, 1),
    Op::SubscriptionAccepted(0),
    Op::SubscriptionEnded(0),
    Op::Object(0, 0, 0),
    Op::Object(0, 0, 1),
    Op::Object(0, 0, 3),
    Op::Fetched(0, 0, 1),
    Op::FetchEnded(0, FetchEnd::Complete),
    Op::FetchEnded(0, FetchEnd::Failed),
    Op::Send(0),
    Op::ReconnectNow,
    Op::NetworkChanged,
    Op::Close,
];

/// The operations of calls with credentials. A credential is valid for ever, for longer than a dial
/// may take, or for less.
const CREDENTIALS: [Op; 5] = [
    Op::Credential(0, 0),
    Op::Credential(0, 1_500),
    Op::Credential(0, 500),
    Op::NoCredential(0, CauseKind::CredentialUnavailable),
    Op::DialRefused(0),
];

/// Operations on recently minted identifiers. If an identifier is outdated, its input must change
/// nothing.
const OUTDATED: [fn(u8) -> Op; 8] = [
    Op::Connected,
    |which| Op::DialFailed(which, CauseKind::Unauthorized),
    |which| Op::SessionClosed(which, CauseKind::Unauthorized),
    |which| Op::Report(which, true, true, 10),
    Op::PublicationEnded,
    |which| Op::NamespaceAdded(which, 3),
    Op::SubscriptionAccepted,
    |which| Op::Object(which, 1, 5),
];

/// A call that connects, with a configuration whose bounds are all short.
fn small(relays: usize) -> JudgedCall {
    small_with(relays, false)
}

fn small_with(relays: usize, credentials: bool) -> JudgedCall {
    let mut config = Config::new("north", "room", "carol");
    if relays > 1 {
        config.relays.push("south".into());
    }
    config.directory.credentials = credentials;
    config.policy = RetryPolicy {
        initial: STEP * 2,
        max: STEP * 2,
        jitter_percent: 0,
        attempts: 3,
        window: STEP * 8,
        racing: 2,
        attempt_timeout: STEP * 4,
        stable_after: STEP * 4,
        ..RetryPolicy::interactive()
    };
    config.probe_interval = STEP;
    config.grace = STEP * 2;
    config.ready_timeout = STEP * 4;
    config.answer_timeout = STEP * 4;
    config.answer_retries = 1;
    config.rejoin_timeout = STEP * 24;
    config.idle_timeout = None;
    let call = Supervisor::new(config, 1, Timestamp::ZERO).expect("valid");
    let mut judged = JudgedCall::new(call, true);
    for op in [Op::Publish(0), Op::Subscribe(0), Op::Connect] {
        judged.apply(op);
    }
    judged
}

/// The keys of the states that the search has seen.
struct Seen(Vec<Mutex<BTreeSet<u128>>>);

impl Seen {
    fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    fn insert(&self, key: u128) -> bool {
        let shard = &self.0[(key % SHARDS as u128) as usize];
        shard.lock().expect("not poisoned").insert(key)
    }

    fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().expect("not poisoned").len()).sum()
    }
}

/// What a search has seen.
struct Searched {
    states: usize,
    steps: usize,
    depth: usize,
    by_state: [usize; 8],
}

/// Searches level by level until it has seen `most` states, or all of them.
fn search(start: JudgedCall, most: usize) -> Searched {
    let credentials = start.call.config().directory.credentials;
    let more = if credentials { CREDENTIALS.as_slice() } else { &[] };
    let seen = Seen::new();
    let (found, steps) = (AtomicUsize::new(1), AtomicUsize::new(0));
    let by_state: [AtomicUsize; 8] = Default::default();
    seen.insert(Canon::default().key(&start.call, start.now, STEP));
    let mut level = vec![start];
    let mut depth = 0;
    while !level.is_empty() && found.load(Ordering::Relaxed) < most {
        let next_up = AtomicUsize::new(0);
        let next: Vec<JudgedCall> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        let (mut canon, mut next) = (Canon::default(), Vec::new());
                        loop {
                            let index = next_up.fetch_add(1, Ordering::Relaxed);
                            let Some(judged) = level.get(index) else { return next };
                            if found.load(Ordering::Relaxed) >= most {
                                return next;
                            }
                            if index.is_multiple_of(8) {
                                check_outdated(judged, &mut canon);
                            }
                            for op in OPS.iter().chain(more) {
                                let mut after = judged.clone();
                                after.apply(*op);
                                steps.fetch_add(1, Ordering::Relaxed);
                                let key = canon.key(&after.call, after.now, STEP);
                                if seen.insert(key) {
                                    found.fetch_add(1, Ordering::Relaxed);
                                    let state = after.call.state();
                                    by_state[state as usize].fetch_add(1, Ordering::Relaxed);
                                    if !state.is_final() {
                                        next.push(after);
                                    }
                                }
                            }
                        }
                    })
                })
                .collect();
            workers
                .into_iter()
                .flat_map(|worker| worker.join().expect("the rules hold in every state"))
                .collect()
        });
        level = next;
        depth += 1;
    }
    Searched {
        states: seen.len(),
        steps: steps.into_inner(),
        depth,
        by_state: by_state.map(AtomicUsize::into_inner),
    }
}

/// Feeds each input of [`OUTDATED`] with each of the two newest identifiers. The rules know which
/// ones are outdated, and forbid any output; the state must not change, either.
fn check_outdated(judged: &JudgedCall, canon: &mut Canon) {
    let before = canon.key(&judged.call, judged.now, STEP);
    for op in OUTDATED {
        for which in 250..252 {
            let mut after = judged.clone();
            after.apply(op(which));
            let changed = canon.key(&after.call, after.now, STEP) != before;
            assert!(
                after.rules.input_is_current || !changed,
                "{:?} is outdated, but changed the state",
                op(which)
            );
        }
    }
}

fn report(what: &str, searched: &Searched) {
    println!(
        "{what}: {} states in {} steps, {} inputs deep",
        searched.states, searched.steps, searched.depth
    );
    for (state, count) in StateName::ALL.into_iter().zip(searched.by_state) {
        println!("  {count:>8} {state}");
    }
}

/// A live call that receives Bob's track.
fn live(relays: usize) -> JudgedCall {
    let mut judged = small(relays);
    GO_LIVE.into_iter().for_each(|op| judged.apply(op));
    assert_eq!(judged.call.state(), StateName::Live);
    judged
}

/// Lets time pass with a path that answers.
fn alive(judged: &mut JudgedCall, steps: usize) {
    for _ in 0..steps {
        judged.apply(Op::Advance(250));
        judged.apply(Op::Report(0, true, true, 10));
    }
}

/// A live call whose path has gone silent.
fn suspect() -> JudgedCall {
    let mut judged = live(1);
    alive(&mut judged, 5);
    for _ in 0..4 {
        judged.apply(Op::Advance(250));
        judged.apply(Op::Report(0, false, false, 10));
    }
    assert_eq!(judged.call.state(), StateName::Suspect);
    judged
}

/// A call that has just lost its relay for the second time in a row.
fn flapping() -> JudgedCall {
    let mut judged = live(1);
    judged.apply(Op::SessionClosed(0, CauseKind::ClosedByRelay));
    for op in [Op::Connected(0), Op::NamespaceAccepted(0), Op::NamespaceSubscriptionAccepted(0)] {
        judged.apply(op);
    }
    for op in [Op::NamespaceAdded(0, 2), Op::Object(0, 0, 1)] {
        judged.apply(op);
    }
    assert_eq!(judged.call.state(), StateName::Live);
    judged.apply(Op::SessionClosed(0, CauseKind::ClosedByRelay));
    assert_eq!(judged.call.state(), StateName::Recovering);
    judged
}

/// A live call that misses Bob, and has dialled a probe for him on its other relay.
fn probing() -> JudgedCall {
    let mut judged = live(2);
    judged.apply(Op::NamespaceRemoved(0, 1));
    for _ in 0..100 {
        if judged.rules.dials.is_empty() {
            alive(&mut judged, 1);
        }
    }
    assert_eq!(judged.rules.dials.len(), 1);
    assert_eq!(judged.call.state(), StateName::Live);
    judged
}

/// A call that is live with a credential that is valid for a second and a half.
fn with_credential() -> JudgedCall {
    let mut judged = small_with(2, true);
    judged.apply(Op::Credential(0, 1_500));
    GO_LIVE.into_iter().for_each(|op| judged.apply(op));
    assert_eq!(judged.call.state(), StateName::Live);
    judged
}

#[test]
fn every_rule_holds_in_a_million_states() {
    let starts = [
        ("from the beginning", small(1)),
        ("from a live call", live(1)),
        ("from a silent path", suspect()),
        ("from a flapping relay", flapping()),
        ("from a probe on another relay", probing()),
        ("from a credential that expires", with_credential()),
    ];
    let each = STATES.div_ceil(starts.len());
    for (what, start) in starts {
        let searched = search(start, each);
        report(what, &searched);
        assert!(searched.states >= each, "the search saw only {} states {what}", searched.states);
    }
    let not_met = canon::fields_not_met();
    assert!(not_met.is_empty(), "fields that no call has any more: {not_met:?}");
}
