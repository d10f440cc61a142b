//! The state machine of one call: inputs in, outputs out. After every input, `next_deadline` is not
//! later than any deadline of the present state, and the invariants hold.

mod commands;
mod connecting;
mod deadlines;
mod dispatch;
mod handover;
#[cfg(debug_assertions)]
mod invariants;
mod joining;
mod namespaces;
mod pre_call;
mod recovery;
mod rendezvous;
mod state;
mod termination;
mod tracks;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::api::deadline::{Deadline, WakeReason};
use crate::api::error::ConfigError;
use crate::api::id::Mint;
use crate::api::input::Input;
use crate::api::output::Output;
use crate::api::state_name::StateName;
use crate::api::stats::{CallRecord, ParticipantRecord, Stats, Summary, Telemetry};
use crate::api::time::Timestamp;
use crate::config::Config;
use crate::connect::ConnectResources;
use crate::context::outbox::Outbox;
use crate::participants::{RemoteParticipant, Ringing};
use crate::publish::{FetchResponses, PublishedTrack};
use crate::quality_monitor::Monitor;
use crate::session::Legs;
use crate::subscribe::SubscribedTrack;
use crate::supervisor::connecting::ConnectAttempts;
use crate::supervisor::dispatch::Effect;
use crate::supervisor::pre_call::loopback::PreCall;
use crate::supervisor::rendezvous::{MovedFrom, Search};
use crate::supervisor::state::Life;

/// The state machine of one call: every decision about the call, and no I/O.
#[derive(Clone, Debug)]
pub struct Supervisor {
    /// Shared, so that a copy of a call is cheap.
    config: Arc<Config>,
    rng: ChaCha8Rng,
    now: Timestamp,
    started: Timestamp,
    mint: Mint,
    next_epoch: u64,
    resources: ConnectResources,
    telemetry: Telemetry,
    life: Life,
    legs: Legs,
    /// The attempts to get a session. While one is being joined they pause: if joining fails, they
    /// continue.
    attempts: Option<ConnectAttempts>,
    /// The last state that was reported to the application.
    announced: StateName,
    published: Vec<PublishedTrack>,
    fetch_responses: FetchResponses,
    subscribed: Vec<SubscribedTrack>,
    participants: Vec<RemoteParticipant>,
    monitor: Monitor,
    ringing: Ringing,
    /// When media was last sent or received.
    last_media: Timestamp,
    record: CallRecord,
    /// The search for missing participants on other relays.
    search: Search,
    /// Set if the call moved to its present session to meet a peer.
    moved_from: Option<MovedFrom>,
    pre_call: Option<PreCall>,
    /// A lower bound of the next deadline, without that of a live session's path. It is computed
    /// from everything above after each input but frames and reports of the path: a path is probed
    /// ten times a second, which moves no other deadline, and a frame only moves some of them
    /// later. So a deadline may turn out to be over; a tick then computes it anew.
    next_deadline: Option<(Timestamp, WakeReason)>,
    /// When the path of a live session is probed next.
    path_deadline: Option<Timestamp>,
    out: Outbox,
}

/// Construction.
impl Supervisor {
    /// A call that waits for [`Input::Connect`]. All its randomness comes from `seed`.
    ///
    /// # Errors
    ///
    /// Names the field of `config` that cannot work.
    pub fn new(config: Config, seed: u64, now: Timestamp) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            now,
            started: now,
            mint: Mint::default(),
            next_epoch: config.first_epoch,
            telemetry: Telemetry::default(),
            resources: ConnectResources::new(&config, now),
            life: Life::Idle,
            legs: Legs::default(),
            attempts: None,
            announced: StateName::Idle,
            published: Vec::new(),
            fetch_responses: FetchResponses::default(),
            subscribed: Vec::new(),
            participants: Vec::new(),
            monitor: Monitor::new(),
            ringing: Ringing::default(),
            last_media: now,
            record: CallRecord::default(),
            search: Search::default(),
            moved_from: None,
            pre_call: None,
            next_deadline: None,
            path_deadline: None,
            out: Outbox::default(),
            config: Arc::new(config),
        })
    }
}

/// The driver's loop: `handle` an input, then `poll_output` until it is empty, then wait for the
/// next input or the `deadline`.
impl Supervisor {
    /// Handles an input that happened at `now`. Deadlines that are due fire first.
    ///
    /// Never fails and never panics: an input that makes no sense in the present state, or carries
    /// an outdated identifier, changes nothing. Time never runs back: an earlier `now` counts as
    /// the last one.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.now = self.now.max(now);
        self.fire_deadlines();
        // A tick carries only the time, and that has had its effect.
        if !matches!(input, Input::Tick) && !self.announced.is_final() {
            if self.dispatch(input) == Effect::Changed {
                self.complete_joining();
                self.reschedule();
            }
            self.fire_deadlines();
        }
        #[cfg(debug_assertions)]
        self.check_invariants();
    }

    /// The next output for the driver to carry out.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop()
    }

    /// When to call `handle` with [`Input::Tick`] at the latest; `None` if only an input can
    /// change anything.
    pub fn deadline(&self) -> Option<Deadline> {
        let (at, reason) = self.next_wake()?;
        // In a release build, a deadline that is due by mistake costs a tick, not a busy loop.
        Some(Deadline { at: at.max(self.now + Duration::from_micros(1)), reason })
    }
}

/// Inspection.
impl Supervisor {
    /// The state of the call.
    pub fn state(&self) -> StateName {
        self.announced
    }

    /// The configuration of the call.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The counters of the call, without those of its tracks.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// A snapshot of all counters. It allocates: do not call it for every frame.
    pub fn stats(&self) -> Stats {
        Stats {
            state: self.announced,
            telemetry: self.telemetry,
            quality: self.monitor.qualities().collect(),
            published: self.published.iter().map(PublishedTrack::stats).collect(),
            subscribed: self.subscribed.iter().map(SubscribedTrack::stats).collect(),
        }
    }

    /// The participants of the call, and the times of its events.
    pub fn record(&self) -> CallRecord {
        let ourselves = ParticipantRecord {
            name: self.config.participant.clone(),
            seen: true,
            present: !self.announced.is_final(),
        };
        let others = self.participants.iter().map(|remote| ParticipantRecord {
            name: remote.participant.clone(),
            seen: remote.presence().was_seen(),
            present: remote.presence().is_here(),
        });
        let id =
            if self.config.call_id.is_empty() { &self.config.room } else { &self.config.call_id };
        CallRecord {
            id: id.clone(),
            participants: core::iter::once(ourselves).chain(others).collect(),
            initiated_at: self.config.initiated_at,
            ..self.record.clone()
        }
    }

    /// The summary of the call, once it is over.
    pub fn summary(&self) -> Option<&Summary> {
        match &self.life {
            Life::Failed(summary) | Life::Closed(summary) => Some(summary),
            Life::Idle | Life::Running => None,
        }
    }

    /// Panics if an invariant is broken: that is a bug in this crate, whatever the inputs were.
    #[cfg(debug_assertions)]
    fn check_invariants(&self) {
        invariants::check(
            (&self.legs, self.attempts.as_ref(), self.announced),
            &self.telemetry,
            &self.resources.retry_budget,
            &self.config,
        );
        assert_eq!(self.announced, self.derived_state(), "the public state is the machine's state");
        let exact = self.compute_next_deadline().map(|(at, _)| at);
        let known = self.next_deadline.map(|(at, _)| at);
        assert_eq!(known.is_none(), exact.is_none(), "there is a deadline if anything is due");
        assert!(known <= exact, "no deadline is missed: {known:?} is known, {exact:?} is due");
        assert_eq!(self.path_deadline, self.live_path_deadline(), "a live path is probed in time");
        if let Some((at, reason)) = self.next_wake() {
            assert!(at > self.now, "the deadline ({reason:?}) must be later than now");
        }
    }
}
