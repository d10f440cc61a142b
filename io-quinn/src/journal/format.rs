//! What a journal is made of: its header, then its entries.

use holdline_core::{Config, Input, Output, Timestamp};
use serde::{Deserialize, Serialize};

/// The version of the format that this crate writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// The first line: how the call was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format's version.
    pub holdline_journal: u32,
    /// The core's configuration.
    pub config: Config,
    /// The seed of its randomness.
    pub seed: u64,
    /// When it was made.
    pub now: Timestamp,
}

/// Each further line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// What the core was told, and when.
    In(Timestamp, Input),
    /// What it answered to the last input.
    Out(Output),
}
