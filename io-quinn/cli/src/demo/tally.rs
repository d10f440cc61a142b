//! Compares the received frames of a track with the sent ones, by capture timestamp.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdline_quinn::ReceivedFrame;
use serde::Serialize;

use crate::demo::participant::Sent;

/// The counts of one track at its receiving end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    pub(crate) name: String,
    /// Frames that were sent.
    pub(crate) sent: usize,
    /// Of those, frames that were received at least once.
    pub(crate) delivered: usize,
    /// Of those, frames that were never received.
    pub(crate) lost: usize,
    /// Of those, frames that were reported as a gap before the next frame.
    pub(crate) told: u64,
    /// Frames that were received again.
    pub(crate) duplicated: usize,
    /// Frames that were received after a frame that was captured later.
    pub(crate) out_of_order: usize,
    /// Whether every received frame is, byte for byte, a frame that was sent.
    pub(crate) bit_exact: bool,
}

impl Tally {
    pub(crate) fn count<'a>(
        name: &str,
        sent: &[Sent],
        received: impl IntoIterator<Item = &'a ReceivedFrame>,
    ) -> Self {
        let sent: BTreeMap<u64, &Bytes> =
            sent.iter().map(|sent| (sent.captured_at, &sent.payload)).collect();
        let mut delivered = BTreeSet::new();
        let (mut duplicated, mut out_of_order, mut bit_exact) = (0, 0, true);
        let (mut latest, mut told) = (None, 0);
        for frame in received {
            told += frame.gap.map_or(0, |gap| gap.frames);
            if sent.get(&frame.captured_at).is_none_or(|payload| **payload != frame.payload) {
                bit_exact = false;
                continue;
            }
            if !delivered.insert(frame.captured_at) {
                duplicated += 1;
            } else if latest > Some(frame.captured_at) {
                out_of_order += 1;
            }
            latest = latest.max(Some(frame.captured_at));
        }
        Self {
            name: name.to_owned(),
            sent: sent.len(),
            delivered: delivered.len(),
            lost: sent.len() - delivered.len(),
            told,
            duplicated,
            out_of_order,
            bit_exact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_quinn::media::{FrameNumber, Location};
    use std::time::Instant;

    fn sent(captured_at: u64) -> Sent {
        Sent { at: Instant::now(), captured_at, payload: Bytes::from_static(b"x") }
    }

    fn received(captured_at: u64, payload: &'static [u8]) -> ReceivedFrame {
        ReceivedFrame {
            location: Location::new(0, 0),
            number: FrameNumber::new(1, 0),
            captured_at,
            keyframe: false,
            gap: None,
            payload: Bytes::from_static(payload),
        }
    }

    #[test]
    fn lost_duplicated_and_reordered_frames_are_counted_separately() {
        let sent: Vec<Sent> = (0..6).map(sent).collect();
        let frames = [0, 2, 1, 1, 4].map(|at| received(at, b"x"));
        let tally = Tally::count("audio", &sent, &frames);
        assert_eq!((tally.sent, tally.delivered, tally.lost), (6, 4, 2));
        assert_eq!((tally.duplicated, tally.out_of_order, tally.bit_exact), (1, 1, true));
    }

    #[test]
    fn an_altered_frame_is_neither_bit_exact_nor_delivered() {
        let sent = [sent(0)];
        for frame in [received(0, b"y"), received(7, b"x")] {
            let tally = Tally::count("audio", &sent, &[frame]);
            assert_eq!((tally.delivered, tally.lost, tally.bit_exact), (0, 1, false));
        }
    }
}
