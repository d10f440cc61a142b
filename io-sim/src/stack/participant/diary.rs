//! What one participant saw, written down as it happens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::record::{Life, ParticipantRecord};

/// What everybody saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diary(Arc<Mutex<ParticipantRecord>>);

impl Diary {
    pub(crate) fn open(&self) -> MutexGuard<'_, ParticipantRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes into one life.
    pub(crate) fn write(&self, life: usize, write: impl FnOnce(&mut Life)) {
        write(&mut self.open().lives[life]);
    }
}
