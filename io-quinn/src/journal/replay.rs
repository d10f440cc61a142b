//! Replays a journal through the core.

use std::io::BufRead;

use holdline_core::{Output, Supervisor};

use crate::journal::format::{Entry, Header, VERSION};

/// The longest line that is read, in bytes, because a journal may come from anywhere.
const MAX_LINE: u64 = 64 * 1024 * 1024;

/// How far a replay got. It found no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// The number of inputs that were handed to the core.
    pub inputs: u64,
    /// The number of outputs that were compared.
    pub outputs: u64,
    /// Whether the journal reaches the end of the call.
    pub ended: bool,
}

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The journal cannot be read.
    #[error("line {line}: {problem}")]
    Unreadable {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// This core decides differently than the journal records.
    #[error("line {line}: the journal has {recorded}, the core says {replayed}")]
    Difference {
        /// The number of the line, from 1.
        line: u64,
        /// The recorded output.
        recorded: String,
        /// The output of this core.
        replayed: String,
    },
}

/// Feeds the inputs of a recorded call to the core and compares every output.
///
/// A journal may break off anywhere, even within a line, as it does when its process was killed.
/// Its complete lines are replayed.
///
/// # Errors
///
/// [`ReplayError::Unreadable`] at the first line that cannot be parsed, [`ReplayError::Difference`]
/// at the first output that differs.
pub fn replay(journal: impl BufRead) -> Result<Replayed, ReplayError> {
    let mut lines = Lines { journal, number: 0 };
    let first = lines.next()?.ok_or_else(|| lines.unreadable("the journal is empty"))?;
    let header: Header = serde_json::from_slice(&first)
        .map_err(|error| lines.unreadable(&format!("not the header of a journal ({error})")))?;
    if header.holdline_journal != VERSION {
        let version = header.holdline_journal;
        return Err(lines.unreadable(&format!(
            "the journal has version {version} of the format, and this release reads version \
             {VERSION} only"
        )));
    }
    let mut call = Supervisor::new(header.config, header.seed, header.now)
        .map_err(|error| lines.unreadable(&error.to_string()))?;
    let mut replayed = Replayed::default();
    while let Some(line) = lines.next()? {
        let entry: Entry = serde_json::from_slice(&line)
            .map_err(|error| lines.unreadable(&format!("not an entry of a journal ({error})")))?;
        match entry {
            Entry::In(now, input) => {
                if let Some(unrecorded) = call.poll_output() {
                    return Err(lines.difference("no further output", &unrecorded));
                }
                call.handle(now, input);
                replayed.inputs += 1;
            }
            Entry::Out(recorded) => {
                match call.poll_output() {
                    Some(output) if output == recorded => {}
                    Some(output) => return Err(lines.difference(&show(&recorded), &output)),
                    None => {
                        return Err(ReplayError::Difference {
                            line: lines.number,
                            recorded: show(&recorded),
                            replayed: "nothing".into(),
                        });
                    }
                }
                replayed.outputs += 1;
            }
        }
    }
    replayed.ended = call.state().is_final();
    Ok(replayed)
}

struct Lines<R> {
    journal: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next complete line. A line without a newline is where the journal breaks off.
    fn next(&mut self) -> Result<Option<Vec<u8>>, ReplayError> {
        self.number += 1;
        let mut line = Vec::new();
        std::io::Read::take(&mut self.journal, MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| self.unreadable(&error.to_string()))?;
        if line.len() as u64 == MAX_LINE {
            return Err(self.unreadable("too long for a line of a journal"));
        }
        Ok((line.pop() == Some(b'\n')).then_some(line))
    }

    fn unreadable(&self, problem: &str) -> ReplayError {
        ReplayError::Unreadable { line: self.number, problem: problem.to_owned() }
    }

    fn difference(&self, recorded: &str, replayed: &Output) -> ReplayError {
        let replayed = show(replayed);
        ReplayError::Difference { line: self.number, recorded: recorded.to_owned(), replayed }
    }
}

fn show(output: &Output) -> String {
    serde_json::to_string(output).unwrap_or_else(|_| format!("{output:?}"))
}
