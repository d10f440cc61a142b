//! The outputs that wait for the driver, in order.

use alloc::collections::VecDeque;

use crate::api::event::Event;
use crate::api::output::Output;

/// The queue from the state machine to
/// [`Supervisor::poll_output`](crate::Supervisor::poll_output).
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox(VecDeque<Output>);

impl Outbox {
    pub(crate) fn push(&mut self, output: Output) {
        self.0.push_back(output);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.0.pop_front()
    }
}
