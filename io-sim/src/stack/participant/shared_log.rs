//! The shared log of a participant, which its tasks write as things happen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::run_log::{CallLog, ParticipantLog};

/// The log of one participant, shared by its processes and tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedLog(Arc<Mutex<ParticipantLog>>);

impl SharedLog {
    pub(crate) fn lock(&self) -> MutexGuard<'_, ParticipantLog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes into the log of one call.
    pub(crate) fn write(&self, call_index: usize, write: impl FnOnce(&mut CallLog)) {
        write(&mut self.lock().calls[call_index]);
    }
}
