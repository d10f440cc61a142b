//! Frames that will not be delivered, and why.

use crate::api::media::{Gap, GapReason};

use crate::api::media::FrameNumber;

/// Gathers abandoned frames until the next frame is delivered. The first reason is reported.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gaps(Option<Gap>);

impl Gaps {
    pub(crate) fn add(&mut self, at: FrameNumber, frames: u64, reason: GapReason) {
        match &mut self.0 {
            Some(gap) => gap.frames = gap.frames.saturating_add(frames),
            None => self.0 = Some(Gap { at, frames, reason }),
        }
    }

    pub(crate) fn take(&mut self) -> Option<Gap> {
        self.0.take()
    }

    /// How many abandoned frames are not reported yet.
    pub(crate) fn frames(&self) -> u64 {
        self.0.map_or(0, |gap| gap.frames)
    }
}
