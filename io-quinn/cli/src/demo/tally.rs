//! What was heard against what was said, frame by frame, by capture timestamp.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdline_quinn::ReceivedFrame;
use serde::Serialize;

use crate::demo::participant::Said;

/// The count of one track at its listening end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    pub(crate) name: String,
    /// Frames that the speaker put in.
    pub(crate) sent: usize,
    /// Of those, heard at least once.
    pub(crate) delivered: usize,
    /// Of those, never heard.
    pub(crate) lost: usize,
    /// Of those, told to the listener as missing, in front of the next frame.
    pub(crate) told: u64,
    /// Heard again after the first time.
    pub(crate) duplicated: usize,
    /// Heard after one that was captured later.
    pub(crate) out_of_order: usize,
    /// Whether every frame that was heard is, byte for byte, one that was said.
    pub(crate) bit_exact: bool,
}

impl Tally {
    pub(crate) fn count<'a>(
        name: &str,
        said: &[Said],
        heard: impl IntoIterator<Item = &'a ReceivedFrame>,
    ) -> Self {
        let said: BTreeMap<u64, &Bytes> =
            said.iter().map(|said| (said.captured_at, &said.payload)).collect();
        let mut delivered = BTreeSet::new();
        let (mut duplicated, mut out_of_order, mut bit_exact) = (0, 0, true);
        let (mut latest, mut told) = (None, 0);
        for frame in heard {
            told += frame.gap.map_or(0, |gap| gap.frames);
            if said.get(&frame.captured_at).is_none_or(|payload| **payload != frame.payload) {
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
            sent: said.len(),
            delivered: delivered.len(),
            lost: said.len() - delivered.len(),
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
    use holdline_quinn::{FrameNumber, Location};
    use std::time::Instant;

    fn said(captured_at: u64) -> Said {
        Said { at: Instant::now(), captured_at, payload: Bytes::from_static(b"x") }
    }

    fn heard(captured_at: u64, payload: &'static [u8]) -> ReceivedFrame {
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
    fn each_kind_of_fault_is_counted_as_what_it_is() {
        let said: Vec<Said> = (0..6).map(said).collect();
        let frames = [0, 2, 1, 1, 4].map(|at| heard(at, b"x"));
        let tally = Tally::count("audio", &said, &frames);
        assert_eq!((tally.sent, tally.delivered, tally.lost), (6, 4, 2));
        assert_eq!((tally.duplicated, tally.out_of_order, tally.bit_exact), (1, 1, true));
    }

    #[test]
    fn an_altered_or_invented_frame_is_not_bit_exact_and_not_delivered() {
        let said = [said(0)];
        for frame in [heard(0, b"y"), heard(7, b"x")] {
            let tally = Tally::count("audio", &said, &[frame]);
            assert_eq!((tally.delivered, tally.lost, tally.bit_exact), (0, 1, false));
        }
    }
}
