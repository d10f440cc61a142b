//! The memory of a call. Allocations are counted, so the figures are the same on every machine.

use crate::steady::Steady;
use holdline_core::Supervisor;

#[test]
fn a_live_call_allocates_nothing_for_frames_and_ticks() {
    let mut steady = Steady::new();
    // A minute contains 60 groups, 600 path probes and 20 quality ratings.
    let allocated = allocation_counter::measure(|| {
        for _ in 0..3_000 {
            steady.twenty_milliseconds();
            steady.idle_tick();
        }
    });
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

/// The call has one audio and one video track each way, and its histories are empty.
#[test]
fn a_live_call_without_frames_takes_less_than_8_kib() {
    let mut call = None;
    let allocated = allocation_counter::measure(|| call = Some(Steady::silent()));
    let size = size_of::<Supervisor>();
    // The heap of `Steady` itself is counted as the call's.
    let heap = allocated.bytes_current;
    println!("{size} bytes and {heap} bytes on the heap");
    assert!(size as i64 + heap < 8 * 1024, "{size} + {heap}");
}
