//! The loop that waits for the next input or deadline, hands it to the core, and carries out the
//! core's outputs.
//!
//! The driver takes no decision. Its branches are about *how* an output is carried out; whether,
//! when and how often is decided by the core.

pub(crate) mod command;
pub(crate) mod frame_queue;
mod host_check;
pub(crate) mod relay_cache;
pub(crate) mod relay_table;
pub(crate) mod telemetry;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdline_core::credential::Token;
use holdline_core::error::Cause;
use holdline_core::id::{PublicationId, QueryId, SessionId, TrackId};
use holdline_core::stats::Summary;
use holdline_core::{Event, Input, Output, Supervisor};
use moq_transport::serve::ServeError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::driver::command::Command;
use crate::driver::relay_cache::RelayCache;
use crate::driver::relay_table::RelayTable;
use crate::driver::telemetry::Observer;
use crate::journal::Journal;
use crate::network::Network;
use crate::providers::Providers;
use crate::received_frame::ReceivedFrame;
use crate::session::dial::{Dialer, Established};
use crate::session::fetch::IncomingFetch;
use crate::session::publish::Publication;
use crate::session::{self, RelaySession};

/// The capacity of each queue that leads to the driver. A full queue holds back the tasks that read
/// from the network, and with them, by flow control, the relay.
const INPUT_QUEUE: usize = 1024;

/// One call on one network.
pub(crate) struct Driver {
    pub(crate) network: Arc<dyn Network>,
    pub(crate) dialer: Dialer,
    pub(crate) relays: RelayTable,
    pub(crate) providers: Providers,
    pub(crate) relay_cache: Option<RelayCache>,
    /// The number of certificate authorities that the dialer trusts.
    pub(crate) trust_roots: u32,
    pub(crate) supervisor: Supervisor,
    pub(crate) journal: Option<Journal>,
    pub(crate) observer: Observer,
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    /// The number of commands in the queue, which the handles use to bound it.
    pub(crate) queued: Arc<AtomicUsize>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) ended: watch::Sender<Option<Summary>>,
}

/// The result of a task that holds more than the core may see of it.
enum Arrival {
    Dialed(SessionId, Result<Box<Established>, Cause>),
    Relays(QueryId, Vec<String>),
    Fetch(Box<IncomingFetch>),
}

/// Everything that runs outside the core on the call's behalf.
struct Io {
    dials: BTreeMap<SessionId, JoinHandle<()>>,
    sessions: BTreeMap<SessionId, RelaySession>,
    /// Connections that are being closed.
    closing: JoinSet<()>,
    /// The queues of the tracks that the application subscribes to.
    frame_queues: BTreeMap<TrackId, frame_queue::Sender>,
    inputs: mpsc::Sender<Input>,
    arrivals: mpsc::Sender<Arrival>,
    fetches: mpsc::Sender<IncomingFetch>,
    /// Queries to the application's providers, and the check of the host.
    queries: JoinSet<()>,
    /// Inputs that the core has not handled yet.
    pending_inputs: VecDeque<Input>,
}

impl Driver {
    pub(crate) async fn run(mut self) {
        let (inputs, mut from_sessions) = mpsc::channel(INPUT_QUEUE);
        let (arrivals, mut from_tasks) = mpsc::channel(INPUT_QUEUE);
        let (fetches, mut from_subscribers) = mpsc::channel(INPUT_QUEUE);
        let mut io = Io {
            dials: BTreeMap::new(),
            sessions: BTreeMap::new(),
            closing: JoinSet::new(),
            frame_queues: BTreeMap::new(),
            inputs,
            arrivals,
            fetches,
            queries: JoinSet::new(),
            pending_inputs: VecDeque::from([Input::Connect]),
        };
        while self.handle_pending_inputs(&mut io) {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.on_command(command, &mut io),
                    // Every handle has been dropped, so nothing else can end the call any more.
                    None => io.pending_inputs.push_back(Input::Close),
                },
                Some(input) = from_sessions.recv() => io.on_input(input),
                Some(arrival) = next_arrival(&mut from_tasks, &mut from_subscribers) => {
                    self.on_arrival(arrival, &mut io);
                }
                () = wait_until(&*self.network, self.supervisor.deadline().map(|d| d.at)) => {
                    io.pending_inputs.push_back(Input::Tick);
                }
            }
        }
        // Sends on the handles fail from here on, not only after the connections are closed.
        self.commands.close();
        // The journal is complete on disk before `Call::close` returns.
        drop(self.journal.take());
        while io.closing.join_next().await.is_some() {}
    }

    /// Hands inputs to the core until none is left. Returns whether the call continues.
    fn handle_pending_inputs(&mut self, io: &mut Io) -> bool {
        while let Some(input) = io.pending_inputs.pop_front() {
            let now = self.network.now();
            if let Some(journal) = &mut self.journal {
                journal.input(now, &input);
            }
            self.supervisor.handle(now, input);
            while let Some(output) = self.supervisor.poll_output() {
                if let Some(journal) = &mut self.journal {
                    journal.output(&output);
                }
                self.carry_out(output, io);
            }
        }
        !self.supervisor.state().is_final()
    }

    fn on_command(&mut self, command: Command, io: &mut Io) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
        match command {
            Command::Input(input) => io.pending_inputs.push_back(input),
            Command::OpenTrack { track, frames } => {
                io.frame_queues.insert(track, frames);
            }
            Command::Stats(reply) => {
                let _ = reply.send(self.supervisor.stats());
            }
        }
    }

    fn on_arrival(&mut self, arrival: Arrival, io: &mut Io) {
        match arrival {
            Arrival::Dialed(session, dialed) => io.on_dialed(session, dialed),
            Arrival::Relays(query, relays) => {
                let relays = self.relays.insert_usable(relays);
                io.pending_inputs.push_back(Input::DirectoryAnswered { query, relays });
            }
            Arrival::Fetch(fetch) => {
                let requested = io.on_session(fetch.session, |it| it.on_fetch_requested(*fetch));
                io.pending_inputs.extend(requested);
            }
        }
    }

    fn carry_out(&mut self, output: Output, io: &mut Io) {
        match output {
            Output::Dial { session, relay, token } => self.dial(session, &relay, token, io),
            Output::QueryDirectory { query } => self.query_relays(query, io),
            Output::RememberDirectory { relays } => self.remember_relays(relays),
            Output::QueryCredential { query, relay } => self.query_credential(query, relay, io),
            Output::CheckHost => self.check_host(io),
            Output::CloseSession { session } => io.close(session),
            Output::ProbePath { session } => {
                let report = io.on_session(session, RelaySession::probe_path);
                io.pending_inputs.extend(report);
            }
            Output::Migrate { session } => {
                let network = Arc::clone(&self.network);
                io.on_session(session, |it| it.migrate(network));
            }
            Output::PublishTrack { session, publication, name, expedited } => {
                let published = io
                    .on_session(session, |it| it.publish_track(publication, name, expedited))
                    .unwrap_or(Ok(()));
                io.note_publication(publication, published);
            }
            Output::PublishNamespace { session, namespace, epoch } => {
                io.on_session(session, |it| it.publish_namespace(&namespace, epoch));
            }
            Output::SendObject { publication, object } => {
                io.on_publication(publication, |it| it.send(object));
            }
            Output::SendEndOfTrack { publication, location, number } => {
                io.on_publication(publication, |it| it.send_end_of_track(location, number));
            }
            Output::SubscribeNamespace { session, namespace_subscription, prefix } => {
                io.on_session(session, |it| {
                    it.subscribe_namespace(namespace_subscription, &prefix)
                });
            }
            Output::Subscribe { session, subscription, namespace, name } => {
                io.on_session(session, |it| it.subscribe(subscription, &namespace, name));
            }
            Output::Unsubscribe { subscription } => {
                io.sessions.values_mut().for_each(|it| it.unsubscribe(subscription));
            }
            Output::Fetch { session, fetch, namespace, name, first, last } => {
                io.on_session(session, |it| it.fetch(fetch, &namespace, (name, first, last)));
            }
            Output::CancelFetch { fetch } => {
                io.sessions.values_mut().for_each(|it| it.cancel_fetch(fetch));
            }
            Output::AcceptFetch { session, moq_request, last } => {
                io.on_session(session, |it| it.accept_fetch(moq_request, last));
            }
            Output::FetchObject { session, moq_request, object } => {
                io.on_session(session, |it| it.send_fetched_object(moq_request, object));
            }
            Output::EndFetch { session, moq_request } => {
                io.on_session(session, |it| it.end_fetch(moq_request));
            }
            Output::RefuseFetch { session, moq_request } => {
                io.on_session(session, |it| it.refuse_fetch(moq_request));
            }
            Output::Deliver { track, object, gap } => {
                if let Some(queue) = io.frame_queues.get(&track) {
                    queue.send(ReceivedFrame::new(object, gap));
                }
            }
            Output::CloseTrack { track } => {
                io.frame_queues.remove(&track);
            }
            Output::Event(event) => self.emit(event),
        }
    }

    fn dial(&self, session: SessionId, relay: &str, token: Option<Token>, io: &mut Io) {
        let Some(relay) = self.relays.get(relay).cloned() else {
            return;
        };
        let (dialer, arrivals) = (self.dialer.clone(), io.arrivals.clone());
        let dial = tokio::spawn(async move {
            let dialed = dialer.dial(&relay, token).await.map(Box::new);
            let _ = arrivals.send(Arrival::Dialed(session, dialed)).await;
        });
        io.dials.insert(session, dial);
    }

    fn query_relays(&self, query: QueryId, io: &mut Io) {
        let (providers, arrivals) = (self.providers.clone(), io.arrivals.clone());
        io.query(async move {
            let relays = providers.query_relays().await;
            let _ = arrivals.send(Arrival::Relays(query, relays)).await;
        });
    }

    fn remember_relays(&self, relays: Vec<String>) {
        if let Some(cache) = self.relay_cache.clone() {
            let answered_at = self.network.unix_millis();
            // Nothing depends on the file, so nothing waits for it.
            tokio::task::spawn_blocking(move || cache.store(relays, answered_at));
        }
    }

    fn query_credential(&self, query: QueryId, relay: String, io: &mut Io) {
        let (providers, inputs) = (self.providers.clone(), io.inputs.clone());
        io.query(async move {
            let _ = inputs.send(providers.query_credential(query, relay).await).await;
        });
    }

    fn check_host(&self, io: &mut Io) {
        let (network, trust_roots) = (Arc::clone(&self.network), self.trust_roots);
        let inputs = io.inputs.clone();
        io.query(async move {
            let _ = inputs.send(host_check::check(&*network, trust_roots).await).await;
        });
    }

    /// Emits an event to the logs, the metrics and the application.
    fn emit(&mut self, event: Event) {
        tracing::debug!(?event, "call");
        self.observer.observe(&event, self.supervisor.telemetry());
        if let Event::Ended { summary } = &event {
            self.ended.send_replace(Some((**summary).clone()));
        }
        // An application that reads no events is no error.
        let _ = self.events.send(event);
    }
}

impl Io {
    /// Runs `act` on a session. Returns `None` if the session is not up.
    fn on_session<T>(
        &mut self,
        session: SessionId,
        act: impl FnOnce(&mut RelaySession) -> T,
    ) -> Option<T> {
        self.sessions.get_mut(&session).map(act)
    }

    /// Runs `act` on a publication if the session that it belongs to is up.
    fn on_publication(
        &mut self,
        publication: PublicationId,
        act: impl FnOnce(&mut Publication) -> Result<(), ServeError>,
    ) {
        let found = self.sessions.values_mut().find_map(|it| it.publication(publication));
        if let Some(found) = found {
            let outcome = act(found);
            self.note_publication(publication, outcome);
        }
    }

    /// Reports a publication as ended if an operation on it failed.
    fn note_publication(&mut self, publication: PublicationId, outcome: Result<(), ServeError>) {
        if let Err(error) = outcome {
            tracing::debug!(%publication, %error, "a publication ended");
            self.pending_inputs.push_back(Input::PublicationEnded { publication });
        }
    }

    /// A dial has ended. If the core has abandoned it meanwhile, its connection is closed again.
    fn on_dialed(&mut self, session: SessionId, dialed: Result<Box<Established>, Cause>) {
        let wanted = self.dials.remove(&session).is_some();
        match dialed {
            Ok(up) if wanted => {
                let (inputs, fetches) = (self.inputs.clone(), self.fetches.clone());
                self.sessions.insert(session, RelaySession::start(session, *up, inputs, fetches));
                self.pending_inputs.push_back(Input::Connected { session });
            }
            Ok(up) => {
                self.closing
                    .spawn(async move { session::close(&up.connection, &up.endpoint).await });
            }
            Err(cause) => self.pending_inputs.push_back(Input::DialFailed { session, cause }),
        }
    }

    /// An input arrived from a session.
    fn on_input(&mut self, input: Input) {
        if let Input::FetchCancelled { session, moq_request: request } = &input {
            let request = *request;
            self.on_session(*session, |it| it.forget_fetch(request));
        }
        self.pending_inputs.push_back(input);
    }

    /// Starts a query to the application. The response may take any time, or never arrive.
    fn query(&mut self, query: impl Future<Output = ()> + Send + 'static) {
        while self.queries.try_join_next().is_some() {}
        self.queries.spawn(query);
    }

    /// Abandons a dial, or closes a session.
    fn close(&mut self, session: SessionId) {
        if let Some(dial) = self.dials.remove(&session) {
            dial.abort();
        }
        if let Some(session) = self.sessions.remove(&session) {
            self.closing.spawn(session.close());
        }
        while self.closing.try_join_next().is_some() {}
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        self.dials.values().for_each(JoinHandle::abort);
    }
}

/// Receives from both queues as one branch of the driver's select. Results of tasks come first.
async fn next_arrival(
    tasks: &mut mpsc::Receiver<Arrival>,
    subscribers: &mut mpsc::Receiver<IncomingFetch>,
) -> Option<Arrival> {
    tokio::select! {
        biased;
        Some(arrival) = tasks.recv() => Some(arrival),
        Some(fetch) = subscribers.recv() => Some(Arrival::Fetch(Box::new(fetch))),
        else => None,
    }
}

async fn wait_until(network: &dyn Network, at: Option<holdline_core::Timestamp>) {
    match at {
        Some(at) => tokio::time::sleep(at - network.now()).await,
        None => futures::future::pending().await,
    }
}
