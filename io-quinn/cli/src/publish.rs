//! Sends frames on published tracks at real speed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use holdline_quinn::{CallEnded, Frame, PublishedTrack};

use crate::pcm::FRAME_MICROS;

/// The name of the track that a participant publishes, delivered without loss.
pub(crate) const TRACK: &str = "audio";
/// The name of the track with the same frames, delivered live.
pub(crate) const LIVE_TRACK: &str = "live";
/// How long to wait before the session is closed, so that the relay receives and forwards the last
/// frames and the end of the track.
pub(crate) const LINGER: Duration = Duration::from_millis(500);

/// Sends all frames on each of the tracks, one frame every 20 ms, then finishes the tracks. Returns
/// the capture timestamp of each frame, in microseconds, and when it was sent.
pub(crate) async fn send_at_real_speed(
    tracks: &[PublishedTrack],
    frames: &[Bytes],
) -> Result<Vec<(u64, Instant)>, CallEnded> {
    let mut sent = Vec::with_capacity(frames.len());
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = u64::try_from(start.as_micros()).unwrap_or(u64::MAX);
    let mut clock = tokio::time::interval(Duration::from_micros(FRAME_MICROS));
    for (number, payload) in (0_u64..).zip(frames) {
        clock.tick().await;
        let captured_at = start.saturating_add(number * FRAME_MICROS);
        for track in tracks {
            track.send(Frame::new(captured_at, payload.clone()))?;
        }
        sent.push((captured_at, Instant::now()));
    }
    for track in tracks {
        track.finish()?;
    }
    Ok(sent)
}
