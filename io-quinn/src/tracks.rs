//! The application's handles to its tracks. They outlive every session of the call.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::{Stream, StreamExt as _};
use holdline_core::{Frame, Input, Retention, TrackId};

use crate::driver::command::{Command, Commands};
use crate::driver::frame_queue;
use crate::received_frame::{CallEnded, ReceivedFrame};

/// How many frames may wait for the application, at least: about 10 s of audio. The oldest are
/// dropped.
const FRAME_QUEUE: usize = 512;

/// A track that the application publishes.
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

    /// Sends one frame. Never blocks, and succeeds whatever the network does.
    ///
    /// # Errors
    ///
    /// Only when the call has ended.
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

    /// How many frames were dropped because the runtime gave the call no time to take them.
    pub fn overrun(&self) -> u64 {
        self.overrun.load(Ordering::Relaxed)
    }

    /// Says that nothing more will be sent. Listeners see the end of their stream.
    ///
    /// # Errors
    ///
    /// Only when the call has ended.
    pub fn finish(&self) -> Result<(), CallEnded> {
        self.commands.send(Command::Input(Input::Finish { track: self.id }))
    }
}

/// A track that the application listens to: a stream of its frames, which ends when the publisher
/// has finished the track or the call has ended. Dropping it ends the subscription.
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
        // When a gap is closed, all that waited behind it comes at once.
        let retained = usize::try_from(retention.frames).unwrap_or(usize::MAX);
        let (sender, frames) = frame_queue::channel(retained.saturating_add(FRAME_QUEUE));
        (Self { id, frames, commands }, sender)
    }

    /// The track's identifier in events and statistics.
    pub fn id(&self) -> TrackId {
        self.id
    }

    /// How many frames were dropped because the application did not take them in time.
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
        // After the end of the call there is nothing to leave.
        let _ = self.commands.send(Command::Input(Input::Unsubscribe { track: self.id }));
    }
}
