//! What the application's handles ask of the driver, and the way there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdline_core::{Input, Stats, TrackId};
use tokio::sync::{mpsc, oneshot};

use crate::driver::frame_queue;
use crate::received_frame::CallEnded;

/// How many commands may wait for the driver before frames are dropped instead of queued. It only
/// fills when the runtime gives the driver no time.
const COMMAND_QUEUE_LIMIT: usize = 4096;

/// What the application's handles ask of the driver.
pub(crate) enum Command {
    Input(Input),
    OpenTrack { track: TrackId, frames: frame_queue::Sender },
    Stats(oneshot::Sender<Stats>),
}

/// The way from the handles to the driver. Never blocks.
#[derive(Clone, Debug)]
pub(crate) struct Commands {
    pub(crate) queue: mpsc::UnboundedSender<Command>,
    pub(crate) queued: Arc<AtomicUsize>,
}

impl Commands {
    pub(crate) fn send(&self, command: Command) -> Result<(), CallEnded> {
        self.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.send(command).map_err(|_| CallEnded)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.queued.load(Ordering::Relaxed) >= COMMAND_QUEUE_LIMIT
    }
}
