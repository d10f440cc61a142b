//! Writes a journal without holding up the call.

use std::io::{BufWriter, Write};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use holdline_core::{Input, Output, Timestamp};
use serde::Serialize;

use crate::journal::format::{Entry, Header};

/// The number of lines that may wait for the disk. If the disk falls further behind, the journal
/// ends, because a call does not wait for its journal, and a journal with a gap could not be
/// replayed.
const QUEUE: usize = 16_384;

/// A journal that a thread of its own writes.
#[derive(Debug)]
pub(crate) struct Journal {
    lines: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
}

impl Journal {
    pub(crate) fn start(file: Box<dyn Write + Send>, header: &Header) -> std::io::Result<Self> {
        let (lines, queue) = sync_channel::<Vec<u8>>(QUEUE);
        let writer = std::thread::Builder::new().name("journal".into()).spawn(move || {
            let mut file = BufWriter::new(file);
            let written = queue.into_iter().try_for_each(|line| file.write_all(&line));
            if let Err(error) = written.and_then(|()| file.flush()) {
                tracing::warn!(%error, "the journal ends here");
            }
        })?;
        let mut journal = Self { lines: Some(lines), writer: Some(writer) };
        journal.line(header);
        Ok(journal)
    }

    pub(crate) fn input(&mut self, now: Timestamp, input: &Input) {
        self.line(&Entry::In(now, input.clone()));
    }

    pub(crate) fn output(&mut self, output: &Output) {
        self.line(&Entry::Out(output.clone()));
    }

    fn line(&mut self, line: &impl Serialize) {
        let Some(lines) = &self.lines else { return };
        let sent = serde_json::to_vec(line).map(|mut line| {
            line.push(b'\n');
            lines.try_send(line)
        });
        match sent {
            Ok(Ok(())) => return,
            Ok(Err(TrySendError::Full(_))) => {
                tracing::warn!("the disk is too slow: the journal ends here")
            }
            // The writer has logged why.
            Ok(Err(TrySendError::Disconnected(_))) => {}
            Err(error) => tracing::warn!(%error, "the journal ends here"),
        }
        self.lines = None;
    }
}

/// Waits until the file is complete.
impl Drop for Journal {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
