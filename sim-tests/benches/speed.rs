//! The CPU time of a two-way call with a minute of simulated time, in each simulator.
//!
//! The first plan has fifty frames a second on each track of each participant, as voice in 20 ms
//! frames has; the second has two, as the model's sparsest plans have. The plans have no faults.
//! The bench prints the best of several rounds.

use std::hint::black_box;
use std::time::{Duration, Instant};

use holdline_sim::{FaultPlan, Topology, model, stack};
// Campaigns use this crate's allocator.
use holdline_sim_tests as _;

/// The number of rounds.
const ROUNDS: u32 = 5;
/// How long participants send frames, in milliseconds; their calls last 15 s longer.
const SPEECH_MS: u64 = 45_000;

fn main() {
    for frame_ms in [40, 1_000] {
        let plan = FaultPlan {
            version: 1,
            seed: 1,
            topology: Topology {
                participants: 2,
                relays: 1,
                latency_ms: vec![25, 40],
                frame_ms,
                speech_ms: SPEECH_MS,
                video: false,
                lossless_bytes: Topology::SPEECH_BYTES,
                history_ms: Topology::HISTORY_MS,
            },
            faults: Vec::new(),
        };
        // Each participant has a lossless track and a live one.
        let a_second = 2_000 / frame_ms;
        let took = best(1, || drop(black_box(stack::run(&plan).expect("the plan can be played"))));
        println!("real stack, {a_second} frames a second each: {took:?}");
        let took =
            best(200, || drop(black_box(model::run(&plan).expect("the plan can be played"))));
        println!("model, {a_second} frames a second each: {took:?}");
    }
}

/// The average time of a run, in the best round of so many runs.
fn best(runs: u32, run: impl Fn()) -> Duration {
    let round = || {
        let begun = Instant::now();
        (0..runs).for_each(|_| run());
        begun.elapsed() / runs
    };
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default()
}
