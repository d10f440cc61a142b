//! The configuration of a call.
//!
//! [`Config::new`] has every default. [`Supervisor::new`](crate::Supervisor::new) checks a
//! configuration once, and the call never changes it.
//!
//! Requirement numbers (R12) are those of `docs/REQUIREMENTS.md`.

mod directory;
mod pre_call;
mod retry_policy;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::error::ensure;
use crate::api::limits;

pub use crate::api::error::{ConfigError, validate_name};
pub use directory::{DirectoryConfig, RememberedRelays};
pub use pre_call::PreCallConfig;
pub use retry_policy::{Growth, RetryPolicy};

/// The configuration of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The relays' addresses, in the format of the driver: 1 to 16, tried in turn. A list that
    /// [`Config::directory`] brings replaces them.
    pub relays: Vec<String>,
    /// Other sources of relays, and the source of credentials.
    pub directory: DirectoryConfig,
    /// The name of the room: the first field of every namespace of the call.
    pub room: String,
    /// Our own name in the room.
    pub participant: String,
    /// The identifier of the call in its record. If empty, it is the room.
    pub call_id: String,
    /// The epoch of the first session's namespace, `<room>/<participant>/<epoch>`. Each session
    /// takes the next one, and listeners follow the highest. So the first one must be higher than
    /// any that this participant has used in this room: see [`Config::epoch_at`].
    pub first_epoch: u64,
    /// When the call was initiated, in milliseconds since 1970, for its record.
    pub initiated_at: u64,
    /// The pauses, number and total time of attempts to reach a relay.
    pub policy: RetryPolicy,
    /// How long a silent path is only suspected before the loss is reported to the user. Recovery
    /// runs meanwhile (requirement R9). Default: 3 s.
    pub grace: Duration,
    /// The interval between probes of a session's path. Default: 100 ms.
    pub probe_interval: Duration,
    /// How long a relay may take to accept our namespace and namespace subscriptions, and each
    /// track of a participant that is online to become ready (requirement R1). Default: 5 s.
    pub ready_timeout: Duration,
    /// How long one try to be answered lasts. A participant that we listen to answers by being
    /// online. Default: 60 s.
    pub answer_timeout: Duration,
    /// How many tries follow the first one, before the call ends with `NO_ANSWER`. Default: 3.
    pub answer_retries: u32,
    /// How long a participant may be away before it counts as gone. Default: 120 s.
    pub rejoin_timeout: Duration,
    /// How long a live call may carry no media either way before it closes itself; `None` for no
    /// limit. Default: 6 min.
    pub idle_timeout: Option<Duration>,
    /// The interval between ratings of the quality. Default: 3 s.
    pub quality_interval: Duration,
    /// The duration of one group of a published track. Default: 1 s.
    pub group_duration: Duration,
    /// How many times faster than first sent missed frames are retransmitted at most (requirement
    /// R21); at least 2. Default: 4.
    pub catch_up: u8,
    /// If set, this call is a pre-call test: a call with itself through the relay (requirement
    /// R30).
    pub pre_call: Option<PreCallConfig>,
}

impl Config {
    /// The most relays of a call.
    pub const MOST_RELAYS: usize = limits::MOST_RELAYS;
    /// The most participants that a call may ever listen to. Each is followed until the call ends.
    pub const MOST_PARTICIPANTS: usize = 256;
    /// The most tracks that a call may publish, and the most that it may subscribe to at a time. A
    /// session carries at most 128 subscriptions.
    pub const MOST_TRACKS: usize = 64;
    /// The longest name of a room, participant or track, in bytes.
    pub const LONGEST_NAME: usize = limits::LONGEST_NAME;

    /// The first epoch of a process that starts at `unix_millis`, milliseconds since 1970. Epochs
    /// rise with the host's clock. If the clock was set back, two processes may start in the same
    /// millisecond, and the seeds of their randomness make their epochs differ.
    #[must_use]
    pub const fn epoch_at(unix_millis: u64, seed: u64) -> u64 {
        unix_millis.saturating_mul(1_000).saturating_add(seed % 1_000)
    }

    /// A configuration with every default: `relay` is the only relay, in the driver's format.
    pub fn new(
        relay: impl Into<String>,
        room: impl Into<String>,
        participant: impl Into<String>,
    ) -> Self {
        Self {
            relays: alloc::vec![relay.into()],
            directory: DirectoryConfig::default(),
            room: room.into(),
            participant: participant.into(),
            call_id: String::new(),
            first_epoch: 1,
            initiated_at: 0,
            policy: RetryPolicy::default(),
            grace: Duration::from_secs(3),
            probe_interval: Duration::from_millis(100),
            ready_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(60),
            answer_retries: 3,
            rejoin_timeout: Duration::from_secs(120),
            idle_timeout: Some(Duration::from_secs(360)),
            quality_interval: Duration::from_secs(3),
            group_duration: Duration::from_secs(1),
            catch_up: 4,
            pre_call: None,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    ///
    /// Names the first field that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ensure(!self.relays.is_empty(), "relays", "must name at least one relay")?;
        ensure(self.relays.len() <= Self::MOST_RELAYS, "relays", "must name at most 16 relays")?;
        self.directory.validate()?;
        validate_name("room", &self.room)?;
        validate_name("participant", &self.participant)?;
        ensure(!self.probe_interval.is_zero(), "probe_interval", "must be longer than zero")?;
        ensure(!self.answer_timeout.is_zero(), "answer_timeout", "must be longer than zero")?;
        ensure(!self.rejoin_timeout.is_zero(), "rejoin_timeout", "must be longer than zero")?;
        let idle = self.idle_timeout.is_none_or(|idle| !idle.is_zero());
        ensure(idle, "idle_timeout", "must be longer than zero, or none")?;
        ensure(!self.quality_interval.is_zero(), "quality_interval", "must be longer than zero")?;
        ensure(!self.ready_timeout.is_zero(), "ready_timeout", "must be longer than zero")?;
        ensure(!self.group_duration.is_zero(), "group_duration", "must be longer than zero")?;
        ensure(self.catch_up > 1, "catch_up", "must be at least 2: it must be faster than life")?;
        self.pre_call.as_ref().map_or(Ok(()), PreCallConfig::validate)?;
        self.policy.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_configuration_is_refused_by_the_name_of_its_field() {
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::new("moqt://relay.example", "room", "alice");
            config.validate().expect("the defaults are valid");
            change(&mut config);
            config.validate().expect_err("must be refused").field
        };
        assert_eq!(refused(|c| c.relays.clear()), "relays");
        assert_eq!(refused(|c| c.relays = alloc::vec![String::new(); 17]), "relays");
        assert_eq!(refused(|c| c.room.clear()), "room");
        assert_eq!(refused(|c| c.participant = "a/b".into()), "participant");
        assert_eq!(refused(|c| c.participant = "a\n".into()), "participant");
        assert_eq!(refused(|c| c.room = "x".repeat(129)), "room");
        assert_eq!(validate_name("room", &"x".repeat(128)), Ok(()));
        assert_eq!(refused(|c| c.probe_interval = Duration::ZERO), "probe_interval");
        assert_eq!(refused(|c| c.ready_timeout = Duration::ZERO), "ready_timeout");
        assert_eq!(refused(|c| c.group_duration = Duration::ZERO), "group_duration");
        assert_eq!(refused(|c| c.catch_up = 1), "catch_up");
        assert_eq!(refused(|c| c.answer_timeout = Duration::ZERO), "answer_timeout");
        assert_eq!(refused(|c| c.rejoin_timeout = Duration::ZERO), "rejoin_timeout");
        assert_eq!(refused(|c| c.idle_timeout = Some(Duration::ZERO)), "idle_timeout");
        assert_eq!(refused(|c| c.quality_interval = Duration::ZERO), "quality_interval");
        assert_eq!(refused(|c| c.policy.attempts = 0), "policy.attempts");
        assert_eq!(refused(|c| c.directory.lifetime = Duration::ZERO), "directory.lifetime");
        assert_eq!(
            refused(|c| c.directory.answer_timeout = Duration::ZERO),
            "directory.answer_timeout"
        );
        let pre_call = |change: fn(&mut PreCallConfig)| {
            let mut config = Config::new("moqt://relay.example", "room", "alice");
            let mut pre_call = PreCallConfig::default();
            change(&mut pre_call);
            config.pre_call = Some(pre_call);
            config.validate().map_err(|error| error.field)
        };
        assert_eq!(pre_call(|_| {}), Ok(()));
        assert_eq!(pre_call(|p| p.frames = 0), Err("pre_call.frames"));
        assert_eq!(pre_call(|p| p.interval = Duration::ZERO), Err("pre_call.interval"));
        assert_eq!(pre_call(|p| p.limit = Duration::from_secs(1)), Err("pre_call.limit"));
        for relays in [0, 17] {
            let mut config = Config::new("moqt://relay.example", "room", "alice");
            let relays = alloc::vec![String::new(); relays];
            config.directory.remembered = Some(RememberedRelays { relays, age: Duration::ZERO });
            let refused = config.validate().expect_err("must be refused");
            assert_eq!(refused.field, "directory.remembered");
        }
    }
}
