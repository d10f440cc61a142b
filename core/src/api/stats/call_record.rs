//! The record of a call (R33): who, when, how it stands, and what was alarming.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// How a call stands, as a call list shows it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Being set up.
    #[default]
    Initiated,
    /// Up, but nobody whom we listen to was there yet.
    Ringing,
    /// Somebody answered, or nobody needed to.
    Active,
    /// Over, as wished.
    Ended,
    /// Over, because it could not go on.
    Failed,
}

/// A participant of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantRecord {
    /// Its name in the room.
    pub name: String,
    /// Whether it was ever there.
    pub seen: bool,
    /// Whether it is there now.
    pub present: bool,
}

/// A safety alert that was raised in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyAlert {
    /// When, after the call was initiated.
    pub after: Duration,
    /// What was said of it.
    pub detail: String,
}

/// The record of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The call's identifier: the configuration's, the same for everybody who is told it.
    pub id: String,
    /// Everybody: ourselves first, then whom we listen to.
    pub participants: Vec<ParticipantRecord>,
    /// How it stands.
    pub status: CallStatus,
    /// When it was initiated, in milliseconds since 1970: the configuration's.
    pub initiated_at: u64,
    /// When it first was up, after it was initiated.
    pub ringing_after: Option<Duration>,
    /// When it became active, after it was initiated.
    pub active_after: Option<Duration>,
    /// When it ended or failed, after it was initiated.
    pub ended_after: Option<Duration>,
    /// The first [`CallRecord::MOST_ALERTS`] safety alerts.
    pub safety_alerts: Vec<SafetyAlert>,
    /// How many safety alerts were raised in all.
    pub safety_alert_count: u64,
}

impl CallRecord {
    /// How many safety alerts are kept.
    pub const MOST_ALERTS: usize = 16;
    /// How long the words of a safety alert may be, in bytes; longer ones are cut.
    pub const LONGEST_DETAIL: usize = 1024;

    pub(crate) fn reached(&mut self, status: CallStatus, after: Duration) {
        self.status = status;
        let moment = match status {
            CallStatus::Initiated => return,
            CallStatus::Ringing => &mut self.ringing_after,
            CallStatus::Active => &mut self.active_after,
            CallStatus::Ended | CallStatus::Failed => &mut self.ended_after,
        };
        if moment.is_none() {
            *moment = Some(after);
        }
    }

    pub(crate) fn alert(&mut self, after: Duration, detail: &str) {
        self.safety_alert_count = self.safety_alert_count.saturating_add(1);
        if self.safety_alerts.len() < Self::MOST_ALERTS {
            self.safety_alerts.push(SafetyAlert { after, detail: cut(detail).into() });
        }
    }
}

/// The longest beginning of a text that fits.
pub(crate) fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(CallRecord::LONGEST_DETAIL);
    &text[..end]
}
