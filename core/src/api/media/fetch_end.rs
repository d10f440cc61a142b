//! How a FETCH ends.

use serde::{Deserialize, Serialize};

/// How a FETCH that we sent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchEnd {
    /// The response is complete: the whole range, or as much of it as one response holds.
    Complete,
    /// The relay or the publisher does not support FETCH (code 0x3, NOT_SUPPORTED).
    Unsupported,
    /// The FETCH was refused for another reason, or its response broke off.
    Failed,
}
