//! Benchmarks of a live call in instructions, counted by callgrind: a thousand operations each.
//!
//! `cargo install gungraun-runner && cargo bench -p holdline-core` (needs valgrind).

#![allow(missing_docs)]

#[path = "../tests/behaviour/steady/mod.rs"]
mod steady;

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use holdline_core::id::TrackId;
use steady::Steady;

fn live() -> Steady {
    Steady::new()
}

#[library_benchmark]
#[bench::live(live())]
fn a_thousand_frames_out(mut steady: Steady) -> Steady {
    for _ in 0..1_000 {
        steady.frame_out(black_box(TrackId(1)));
    }
    steady
}

#[library_benchmark]
#[bench::live(live())]
fn a_thousand_frames_in(mut steady: Steady) -> Steady {
    for _ in 0..1_000 {
        steady.next_object();
        steady.frame_in(black_box(0));
    }
    steady
}

#[library_benchmark]
#[bench::live(live())]
fn a_thousand_idle_ticks(mut steady: Steady) -> Steady {
    for _ in 0..1_000 {
        black_box(&mut steady).idle_tick();
    }
    steady
}

library_benchmark_group!(
    name = core;
    benchmarks = a_thousand_frames_out, a_thousand_frames_in, a_thousand_idle_ticks
);
main!(library_benchmark_groups = core);
