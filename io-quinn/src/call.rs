//! The call, as a runtime embeds it.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, StreamExt as _, future, stream};
use holdline_core::{
    Config, ConfigError, Event, Input, PreCallConfig, RememberedRelays, Stats, Summary, Supervisor,
    Track, TrackId, validate_name,
};
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

/// How many events may wait for a listener. The oldest are dropped.
const EVENT_QUEUE: usize = 1024;

/// A live call. It and its tracks stay valid through any number of recoveries.
///
/// Dropping every handle of a call closes it.
#[derive(Debug)]
pub struct Call {
    commands: Commands,
    next_track: AtomicU64,
    events: broadcast::Sender<Event>,
    /// Held from the start, so that the first listener misses nothing.
    first_receiver: Mutex<Option<broadcast::Receiver<Event>>>,
    ended: watch::Receiver<Option<Summary>>,
}

/// What happens to a call, as it happens.
pub type Events = Pin<Box<dyn Stream<Item = Event> + Send>>;

impl Call {
    /// Starts a call on the host's network and returns at once: everything asked of it before it
    /// is connected is carried out once it is.
    ///
    /// # Errors
    ///
    /// If the configuration cannot work. A relay that cannot be reached is no error here: the call
    /// itself deals with it, and says so in its events.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn connect(config: CallConfig) -> Result<Self, ConnectError> {
        Self::connect_on(Arc::new(HostNetwork), config)
    }

    /// Likewise, on a network of your own.
    ///
    /// # Errors
    ///
    /// See [`Call::connect`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
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
            // It is what a test is to find out.
            Err(TrustError::Host(_)) if is_test => Trust::nobody(),
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

    /// The test before a call, on the host's network: reaches the relay, sets a session up, sends
    /// media through it and back, and says what works, within 5 s. Other participants of the room
    /// see somebody come and go.
    ///
    /// The outcome of the summary says whether it has held; [`Summary::pre_call`] what was measured.
    ///
    /// # Errors
    ///
    /// See [`Call::connect`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn test(config: CallConfig) -> Result<Summary, ConnectError> {
        Self::test_on(Arc::new(HostNetwork), config).await
    }

    /// Likewise, on a network of your own.
    ///
    /// # Errors
    ///
    /// See [`Call::connect`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn test_on(
        network: Arc<dyn Network>,
        mut config: CallConfig,
    ) -> Result<Summary, ConnectError> {
        config.config.pre_call = Some(PreCallConfig::default());
        let test = Self::connect_on(network, config)?;
        let summary = test.ended().await;
        test.finished().await;
        Ok(summary)
    }

    /// Publishes a track. Frames may be sent on it at once.
    ///
    /// # Errors
    ///
    /// If its name cannot be a track's, or what it is to keep cannot work.
    pub fn publish(&self, track: Track) -> Result<PublishedTrack, ConfigError> {
        track.validate()?;
        let id = self.mint_track();
        // A call that has ended says so at the first frame.
        let _ = self.input(Input::publish(id, track));
        Ok(PublishedTrack { id, commands: self.commands.clone(), overrun: Arc::default() })
    }

    /// Listens to a track of `participant`, who need not be there yet.
    ///
    /// # Errors
    ///
    /// If the names cannot be a participant's and a track's, or how it is to be delivered cannot work.
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
        // If the call has ended, `frames` is dropped and the stream ends at once.
        let _ = self.commands.send(Command::OpenTrack { track: id, frames });
        let _ = self.input(Input::subscribe(id, participant, track));
        Ok(subscribed)
    }

    /// What happens to the call. The first listener hears everything from the start, later ones
    /// from now on; the stream ends after [`Event::Ended`].
    pub fn events(&self) -> Events {
        let mut first = self.first_receiver.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = first.take().unwrap_or_else(|| self.events.subscribe());
        let events = BroadcastStream::new(receiver)
            // A listener that lags by more than the queue has missed events; it goes on with the
            // oldest that is left.
            .filter_map(|event| future::ready(event.ok()))
            .flat_map(|event| {
                let last = matches!(event, Event::Ended { .. });
                stream::iter([Some(event)].into_iter().chain(last.then_some(None)))
            })
            .take_while(|event| future::ready(event.is_some()))
            .filter_map(future::ready);
        Box::pin(events)
    }

    /// A snapshot of the call's counters; after its end, the last one.
    pub async fn stats(&self) -> Stats {
        let (reply, stats) = oneshot::channel();
        if self.commands.send(Command::Stats(reply)).is_ok()
            && let Ok(stats) = stats.await
        {
            return stats;
        }
        self.ended().await.stats
    }

    /// Says that a track cannot be captured or played; the user is told what to do about it.
    ///
    /// # Errors
    ///
    /// Only when the call has ended.
    pub fn report_device_error(&self, track: TrackId, detail: &str) -> Result<(), CallEnded> {
        self.input(Input::MediaDeviceError { track, detail: detail.to_owned() })
    }

    /// Raises a safety alert: it is an event, and in the record of the call.
    ///
    /// # Errors
    ///
    /// Only when the call has ended.
    pub fn raise_safety_alert(&self, detail: &str) -> Result<(), CallEnded> {
        self.input(Input::SafetyAlert { detail: detail.to_owned() })
    }

    /// Makes a fresh session now, or takes the next attempt without its pause.
    ///
    /// # Errors
    ///
    /// Only when the call has ended.
    pub fn reconnect_now(&self) -> Result<(), CallEnded> {
        self.input(Input::ReconnectNow)
    }

    /// Says that the host's network changed (another interface, another address): the call moves to
    /// it at once instead of waiting for the old path to fall silent.
    ///
    /// # Errors
    ///
    /// Only when the call has ended.
    pub fn network_changed(&self) -> Result<(), CallEnded> {
        self.input(Input::NetworkChanged)
    }

    /// Waits until the call has ended, by itself or by [`Call::close`].
    pub async fn ended(&self) -> Summary {
        let mut ended = self.ended.clone();
        let summary = ended.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone());
        match summary {
            Some(summary) => summary,
            // The runtime is shutting down and has dropped the driver.
            None => future::pending().await,
        }
    }

    /// Ends the call, says goodbye to the relay, and returns what is left of it.
    pub async fn close(self) -> Summary {
        let _ = self.input(Input::Close);
        let summary = self.ended().await;
        self.finished().await;
        summary
    }

    /// Waits until nothing is left to do: the journal is complete and the relay was told.
    async fn finished(&self) {
        // The driver drops its end of this last of all. Its end of the commands is closed earlier.
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
