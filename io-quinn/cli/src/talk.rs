//! Speaking: frames at real speed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use holdline_quinn::{CallEnded, Frame, PublishedTrack};

use crate::pcm::FRAME_MICROS;

/// The name of the track that a participant speaks on, delivered without loss.
pub(crate) const TRACK: &str = "audio";
/// The name of the one that says the same, delivered live.
pub(crate) const LIVE_TRACK: &str = "live";
/// How long the last frames and the end of a track may take to reach the relay and go on from it,
/// before the session under them is closed.
pub(crate) const LINGER: Duration = Duration::from_millis(500);

/// Says all frames on each of the tracks, one each 20 ms, then ends them. Returns each frame's capture
/// timestamp, and when it was said.
pub(crate) async fn speak(
    tracks: &[PublishedTrack],
    frames: &[Bytes],
) -> Result<Vec<(u64, Instant)>, CallEnded> {
    let mut said = Vec::with_capacity(frames.len());
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = u64::try_from(start.as_micros()).unwrap_or(u64::MAX);
    let mut clock = tokio::time::interval(Duration::from_micros(FRAME_MICROS));
    for (number, payload) in (0_u64..).zip(frames) {
        clock.tick().await;
        let captured_at = start.saturating_add(number * FRAME_MICROS);
        for track in tracks {
            track.send(Frame::new(captured_at, payload.clone()))?;
        }
        said.push((captured_at, Instant::now()));
    }
    for track in tracks {
        track.finish()?;
    }
    Ok(said)
}
