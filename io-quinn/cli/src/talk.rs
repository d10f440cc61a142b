//! Speaking: frames at real speed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use holdline_quinn::{CallEnded, Frame, PublishedTrack};

use crate::pcm::FRAME_MICROS;

/// The name of the one track that a participant speaks on.
pub(crate) const TRACK: &str = "audio";
/// How long the last frames and the end of a track may take to reach the relay and go on from it,
/// before the session under them is closed.
pub(crate) const LINGER: Duration = Duration::from_millis(500);

/// Says all frames, one each 20 ms, then ends the track. Returns each frame's capture timestamp.
pub(crate) async fn speak(track: &PublishedTrack, frames: &[Bytes]) -> Result<Vec<u64>, CallEnded> {
    let mut said = Vec::with_capacity(frames.len());
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = u64::try_from(start.as_micros()).unwrap_or(u64::MAX);
    let mut clock = tokio::time::interval(Duration::from_micros(FRAME_MICROS));
    for (number, payload) in (0_u64..).zip(frames) {
        clock.tick().await;
        let captured_at = start.saturating_add(number * FRAME_MICROS);
        track.send(Frame::new(captured_at, payload.clone()))?;
        said.push(captured_at);
    }
    track.finish()?;
    Ok(said)
}
