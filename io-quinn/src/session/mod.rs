//! A MoQ session with a relay, and the tasks that run on it.

mod congestion;
pub(crate) mod dial;
mod error_mapping;
mod extension_headers;
pub(crate) mod fetch;
pub(crate) mod publish;
mod subscribe;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdline_core::Input;
use holdline_core::id::{
    FetchId, NamespaceSubscriptionId, PublicationId, SessionId, SubscriptionId,
};
use holdline_core::media::{Location, Object};
use moq_transport::coding::{TrackNamespace, TrackNamespacePrefix, TupleField};
use moq_transport::serve::{self, ServeError};
use moq_transport::session::{Publisher, Session, Subscriber};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::network::Network;
use crate::session::dial::{Established, RECEIVE_WINDOW};
use crate::session::fetch::{FetchRange, IncomingFetch, ResponsePart};
use crate::session::publish::{Publication, ServedTracks};

/// How long a closed connection may take to inform its relay and to drain.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A session that is up. Dropping it ends every task that runs on it.
pub(crate) struct RelaySession {
    id: SessionId,
    endpoint: quinn::Endpoint,
    connection: quinn::Connection,
    publisher: Publisher,
    subscriber: Subscriber,
    served_tracks: watch::Sender<ServedTracks>,
    publications: BTreeMap<PublicationId, Publication>,
    subscriptions: BTreeMap<SubscriptionId, AbortHandle>,
    /// FETCHes that we have sent.
    fetches: BTreeMap<FetchId, AbortHandle>,
    /// FETCHes that the core has neither accepted nor refused yet, by Request ID.
    incoming_fetches: BTreeMap<u64, IncomingFetch>,
    /// Responses that are being sent, by the Request ID of their FETCH.
    fetch_responses: BTreeMap<u64, mpsc::UnboundedSender<ResponsePart>>,
    tasks: JoinSet<()>,
    /// The connection's receive window, in bytes.
    receive_window: u64,
    inputs: mpsc::Sender<Input>,
}

impl RelaySession {
    pub(crate) fn start(
        id: SessionId,
        up: Established,
        inputs: mpsc::Sender<Input>,
        fetches: mpsc::Sender<IncomingFetch>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(run(id, up.connection.clone(), up.session, inputs.clone()));
        tasks.spawn(fetch::receive_requests(up.publisher.clone(), id, fetches));
        Self {
            id,
            endpoint: up.endpoint,
            connection: up.connection,
            publisher: up.publisher,
            subscriber: up.subscriber,
            served_tracks: watch::Sender::default(),
            publications: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            fetches: BTreeMap::new(),
            incoming_fetches: BTreeMap::new(),
            fetch_responses: BTreeMap::new(),
            tasks,
            receive_window: RECEIVE_WINDOW.into(),
            inputs,
        }
    }

    /// Reports the path's counters, and sends a frame that the relay must acknowledge: a wider
    /// receive window, because quinn has no way to send a PING.
    pub(crate) fn probe_path(&mut self) -> Input {
        self.receive_window = self.receive_window.saturating_add(1);
        if let Ok(window) = quinn::VarInt::from_u64(self.receive_window) {
            self.connection.set_receive_window(window);
        }
        let stats = self.connection.stats();
        Input::PathReport {
            session: self.id,
            received: stats.udp_rx.datagrams,
            acknowledged: congestion::acknowledged(&self.connection),
            rtt_micros: u64::try_from(stats.path.rtt.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Moves the connection to a fresh local socket.
    pub(crate) fn migrate(&mut self, network: Arc<dyn Network>) {
        let (endpoint, connection) = (self.endpoint.clone(), self.connection.clone());
        self.tasks.spawn(async move {
            let moved = match network.bind(connection.remote_address()).await {
                Ok(socket) => {
                    congestion::before_migration(&connection);
                    endpoint.rebind_abstract(socket)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = moved {
                tracing::debug!(%error, "the connection stays on its socket");
            }
        });
    }

    pub(crate) fn publish_track(
        &mut self,
        id: PublicationId,
        name: String,
        expedited: bool,
    ) -> Result<(), ServeError> {
        // moq-transport only logs the namespace of a local track; a SUBSCRIBE carries its own.
        let (writer, reader) = serve::Track::new(TrackNamespace::new(), name.clone()).produce();
        let groups = writer.subgroups()?;
        self.publications.insert(id, Publication::new(groups, expedited));
        self.served_tracks.send_modify(|tracks| {
            let tracks = Arc::make_mut(tracks);
            tracks.retain(|(other, _)| *other != name);
            tracks.push((name, reader));
        });
        Ok(())
    }

    pub(crate) fn publish_namespace(&mut self, fields: &[String], epoch: u64) {
        self.tasks.spawn(publish::serve_namespace(
            self.publisher.clone(),
            TrackNamespace { fields: tuple(fields) },
            self.served_tracks.subscribe(),
            (self.id, epoch),
            self.inputs.clone(),
        ));
    }

    /// The publication, if it belongs to this session.
    pub(crate) fn publication(&mut self, id: PublicationId) -> Option<&mut Publication> {
        self.publications.get_mut(&id)
    }

    pub(crate) fn subscribe_namespace(
        &mut self,
        watch: NamespaceSubscriptionId,
        prefix: &[String],
    ) {
        self.tasks.spawn(subscribe::subscribe_namespace(
            self.subscriber.clone(),
            TrackNamespacePrefix { fields: tuple(prefix) },
            watch,
            self.inputs.clone(),
        ));
    }

    pub(crate) fn subscribe(&mut self, id: SubscriptionId, namespace: &[String], name: String) {
        let task = self.tasks.spawn(subscribe::subscribe(
            self.subscriber.clone(),
            TrackNamespace { fields: tuple(namespace) },
            name,
            id,
            self.inputs.clone(),
        ));
        self.subscriptions.retain(|_, task| !task.is_finished());
        self.subscriptions.insert(id, task);
    }

    /// Ends a subscription if it belongs to this session.
    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId) {
        if let Some(task) = self.subscriptions.remove(&id) {
            task.abort();
        }
    }

    /// Sends a FETCH for the objects of a track from the first to the last location.
    pub(crate) fn fetch(
        &mut self,
        id: FetchId,
        namespace: &[String],
        range: (String, Location, Location),
    ) {
        let (name, first, last) = range;
        let namespace = TrackNamespace { fields: tuple(namespace) };
        let range = FetchRange { namespace, name, first, last };
        let task =
            self.tasks.spawn(fetch::fetch(self.subscriber.clone(), range, id, self.inputs.clone()));
        self.fetches.retain(|_, task| !task.is_finished());
        self.fetches.insert(id, task);
    }

    /// Cancels a FETCH of ours if it belongs to this session.
    pub(crate) fn cancel_fetch(&mut self, id: FetchId) {
        if let Some(task) = self.fetches.remove(&id) {
            task.abort();
        }
    }

    /// Holds a FETCH from a subscriber until the core accepts or refuses it.
    pub(crate) fn on_fetch_requested(&mut self, fetch: IncomingFetch) -> Input {
        let input = fetch.input();
        self.incoming_fetches.insert(fetch.request.id(), fetch);
        input
    }

    pub(crate) fn accept_fetch(&mut self, request: u64, last: Option<Location>) {
        if let Some(fetch) = self.incoming_fetches.remove(&request) {
            let (parts, from_driver) = mpsc::unbounded_channel();
            self.fetch_responses.insert(request, parts);
            self.tasks.spawn(fetch::respond(fetch, last, from_driver, self.inputs.clone()));
        }
    }

    /// Sends an object in the response to a FETCH. The core bounds how many objects it hands out
    /// ahead, so the unbounded channel stays short.
    pub(crate) fn send_fetched_object(&self, request: u64, object: Object) {
        if let Some(response) = self.fetch_responses.get(&request) {
            // The channel is closed when the subscriber has cancelled, which is reported elsewhere.
            let _ = response.send(ResponsePart::Object(object));
        }
    }

    pub(crate) fn end_fetch(&mut self, request: u64) {
        if let Some(response) = self.fetch_responses.remove(&request) {
            let _ = response.send(ResponsePart::End);
        }
    }

    pub(crate) fn refuse_fetch(&mut self, request: u64) {
        if let Some(fetch) = self.incoming_fetches.remove(&request) {
            fetch.refuse();
        }
    }

    /// Drops a FETCH that its subscriber has cancelled.
    pub(crate) fn forget_fetch(&mut self, request: u64) {
        self.incoming_fetches.remove(&request);
        self.fetch_responses.remove(&request);
    }

    /// Ends the tasks and closes the connection.
    pub(crate) async fn close(mut self) {
        self.tasks.shutdown().await;
        close(&self.connection, &self.endpoint).await;
    }
}

/// Closes a connection that no task uses, and waits until the relay was informed or cannot be.
pub(crate) async fn close(connection: &quinn::Connection, endpoint: &quinn::Endpoint) {
    connection.close(0_u32.into(), b"");
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, endpoint.wait_idle()).await;
}

/// Drives a session until it ends, and reports why it ended.
async fn run(
    id: SessionId,
    connection: quinn::Connection,
    session: Session,
    inputs: mpsc::Sender<Input>,
) {
    let cause = tokio::select! {
        ended = session.run() => match ended {
            Ok(()) => error_mapping::session_cause(&connection, &"the session ended"),
            Err(error) => error_mapping::session_cause(&connection, &error),
        },
        reason = connection.closed() => error_mapping::connection_cause(&reason),
    };
    let _ = inputs.send(Input::SessionClosed { session: id, cause }).await;
}

fn tuple(fields: &[String]) -> Vec<TupleField> {
    fields.iter().map(|field| TupleField { value: field.clone().into_bytes() }).collect()
}
