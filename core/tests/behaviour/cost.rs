//! What a call costs in memory: counted, so that the figures are the same everywhere.

use crate::steady::Steady;
use holdline_core::Supervisor;

#[test]
fn a_live_call_allocates_nothing_for_a_frame_or_a_tick() {
    let mut steady = Steady::new();
    // A minute: sixty groups, six hundred probes, twenty ratings.
    let allocated = allocation_counter::measure(|| {
        for _ in 0..3_000 {
            steady.twenty_milliseconds();
            steady.idle_tick();
        }
    });
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

#[test]
fn a_call_with_a_track_of_each_kind_each_way_and_empty_histories_is_less_than_8_kib() {
    let mut call = None;
    let allocated = allocation_counter::measure(|| call = Some(Steady::silent()));
    let size = size_of::<Supervisor>();
    // What `Steady` itself keeps is counted against the call.
    let heap = allocated.bytes_current;
    println!("{size} bytes and {heap} bytes on the heap");
    assert!(size as i64 + heap < 8 * 1024, "{size} + {heap}");
}
