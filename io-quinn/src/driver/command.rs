//! The commands of the application's handles, and the queue that carries them to the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdline_core::Input;
use holdline_core::id::TrackId;
use holdline_core::stats::Stats;
use tokio::sync::{mpsc, oneshot};

use crate::driver::frame_queue;
use crate::received_frame::CallEnded;

/// The number of waiting commands from which on frames are dropped instead of queued. So many wait
/// only if the runtime does not schedule the driver.
const COMMAND_QUEUE_LIMIT: usize = 4096;

/// A command of a handle to the driver.
pub(crate) enum Command {
    /// Hand an input to the core.
    Input(Input),
    /// Deliver the frames of a subscribed track to this queue.
    OpenTrack { track: TrackId, frames: frame_queue::Sender },
    /// Return a snapshot of the counters.
    Stats(oneshot::Sender<Stats>),
}

/// The handles' end of the command queue. Sending never blocks.
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
