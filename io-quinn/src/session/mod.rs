//! A session on the wire, and what runs on it.

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

use holdline_core::{
    FetchId, Input, Location, Object, PublicationId, SessionId, SubscriptionId, WatchId,
};
use moq_transport::coding::{TrackNamespace, TrackNamespacePrefix, TupleField};
use moq_transport::serve::{ServeError, Track};
use moq_transport::session::{Publisher, Session, Subscriber};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::network::Network;
use crate::session::dial::{Established, RECEIVE_WINDOW};
use crate::session::fetch::{IncomingFetch, Part, Range};
use crate::session::publish::{Catalogue, Publication};

/// How long a closed connection may take to say so to its relay.
const FAREWELL: Duration = Duration::from_secs(1);

/// A session that is up. Dropping it ends everything that runs on it.
pub(crate) struct Link {
    id: SessionId,
    endpoint: quinn::Endpoint,
    connection: quinn::Connection,
    publisher: Publisher,
    subscriber: Subscriber,
    catalogue: watch::Sender<Catalogue>,
    publications: BTreeMap<PublicationId, Publication>,
    subscriptions: BTreeMap<SubscriptionId, AbortHandle>,
    /// What we have asked for.
    fetches: BTreeMap<FetchId, AbortHandle>,
    /// What we were asked for, by its Request ID: not answered yet, and being answered.
    asked: BTreeMap<u64, IncomingFetch>,
    answers: BTreeMap<u64, mpsc::UnboundedSender<Part>>,
    tasks: JoinSet<()>,
    /// The connection's receive window, in bytes.
    window: u64,
    inputs: mpsc::Sender<Input>,
}

impl Link {
    pub(crate) fn start(
        id: SessionId,
        up: Established,
        inputs: mpsc::Sender<Input>,
        fetches: mpsc::Sender<IncomingFetch>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(run(id, up.connection.clone(), up.session, inputs.clone()));
        tasks.spawn(fetch::listen(up.publisher.clone(), id, fetches));
        Self {
            id,
            endpoint: up.endpoint,
            connection: up.connection,
            publisher: up.publisher,
            subscriber: up.subscriber,
            catalogue: watch::Sender::default(),
            publications: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            fetches: BTreeMap::new(),
            asked: BTreeMap::new(),
            answers: BTreeMap::new(),
            tasks,
            window: RECEIVE_WINDOW.into(),
            inputs,
        }
    }

    /// What the path's counters say. Also sends something that must be acknowledged: a wider
    /// receive window, because QUIC implementations offer no ping of their own (quinn has none).
    pub(crate) fn probe_path(&mut self) -> Input {
        self.window = self.window.saturating_add(1);
        if let Ok(window) = quinn::VarInt::from_u64(self.window) {
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
                    congestion::moves(&connection);
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
        // The namespace of a local track is only ever logged; subscribers name their own.
        let (writer, reader) = Track::new(TrackNamespace::new(), name.clone()).produce();
        let groups = writer.subgroups()?;
        self.publications.insert(id, Publication::new(groups, expedited));
        self.catalogue.send_modify(|catalogue| {
            let catalogue = Arc::make_mut(catalogue);
            catalogue.retain(|(other, _)| *other != name);
            catalogue.push((name, reader));
        });
        Ok(())
    }

    pub(crate) fn publish_namespace(&mut self, fields: &[String], epoch: u64) {
        self.tasks.spawn(publish::serve_namespace(
            self.publisher.clone(),
            TrackNamespace { fields: tuple(fields) },
            self.catalogue.subscribe(),
            (self.id, epoch),
            self.inputs.clone(),
        ));
    }

    /// The publication, if it is on this link.
    pub(crate) fn publication(&mut self, id: PublicationId) -> Option<&mut Publication> {
        self.publications.get_mut(&id)
    }

    pub(crate) fn watch(&mut self, watch: WatchId, prefix: &[String]) {
        self.tasks.spawn(subscribe::watch(
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

    /// Ends a subscription if it is on this link.
    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId) {
        if let Some(task) = self.subscriptions.remove(&id) {
            task.abort();
        }
    }

    pub(crate) fn fetch(
        &mut self,
        id: FetchId,
        namespace: &[String],
        range: (String, Location, Location),
    ) {
        let (name, first, last) = range;
        let namespace = TrackNamespace { fields: tuple(namespace) };
        let range = Range { namespace, name, first, last };
        let task =
            self.tasks.spawn(fetch::ask(self.subscriber.clone(), range, id, self.inputs.clone()));
        self.fetches.retain(|_, task| !task.is_finished());
        self.fetches.insert(id, task);
    }

    /// Gives up a FETCH if it is on this link.
    pub(crate) fn cancel_fetch(&mut self, id: FetchId) {
        if let Some(task) = self.fetches.remove(&id) {
            task.abort();
        }
    }

    /// Somebody asks for something.
    pub(crate) fn asked(&mut self, asked: IncomingFetch) -> Input {
        let input = asked.input();
        self.asked.insert(asked.request.id(), asked);
        input
    }

    pub(crate) fn accept_fetch(&mut self, request: u64, last: Option<Location>) {
        if let Some(asked) = self.asked.remove(&request) {
            let (parts, from_driver) = mpsc::unbounded_channel();
            self.answers.insert(request, parts);
            self.tasks.spawn(fetch::answer(asked, last, from_driver, self.inputs.clone()));
        }
    }

    /// What goes into an answer is bounded by the core: nothing piles up here that was not to be said.
    pub(crate) fn fetch_object(&self, request: u64, object: Object) {
        if let Some(answer) = self.answers.get(&request) {
            // Whoever does not want it any more says so.
            let _ = answer.send(Part::Object(object));
        }
    }

    pub(crate) fn end_fetch(&mut self, request: u64) {
        if let Some(answer) = self.answers.remove(&request) {
            let _ = answer.send(Part::End);
        }
    }

    pub(crate) fn refuse_fetch(&mut self, request: u64) {
        if let Some(asked) = self.asked.remove(&request) {
            asked.refuse();
        }
    }

    /// A listener does not want an answer any more.
    pub(crate) fn forget_fetch(&mut self, request: u64) {
        self.asked.remove(&request);
        self.answers.remove(&request);
    }

    /// Closes the session, and waits until the relay was told or cannot be.
    pub(crate) async fn close(mut self) {
        self.tasks.shutdown().await;
        farewell(&self.connection, &self.endpoint).await;
    }
}

/// Closes a connection that nothing runs on.
pub(crate) async fn farewell(connection: &quinn::Connection, endpoint: &quinn::Endpoint) {
    connection.close(0_u32.into(), b"");
    let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
}

/// Keeps a session going until it ends, and says why it did.
async fn run(
    id: SessionId,
    connection: quinn::Connection,
    session: Session,
    inputs: mpsc::Sender<Input>,
) {
    let cause = tokio::select! {
        ended = session.run() => match ended {
            Ok(()) => error_mapping::of_session(&connection, &"the session ended"),
            Err(error) => error_mapping::of_session(&connection, &error),
        },
        reason = connection.closed() => error_mapping::of_connection(&reason),
    };
    let _ = inputs.send(Input::SessionClosed { session: id, cause }).await;
}

fn tuple(fields: &[String]) -> Vec<TupleField> {
    fields.iter().map(|field| TupleField { value: field.clone().into_bytes() }).collect()
}
