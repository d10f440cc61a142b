//! The format of a journal: a header, then entries.

use holdline_core::{Config, Input, Output, Timestamp};
use serde::{Deserialize, Serialize};

/// The version of the format. This crate writes and reads only this one.
pub const VERSION: u32 = 2;

/// The first line of a journal: how the call was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub holdline_journal: u32,
    /// The core's configuration.
    pub config: Config,
    /// The seed of the core's randomness.
    pub seed: u64,
    /// When the call was started, by the clock of its network.
    pub now: Timestamp,
}

/// Each further line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// An input of the core, and when it was handled.
    In(Timestamp, Input),
    /// An output of the core for the input before it.
    Out(Output),
}
