//! The application's handles to its tracks. They stay valid through every recovery of the call.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::{Stream, StreamExt as _};
use holdline_core::Input;
use holdline_core::id::TrackId;
use holdline_core::media::{Frame, Retention};

use crate::driver::command::{Command, Commands};
use crate::driver::frame_queue;
use crate::received_frame::{CallEnded, ReceivedFrame};

/// The least number of frames that may wait for the application: about 10 s of audio. When the
/// queue is full, the oldest are dropped.
const FRAME_QUEUE: usize = 512;

/// A track that the application publishes. Clones are handles to the same track.
#[derive(Clone, Debug)]
pub struct PublishedTrack {
    pub(crate) id: TrackId,
    pub(crate) commands: Commands,
    pub(crate) overrun: Arc<AtomicU64>,
}

impl PublishedTrack {
    /// The track's identifier in events and statistics.
    pub fn id(&self) -> TrackId {
        self.id
    }

    /// Sends one frame. Never blocks, and succeeds whatever state the network is in.
    ///
    /// [`Frame::captured_at`] must come from one running clock, in microseconds: subscribers judge
    /// by it how late a frame is. While the call has no connection, the frame is retained and sent
    /// later, within the bounds of the track's [`Retention`](crate::media::Retention).
    ///
    /// # Errors
    ///
    /// [`CallEnded`] if the call has ended.
    pub fn send(&self, frame: Frame) -> Result<(), CallEnded> {
        if self.commands.queue.is_closed() {
            return Err(CallEnded);
        }
        if self.commands.is_full() {
            self.overrun.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.commands.send(Command::Input(Input::Send { track: self.id, frame }))
    }

    /// The number of frames that were dropped because 4096 commands were waiting for the call's
    /// task, which happens only if the tokio runtime is overloaded.
    pub fn overrun(&self) -> u64 {
        self.overrun.load(Ordering::Relaxed)
    }

    /// Announces that no more frames will be sent on the track. After the last frame, the streams
    /// of its subscribers end.
    ///
    /// # Errors
    ///
    /// [`CallEnded`] if the call has ended.
    pub fn finish(&self) -> Result<(), CallEnded> {
        self.commands.send(Command::Input(Input::Finish { track: self.id }))
    }
}

/// A track that the application subscribes to: a stream of its frames, in order and without
/// duplicates.
///
/// The stream ends when the publisher has finished the track or the call has ended. Dropping it
/// ends the subscription.
#[derive(Debug)]
pub struct SubscribedTrack {
    id: TrackId,
    frames: frame_queue::Receiver,
    commands: Commands,
}

impl SubscribedTrack {
    pub(crate) fn new(
        id: TrackId,
        commands: Commands,
        retention: &Retention,
    ) -> (Self, frame_queue::Sender) {
        // When a gap is repaired, all frames that waited behind it are delivered at once.
        let retained = usize::try_from(retention.frames).unwrap_or(usize::MAX);
        let (sender, frames) = frame_queue::channel(retained.saturating_add(FRAME_QUEUE));
        (Self { id, frames, commands }, sender)
    }

    /// The track's identifier in events and statistics.
    pub fn id(&self) -> TrackId {
        self.id
    }

    /// The number of frames that were dropped because the application read them too slowly. The
    /// queue holds 512 frames more than the track's retention; the oldest are dropped.
    pub fn overrun(&self) -> u64 {
        self.frames.dropped()
    }
}

impl Stream for SubscribedTrack {
    type Item = ReceivedFrame;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.frames.poll_next_unpin(cx)
    }
}

impl Drop for SubscribedTrack {
    fn drop(&mut self) {
        // After the end of the call there is no subscription to end.
        let _ = self.commands.send(Command::Input(Input::Unsubscribe { track: self.id }));
    }
}
