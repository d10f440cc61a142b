//! What a call is told before it begins. Checked once, at the edge.

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
    /// The relays' addresses, as the driver understands them; tried in turn, unless
    /// [`Config::directory`] knows better.
    pub relays: Vec<String>,
    /// Where relays and credentials come from beyond that.
    pub directory: DirectoryConfig,
    /// The room: the first part of every namespace of the call.
    pub room: String,
    /// Our own name in the room.
    pub participant: String,
    /// The identifier of the call in its record; if empty, the room.
    pub call_id: String,
    /// The epoch of the first session's namespace, `<room>/<participant>/<epoch>`. Each session
    /// takes the next one, and listeners follow the highest, so it must be higher than any that
    /// this participant has used in this room: see [`Config::epoch_at`].
    pub first_epoch: u64,
    /// When the call was initiated, for its record: milliseconds since 1970.
    pub initiated_at: u64,
    /// How hard and how long to try.
    pub policy: RetryPolicy,
    /// How long a silent path is only suspected, before the user hears of it. Recovery does not
    /// wait for that (R9).
    pub grace: Duration,
    /// How often the path is looked at while a session is up.
    pub probe_interval: Duration,
    /// How long a relay may take to accept our namespace and to look out for the other participants,
    /// and how long each track of a participant that is there may take to be ready (R1).
    pub ready_timeout: Duration,
    /// How long one try to be answered lasts: until a participant that we listen to is there.
    pub answer_timeout: Duration,
    /// How many tries follow the first, before the call ends with `NO_ANSWER`.
    pub answer_retries: u32,
    /// How long a participant may be away before it is declared gone.
    pub rejoin_timeout: Duration,
    /// After how long without media either way the call closes itself; `None` for never.
    pub idle_timeout: Option<Duration>,
    /// How often the quality of the call is rated.
    pub quality_interval: Duration,
    /// How long one group of a published track lasts.
    pub group_duration: Duration,
    /// How many times faster than it was said a listener is told again what it has missed (R21).
    pub catch_up: u8,
    /// If set, this is no call but the test before one: with ourselves, through the relay (R30).
    pub pre_call: Option<PreCallConfig>,
}

impl Config {
    /// How many relays a call may have.
    pub const MOST_RELAYS: usize = limits::MOST_RELAYS;
    /// How many participants a call may ever listen to. Each is followed until the call ends.
    pub const MOST_PARTICIPANTS: usize = 256;
    /// How many tracks a call may publish, and as many that it may subscribe to (a session carries
    /// at most 128 subscriptions).
    pub const MOST_TRACKS: usize = 64;
    /// How long the name of a room, participant or track may be, in bytes.
    pub const LONGEST_NAME: usize = limits::LONGEST_NAME;

    /// The first epoch of a process that begins at a time by its host's clock. It rises with the clock. If that was
    /// set back, two may begin at the same millisecond: they are told apart by the seeds of their randomness.
    #[must_use]
    pub const fn epoch_at(unix_millis: u64, seed: u64) -> u64 {
        unix_millis.saturating_mul(1_000).saturating_add(seed % 1_000)
    }

    /// A configuration with every default.
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

    /// Refuses what cannot work, by the name of the field.
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
