//! Hundreds of inputs in any order, also late, repeated and nonsensical ones, judged by the rules.

use std::time::Duration;

use crate::rules::judged_call::{JudgedCall, Op};
use holdline_core::config::{DirectoryConfig, RetryPolicy};
use holdline_core::error::CauseKind;
use holdline_core::media::FetchEnd;
use holdline_core::{Config, StateName, Supervisor};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// How many histories each property is tried on. They are the same in each run, so that a failure
/// is reproducible. `PROPTEST_RNG_SEED` tries others.
const CASES: u32 = 4_000;

fn config() -> ProptestConfig {
    let given = std::env::var_os("PROPTEST_RNG_SEED").is_some();
    let mut config =
        ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    if !given {
        config.rng_seed = RngSeed::Fixed(2026);
    }
    config
}

fn cause() -> impl Strategy<Value = CauseKind> {
    prop_oneof![
        20 => Just(CauseKind::TimedOut),
        10 => Just(CauseKind::ClosedByRelay),
        10 => Just(CauseKind::Reset),
        1 => Just(CauseKind::CertificateUntrusted),
        1 => Just(CauseKind::Unauthorized),
        1 => Just(CauseKind::VersionMismatch),
    ]
}

fn fetch_end() -> impl Strategy<Value = FetchEnd> {
    prop_oneof![
        6 => Just(FetchEnd::Complete),
        3 => Just(FetchEnd::Failed),
        1 => Just(FetchEnd::Unsupported),
    ]
}

/// How many milliseconds a credential is valid: for ever (0), hardly for a dial, or for some time.
fn valid_for() -> impl Strategy<Value = u32> {
    prop_oneof![1 => Just(0), 2 => 1..4_000_u32, 3 => 4_000..40_000_u32]
}

/// Whether there is a provider of relays, and one of credentials.
fn providers() -> impl Strategy<Value = (bool, bool)> {
    prop_oneof![
        3 => Just((false, false)),
        2 => Just((false, true)),
        1 => Just((true, false)),
        2 => Just((true, true)),
    ]
}

/// The choice of an identifier: mostly one in use, sometimes one of the newest, in use or not.
fn which() -> impl Strategy<Value = u8> {
    prop_oneof![8 => Just(0_u8), 4 => 0..8_u8, 2 => 250..=255_u8]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        40 => (1..400_u32).prop_map(Op::Advance),
        3 => (400..6_000_u32).prop_map(Op::Advance),
        6 => which().prop_map(Op::Publish),
        8 => any::<u8>().prop_map(Op::Subscribe),
        1 => any::<u8>().prop_map(Op::Unsubscribe),
        10 => any::<u8>().prop_map(Op::Send),
        1 => any::<u8>().prop_map(Op::Finish),
        1 => Just(Op::DeviceError),
        1 => Just(Op::SafetyAlert),
        1 => Just(Op::Connect),
        2 => Just(Op::ReconnectNow),
        2 => Just(Op::NetworkChanged),
        20 => which().prop_map(Op::Connected),
        6 => (which(), cause()).prop_map(|(which, cause)| Op::DialFailed(which, cause)),
        6 => (which(), cause()).prop_map(|(which, cause)| Op::SessionClosed(which, cause)),
        30 => (which(), any::<bool>(), any::<bool>(), 1..800_u32)
            .prop_map(|(which, rx, tx, rtt)| Op::Report(which, rx, tx, rtt)),
        20 => which().prop_map(Op::NamespaceAccepted),
        2 => which().prop_map(Op::NamespaceRefused),
        1 => which().prop_map(Op::PublicationEnded),
        20 => which().prop_map(Op::NamespaceSubscriptionAccepted),
        1 => which().prop_map(Op::NamespaceSubscriptionEnded),
        15 => (which(), 1..5_u8).prop_map(|(which, epoch)| Op::NamespaceAdded(which, epoch)),
        4 => (which(), 1..5_u8).prop_map(|(which, epoch)| Op::NamespaceRemoved(which, epoch)),
        15 => which().prop_map(Op::SubscriptionAccepted),
        4 => which().prop_map(Op::SubscriptionEnded),
        30 => (which(), 0..6_u8, 0..6_u8)
            .prop_map(|(which, group, object)| Op::Object(which, group, object)),
        1 => which().prop_map(Op::EndOfTrack),
        15 => (which(), 0..6_u8, 0..6_u8)
            .prop_map(|(which, group, object)| Op::Fetched(which, group, object)),
        8 => (which(), fetch_end()).prop_map(|(which, end)| Op::FetchEnded(which, end)),
        8 => (which(), 0..16_u8, 0..9_u8)
            .prop_map(|(which, request, group)| Op::FetchRequested(which, request, group)),
        2 => (which(), 0..16_u8).prop_map(|(which, request)| Op::FetchCancelled(which, request)),
        3 => any::<u8>().prop_map(Op::RelayList),
        12 => (which(), valid_for()).prop_map(|(which, millis)| Op::Credential(which, millis)),
        2 => (which(), cause()).prop_map(|(which, cause)| Op::NoCredential(which, cause)),
        3 => which().prop_map(Op::DialRefused),
        2 => which().prop_map(Op::SessionRefused),
        1 => any::<u8>().prop_map(Op::UnrequestedAnswer),
    ]
}

/// All operations, and those that make ticks late or turn the clock back.
fn op_or_clock_fault() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => op(),
        2 => (1..20_000_u32).prop_map(Op::LateTick),
        1 => (1..20_000_u32).prop_map(Op::ClockBack),
    ]
}

fn policy() -> impl Strategy<Value = RetryPolicy> {
    prop_oneof![
        3 => Just(RetryPolicy::interactive()),
        1 => Just(RetryPolicy::strict()),
        1 => Just(RetryPolicy::patient()),
        1 => Just(RetryPolicy::simple()),
        2 => (1..4_u8, 1..300_u64, 1..8_u32, 0..=100_u8, 100..8_000_u64).prop_map(
            |(racing, initial, attempts, jitter_percent, window)| RetryPolicy {
                racing,
                initial: Duration::from_millis(initial),
                max: Duration::from_millis(initial * 4),
                attempts,
                jitter_percent,
                window: Duration::from_millis(window),
                ..RetryPolicy::interactive()
            }
        ),
    ]
}

fn call(
    policy: RetryPolicy,
    relays: usize,
    (provider, credentials): (bool, bool),
    seed: u64,
) -> Supervisor {
    let mut config = Config::new("north", "room", "alice");
    config.policy = policy;
    config.directory = DirectoryConfig {
        provider,
        credentials,
        lifetime: Duration::from_secs(5),
        ..DirectoryConfig::default()
    };
    config.relays.extend((1..relays).map(|number| format!("relay-{number}")));
    Supervisor::new(config, seed, holdline_core::Timestamp::ZERO).expect("valid")
}

proptest! {
    #![proptest_config(config())]

    /// Each tick arrives exactly at the deadline, so that the rules can check bounds exactly.
    #[test]
    fn the_rules_hold_when_ticks_are_punctual(
        policy in policy(), relays in 1..4_usize, providers in providers(), seed in any::<u64>(),
        ops in vec(op(), 50..400),
    ) {
        let mut judged = JudgedCall::new(call(policy, relays, providers, seed), true);
        judged.apply(Op::Publish(0));
        judged.apply(Op::Subscribe(0));
        judged.apply(Op::Connect);
        ops.into_iter().for_each(|op| judged.apply(op));
        judged.apply(Op::Close);
        assert!(judged.rules.ended);
    }

    /// Ticks arrive up to 20 s late, and the clock turns back by as much.
    #[test]
    fn the_rules_hold_with_late_ticks_and_backward_clocks(
        policy in policy(), relays in 1..4_usize, providers in providers(), seed in any::<u64>(),
        ops in vec(op_or_clock_fault(), 50..400),
    ) {
        let mut judged = JudgedCall::new(call(policy, relays, providers, seed), false);
        ops.into_iter().for_each(|op| judged.apply(op));
        judged.apply(Op::Close);
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(
        policy in policy(), providers in providers(), seed in any::<u64>(),
        ops in vec(op_or_clock_fault(), 50..200),
    ) {
        let run = || {
            let mut judged = JudgedCall::new(call(policy.clone(), 2, providers, seed), false);
            ops.iter().for_each(|op| judged.apply(*op));
            format!("{:?}", judged.call)
        };
        prop_assert_eq!(run(), run());
    }

    /// After any history, time alone leads to a live or an ended call within the window and 10 s.
    #[test]
    fn an_undisturbed_call_becomes_live_or_ends_in_time(
        policy in policy(), providers in providers(), seed in any::<u64>(), ops in vec(op(), 10..200),
    ) {
        let bound = policy.window + Duration::from_secs(10);
        let mut judged = JudgedCall::new(call(policy, 2, providers, seed), true);
        judged.apply(Op::Connect);
        ops.into_iter().for_each(|op| judged.apply(op));
        judged.advance(bound);
        let state = judged.call.state();
        let settled = matches!(state, StateName::Live) || state.is_final();
        assert!(settled, "the call is still {state} after {bound:?}");
    }
}
