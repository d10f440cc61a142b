//! The call, as an application embeds it.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, StreamExt as _, future, stream};
use holdline_core::config::{ConfigError, PreCallConfig, RememberedRelays, validate_name};
use holdline_core::id::TrackId;
use holdline_core::media::Track;
use holdline_core::stats::{Stats, Summary};
use holdline_core::{Config, Event, Input, Supervisor};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_stream::wrappers::BroadcastStream;

use crate::call_config::{CallConfig, ConnectError};
use crate::driver::Driver;
use crate::driver::command::{Command, Commands};
use crate::driver::relay_cache::RelayCache;
use crate::driver::relay_table::RelayTable;
use crate::driver::telemetry::Observer;
use crate::journal::{Header, Journal, VERSION};
use crate::network::{HostNetwork, Network};
use crate::received_frame::CallEnded;
use crate::session::dial::Dialer;
use crate::tracks::{PublishedTrack, SubscribedTrack};
use crate::trust::{Trust, TrustError};

/// How many events may wait for a reader of the event stream. The oldest are dropped.
const EVENT_QUEUE: usize = 1024;

/// A call in a room. The call and its tracks stay valid through any number of recoveries.
///
/// The call closes when it is closed with [`Call::close`], when it is idle for too long
/// ([`CallConfig::idle_timeout`]), when recovery fails for good, and when the application has
/// dropped the call and all of its tracks.
#[derive(Debug)]
pub struct Call {
    commands: Commands,
    next_track: AtomicU64,
    events: broadcast::Sender<Event>,
    /// Subscribed before the call starts, so that the first stream misses no event.
    first_receiver: Mutex<Option<broadcast::Receiver<Event>>>,
    ended: watch::Receiver<Option<Summary>>,
}

/// The stream of a call's events, in order. It ends after [`Event::Ended`].
pub type Events = Pin<Box<dyn Stream<Item = Event> + Send>>;

impl Call {
    /// Starts a call on the host's network ([`HostNetwork`]).
    ///
    /// Returns at once, before the call is connected. Tracks can be published and subscribed to
    /// right away; the call sends the requests when its first session is up.
    ///
    /// # Errors
    ///
    /// - [`ConnectError::Config`]: a field of the configuration is invalid.
    /// - [`ConnectError::Relay`]: the address of a relay is invalid.
    /// - [`ConnectError::Trust`]: the configuration gives no [`Trust`] and the host has no
    ///   certificate authorities.
    /// - [`ConnectError::Cryptography`]: TLS or the system's randomness is unavailable.
    /// - [`ConnectError::Journal`]: the thread that writes the journal cannot be started.
    ///
    /// A relay that cannot be reached is not an error of this function: the call retries by its
    /// [`RetryPolicy`](crate::config::RetryPolicy), and reports the attempts as events.
    ///
    /// # Panics
    ///
    /// If it is called outside a tokio runtime.
    pub fn connect(config: CallConfig) -> Result<Self, ConnectError> {
        Self::connect_on(Arc::new(HostNetwork), config)
    }

    /// Starts a call on a given network: its sockets, its name resolution and its clocks.
    ///
    /// Use it to bind sockets to one interface, to count or to route packets, or to run the call on
    /// a simulated network. Everything else is as in [`Call::connect`].
    ///
    /// # Errors
    ///
    /// The same as [`Call::connect`].
    ///
    /// # Panics
    ///
    /// If it is called outside a tokio runtime.
    pub fn connect_on(network: Arc<dyn Network>, config: CallConfig) -> Result<Self, ConnectError> {
        let CallConfig { config: mut core, trust, seed, journal, providers, relay_cache } = config;
        let mut relays = RelayTable::default();
        core.relays = relays.insert(&core.relays)?;
        let relay_cache = relay_cache.map(RelayCache::new);
        if let Some(known) = relay_cache.as_ref().and_then(|c| c.load(network.unix_millis())) {
            let known = RememberedRelays { relays: relays.insert_usable(known.relays), ..known };
            core.directory.remembered = Some(known).filter(|known| !known.relays.is_empty());
        }
        let seed = seed.map_or_else(draw_seed, Ok)?;
        core.initiated_at = network.unix_millis();
        core.first_epoch = Config::epoch_at(core.initiated_at, seed);
        let probe_interval = core.probe_interval;
        let is_test = core.pre_call.is_some();
        let now = network.now();
        let header = Header { holdline_journal: VERSION, config: core.clone(), seed, now };
        let supervisor = Supervisor::new(core, seed, now)?;
        let trust = match trust.map_or_else(Trust::host, Ok) {
            Ok(trust) => trust,
            // The pre-call test reports missing authorities as a finding.
            Err(TrustError::Host(_)) if is_test => Trust::none(),
            Err(error) => return Err(error.into()),
        };
        let tls = trust.client_config().map_err(ConnectError::Cryptography)?;

        let journal = journal.map(|file| Journal::start(file, &header)).transpose();
        let journal = journal.map_err(|error| ConnectError::Journal(error.to_string()))?;

        let (queue, from_handles) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let (events, first_receiver) = broadcast::channel(EVENT_QUEUE);
        let (ended_sender, ended) = watch::channel(None);
        let driver = Driver {
            dialer: Dialer::new(Arc::clone(&network), tls, probe_interval),
            network,
            relays,
            providers,
            relay_cache,
            trust_roots: trust.len(),
            supervisor,
            journal,
            observer: Observer::default(),
            commands: from_handles,
            queued: Arc::clone(&queued),
            events: events.clone(),
            ended: ended_sender,
        };
        tokio::spawn(driver.run());
        Ok(Self {
            commands: Commands { queue, queued },
            next_track: AtomicU64::new(1),
            events,
            first_receiver: Mutex::new(Some(first_receiver)),
            ended,
        })
    }

    /// Tests, before a call, whether a call through the relay would work, on the host's network.
    ///
    /// The test connects to the relay, sets a session up, sends media through the relay and back to
    /// itself, and measures the path. It takes 5 s at most. Other participants of the room see a
    /// participant that joins and leaves.
    ///
    /// [`Summary::outcome`] is [`Completed`](crate::stats::Outcome::Completed) if a call would
    /// work; [`Summary::pre_call`] holds the measurements.
    ///
    /// # Errors
    ///
    /// The same as [`Call::connect`], except that a host without certificate authorities is
    /// reported in the summary. A relay that cannot be reached is reported there too.
    ///
    /// # Panics
    ///
    /// If it is called outside a tokio runtime.
    pub async fn pre_call_test(config: CallConfig) -> Result<Summary, ConnectError> {
        Self::pre_call_test_on(Arc::new(HostNetwork), config).await
    }

    /// Tests, before a call, whether a call through the relay would work, on a given network.
    ///
    /// Everything else is as in [`Call::pre_call_test`].
    ///
    /// # Errors
    ///
    /// The same as [`Call::pre_call_test`].
    ///
    /// # Panics
    ///
    /// If it is called outside a tokio runtime.
    pub async fn pre_call_test_on(
        network: Arc<dyn Network>,
        mut config: CallConfig,
    ) -> Result<Summary, ConnectError> {
        config.config.pre_call = Some(PreCallConfig::default());
        let test = Self::connect_on(network, config)?;
        let summary = test.ended().await;
        test.finished().await;
        Ok(summary)
    }

    /// Publishes a track. Frames can be sent on it at once, before the call is connected.
    ///
    /// # Errors
    ///
    /// If the track's name is invalid (see [`validate_name`]), or its retention or delivery is out
    /// of bounds. The error names the field. A track that the call refuses later is reported as
    /// [`Event::TrackRefused`]; after the end of the call, [`PublishedTrack::send`] fails.
    pub fn publish(&self, track: Track) -> Result<PublishedTrack, ConfigError> {
        track.validate()?;
        let id = self.mint_track();
        // After the end of the call, the first `send` on the track returns the error.
        let _ = self.input(Input::publish(id, track));
        Ok(PublishedTrack { id, commands: self.commands.clone(), overrun: Arc::default() })
    }

    /// Subscribes to a track of `participant`, which may join the room later.
    ///
    /// The call repeats the subscription for as long as the handle exists: after a recovery, and
    /// when the participant comes back. After the end of the call, the stream ends at once.
    ///
    /// # Errors
    ///
    /// If the name of the participant or of the track is invalid (see [`validate_name`]), or the
    /// track's retention or delivery is out of bounds. The error names the field.
    pub fn subscribe(
        &self,
        participant: &str,
        track: Track,
    ) -> Result<SubscribedTrack, ConfigError> {
        validate_name("participant", participant)?;
        track.validate()?;
        let id = self.mint_track();
        let (subscribed, frames) =
            SubscribedTrack::new(id, self.commands.clone(), &track.retention);
        // After the end of the call, `frames` is dropped here, which ends the stream.
        let _ = self.commands.send(Command::OpenTrack { track: id, frames });
        let _ = self.input(Input::subscribe(id, participant, track));
        Ok(subscribed)
    }

    /// A stream of the call's events, in order. It ends after [`Event::Ended`].
    ///
    /// The first stream begins with the call's first event, each further one with the next event.
    /// A stream holds up to 1024 unread events; if its reader falls further behind, the oldest are
    /// dropped.
    pub fn events(&self) -> Events {
        let mut first = self.first_receiver.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = first.take().unwrap_or_else(|| self.events.subscribe());
        let events = BroadcastStream::new(receiver)
            // An error says that this reader lags by more than the queue; the stream continues
            // with the oldest event that is left.
            .filter_map(|event| future::ready(event.ok()))
            .flat_map(|event| {
                let last = matches!(event, Event::Ended { .. });
                stream::iter([Some(event)].into_iter().chain(last.then_some(None)))
            })
            .take_while(|event| future::ready(event.is_some()))
            .filter_map(future::ready);
        Box::pin(events)
    }

    /// A snapshot of the call's counters. After the end of the call, it is the final one.
    pub async fn stats(&self) -> Stats {
        let (reply, stats) = oneshot::channel();
        if self.commands.send(Command::Stats(reply)).is_ok()
            && let Ok(stats) = stats.await
        {
            return stats;
        }
        self.ended().await.stats
    }

    /// Reports that the device which captures or plays a track does not work.
    ///
    /// The call emits [`Event::Notice`] with the code `MEDIA_DEVICE_ERROR` and continues. `detail`
    /// is for a developer.
    ///
    /// # Errors
    ///
    /// [`CallEnded`] if the call has ended.
    pub fn report_device_error(&self, track: TrackId, detail: &str) -> Result<(), CallEnded> {
        self.input(Input::MediaDeviceError { track, detail: detail.to_owned() })
    }

    /// Raises a safety alert: the call emits it as [`Event::SafetyAlert`] and keeps it in its
    /// record ([`CallRecord`](crate::stats::CallRecord)).
    ///
    /// # Errors
    ///
    /// [`CallEnded`] if the call has ended.
    pub fn raise_safety_alert(&self, detail: &str) -> Result<(), CallEnded> {
        self.input(Input::SafetyAlert { detail: detail.to_owned() })
    }

    /// Replaces the session with a fresh one, without an interruption, or starts the next attempt
    /// without waiting for its backoff. [`Event::SessionReplaced`] reports the former.
    ///
    /// # Errors
    ///
    /// [`CallEnded`] if the call has ended.
    pub fn reconnect_now(&self) -> Result<(), CallEnded> {
        self.input(Input::ReconnectNow)
    }

    /// Reports that the host's network has changed (another interface, another address).
    ///
    /// The call migrates its connection to a fresh socket at once, instead of waiting until the old
    /// path is silent.
    ///
    /// # Errors
    ///
    /// [`CallEnded`] if the call has ended.
    pub fn network_changed(&self) -> Result<(), CallEnded> {
        self.input(Input::NetworkChanged)
    }

    /// Waits until the call has ended, by itself or by [`Call::close`], and returns its summary.
    ///
    /// Never completes if the tokio runtime shuts down before the end of the call.
    pub async fn ended(&self) -> Summary {
        let mut ended = self.ended.clone();
        let summary = ended.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone());
        match summary {
            Some(summary) => summary,
            // The runtime is shutting down and has dropped the driver.
            None => future::pending().await,
        }
    }

    /// Closes the call and returns its summary.
    ///
    /// Waits until the journal is complete and the relay was informed, for 1 s at most.
    pub async fn close(self) -> Summary {
        let _ = self.input(Input::Close);
        let summary = self.ended().await;
        self.finished().await;
        summary
    }

    /// Waits until the driver has finished: the journal is complete and the connections are closed.
    async fn finished(&self) {
        // The driver drops its sender last of all; it closes the command queue earlier.
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    fn input(&self, input: Input) -> Result<(), CallEnded> {
        self.commands.send(Command::Input(input))
    }

    fn mint_track(&self) -> TrackId {
        TrackId(self.next_track.fetch_add(1, Ordering::Relaxed))
    }
}

fn draw_seed() -> Result<u64, ConnectError> {
    let mut seed = [0; 8];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut seed)
        .map_err(|_| ConnectError::Cryptography("no randomness".into()))?;
    Ok(u64::from_le_bytes(seed))
}
