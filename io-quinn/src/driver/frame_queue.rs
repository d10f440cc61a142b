//! The queue of received frames to the application. It is bounded, and drops and counts the oldest
//! frames, so that an application that does not read cannot hold up the call.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::Stream;

use crate::received_frame::ReceivedFrame;

#[derive(Debug, Default)]
struct Shared {
    frames: VecDeque<ReceivedFrame>,
    dropped: u64,
    /// Whether the sender is gone, so that no more frames will arrive.
    closed: bool,
    waker: Option<Waker>,
}

/// The driver's end.
#[derive(Debug)]
pub(crate) struct Sender {
    shared: Arc<Mutex<Shared>>,
    capacity: usize,
}

/// The application's end.
#[derive(Debug)]
pub(crate) struct Receiver(Arc<Mutex<Shared>>);

/// Creates a queue that holds at most `capacity` frames.
pub(crate) fn channel(capacity: usize) -> (Sender, Receiver) {
    let shared = Arc::<Mutex<Shared>>::default();
    (Sender { shared: Arc::clone(&shared), capacity }, Receiver(shared))
}

impl Sender {
    pub(crate) fn send(&self, frame: ReceivedFrame) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.frames.len() >= self.capacity {
            shared.frames.pop_front();
            shared.dropped += 1;
        }
        shared.frames.push_back(frame);
        wake(shared);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.closed = true;
        wake(shared);
    }
}

/// Wakes the receiver after the lock is released, because the receiver takes the lock.
fn wake(mut shared: std::sync::MutexGuard<'_, Shared>) {
    let waker = shared.waker.take();
    drop(shared);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Receiver {
    /// The number of frames that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).dropped
    }
}

impl Stream for Receiver {
    type Item = ReceivedFrame;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(frame) = shared.frames.pop_front() {
            return Poll::Ready(Some(frame));
        }
        if shared.closed {
            return Poll::Ready(None);
        }
        shared.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures::StreamExt as _;
    use holdline_core::media::{FrameNumber, Location};

    fn frame(sequence: u64) -> ReceivedFrame {
        ReceivedFrame {
            location: Location::new(0, sequence),
            number: FrameNumber::new(1, sequence),
            captured_at: 0,
            keyframe: false,
            payload: Bytes::new(),
            gap: None,
        }
    }

    #[tokio::test]
    async fn a_full_queue_drops_the_oldest_and_ends_last() {
        let (sender, mut receiver) = channel(3);
        let reading = tokio::spawn(async move {
            let mut read = Vec::new();
            while let Some(frame) = receiver.next().await {
                read.push(frame.number.sequence);
            }
            (read, receiver.dropped())
        });
        tokio::task::yield_now().await;
        for sequence in 0..5 {
            sender.send(frame(sequence));
        }
        drop(sender);
        assert_eq!(reading.await.expect("no panic"), (vec![2, 3, 4], 2));
    }
}
