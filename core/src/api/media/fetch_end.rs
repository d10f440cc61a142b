//! How a FETCH ended.

use serde::{Deserialize, Serialize};

/// How a FETCH ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchEnd {
    /// All that was asked for came, or all that can be had of it at once.
    Complete,
    /// The relay, or the publisher, does not do this (code 0x3, NOT_SUPPORTED).
    Unsupported,
    /// It was refused for another reason, or broke off.
    Failed,
}
