//! How much of a core a minute of a two-way call takes, in each world.
//!
//! Each of the two says fifty frames a second, as a voice of 20 ms frames does; then twice a second, as
//! in the thinnest plans of the model. Nothing fails in it. Prints the best of some rounds.

use std::hint::black_box;
use std::time::{Duration, Instant};

use holdline_sim::{FaultPlan, Topology, model, stack};
// Whose allocator campaigns have.
use holdline_sim_tests as _;

/// How many rounds.
const ROUNDS: u32 = 5;
/// How long everybody speaks, in milliseconds: their calls last 15 s longer.
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
        // On a lossless track and on a live one.
        let a_second = 2_000 / frame_ms;
        let took = best(1, || drop(black_box(stack::run(&plan).expect("played"))));
        println!("real stack, {a_second} frames a second each: {took:?}");
        let took = best(200, || drop(black_box(model::run(&plan).expect("played"))));
        println!("model, {a_second} frames a second each: {took:?}");
    }
}

/// How long one of so many runs takes, in the best round.
fn best(runs: u32, run: impl Fn()) -> Duration {
    let round = || {
        let begun = Instant::now();
        (0..runs).for_each(|_| run());
        begun.elapsed() / runs
    };
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default()
}
