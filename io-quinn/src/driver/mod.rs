//! The loop: wait for the next input or deadline, tell the core, carry out what it says.
//!
//! No decision is taken here. Every branch is about *how* an output is carried out; whether, when
//! and how often is the core's.

pub(crate) mod command;
pub(crate) mod frame_queue;
mod host_check;
pub(crate) mod relay_cache;
pub(crate) mod relay_table;
pub(crate) mod telemetry;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdline_core::{
    Cause, Event, Input, Output, PublicationId, RequestId, SessionId, Summary, Supervisor, Token,
    TrackId,
};
use moq_transport::serve::ServeError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::driver::command::Command;
use crate::driver::relay_cache::RelayCache;
use crate::driver::relay_table::RelayBook;
use crate::driver::telemetry::Observer;
use crate::journal::Journal;
use crate::network::Network;
use crate::providers::Providers;
use crate::received_frame::ReceivedFrame;
use crate::session::dial::{Dialer, Established};
use crate::session::fetch::IncomingFetch;
use crate::session::publish::Publication;
use crate::session::{Link, farewell};

/// How many inputs may wait for the driver. A full queue holds back the tasks that read from the
/// network, and with them, by flow control, the relay.
const INPUT_QUEUE: usize = 1024;

/// One call on one network.
pub(crate) struct Driver {
    pub(crate) network: Arc<dyn Network>,
    pub(crate) dialer: Dialer,
    pub(crate) relays: RelayBook,
    pub(crate) providers: Providers,
    pub(crate) relay_cache: Option<RelayCache>,
    /// How many authorities the dialer believes.
    pub(crate) trust_roots: u32,
    pub(crate) supervisor: Supervisor,
    pub(crate) journal: Option<Journal>,
    pub(crate) observer: Observer,
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    /// How many commands are waiting, so that handles can bound them.
    pub(crate) waiting: Arc<AtomicUsize>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) ended: watch::Sender<Option<Summary>>,
}

/// What comes with more than the core is to know of it.
enum Arrival {
    Dialed(SessionId, Result<Box<Established>, Cause>),
    Relays(RequestId, Vec<String>),
    Fetch(Box<IncomingFetch>),
}

/// What is going on in the world on the call's behalf.
struct World {
    dials: BTreeMap<SessionId, JoinHandle<()>>,
    links: BTreeMap<SessionId, Link>,
    farewells: JoinSet<()>,
    streams: BTreeMap<TrackId, frame_queue::Sender>,
    inputs: mpsc::Sender<Input>,
    arrivals: mpsc::Sender<Arrival>,
    fetches: mpsc::Sender<IncomingFetch>,
    questions: JoinSet<()>,
    /// Inputs that carrying out an output brought at once.
    answers: VecDeque<Input>,
}

impl Driver {
    pub(crate) async fn run(mut self) {
        let (inputs, mut from_links) = mpsc::channel(INPUT_QUEUE);
        let (arrivals, mut from_afar) = mpsc::channel(INPUT_QUEUE);
        let (fetches, mut from_listeners) = mpsc::channel(INPUT_QUEUE);
        let mut world = World {
            dials: BTreeMap::new(),
            links: BTreeMap::new(),
            farewells: JoinSet::new(),
            streams: BTreeMap::new(),
            inputs,
            arrivals,
            fetches,
            questions: JoinSet::new(),
            answers: VecDeque::new(),
        };
        world.answers.push_back(Input::Connect);
        while self.settle(&mut world) {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command, &mut world),
                    // Every handle is gone: nobody can end the call any more.
                    None => world.answers.push_back(Input::Close),
                },
                Some(input) = from_links.recv() => world.came(input),
                Some(arrival) = next_arrival(&mut from_afar, &mut from_listeners) => self.arrived(arrival, &mut world),
                () = wait_until(&*self.network, self.supervisor.deadline().map(|d| d.at)) => {
                    world.answers.push_back(Input::Tick);
                }
            }
        }
        // Who sends is told at once that nobody takes it, not when the goodbyes are over.
        self.commands.close();
        // Complete on disk before anybody hears that the call is over for good.
        drop(self.journal.take());
        while world.farewells.join_next().await.is_some() {}
    }

    /// Tells the core what there is to tell until nothing is left; whether the call goes on.
    fn settle(&mut self, world: &mut World) -> bool {
        while let Some(input) = world.answers.pop_front() {
            let now = self.network.now();
            if let Some(journal) = &mut self.journal {
                journal.input(now, &input);
            }
            self.supervisor.handle(now, input);
            while let Some(output) = self.supervisor.poll_output() {
                if let Some(journal) = &mut self.journal {
                    journal.output(&output);
                }
                self.carry_out(output, world);
            }
        }
        !self.supervisor.state().is_final()
    }

    fn obey(&mut self, command: Command, world: &mut World) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        match command {
            Command::Tell(input) => world.answers.push_back(input),
            Command::Listen { track, frames } => {
                world.streams.insert(track, frames);
            }
            Command::Stats(reply) => {
                let _ = reply.send(self.supervisor.stats());
            }
        }
    }

    fn carry_out(&mut self, output: Output, world: &mut World) {
        match output {
            Output::Dial { session, relay, token } => self.dial(session, &relay, token, world),
            Output::AskDirectory { request } => {
                let (providers, arrivals) = (self.providers.clone(), world.arrivals.clone());
                world.ask(async move {
                    let relays = providers.ask_relays().await;
                    let _ = arrivals.send(Arrival::Relays(request, relays)).await;
                });
            }
            Output::RememberDirectory { relays } => {
                if let Some(cache) = self.relay_cache.clone() {
                    let answered_at = self.network.unix_millis();
                    // Not waited for: nothing depends on it.
                    tokio::task::spawn_blocking(move || cache.store(relays, answered_at));
                }
            }
            Output::AskCredential { request, relay } => {
                let (providers, inputs) = (self.providers.clone(), world.inputs.clone());
                world.ask(async move {
                    let _ = inputs.send(providers.ask_credential(request, relay).await).await;
                });
            }
            Output::CheckHost => {
                let (network, trust_roots) = (Arc::clone(&self.network), self.trust_roots);
                let inputs = world.inputs.clone();
                world.ask(async move {
                    let _ = inputs.send(host_check::check(&*network, trust_roots).await).await;
                });
            }
            Output::CloseSession { session } => world.close(session),
            Output::ProbePath { session } => {
                if let Some(link) = world.links.get_mut(&session) {
                    world.answers.push_back(link.probe_path());
                }
            }
            Output::Migrate { session } => {
                if let Some(link) = world.links.get_mut(&session) {
                    link.migrate(Arc::clone(&self.network));
                }
            }
            Output::PublishTrack { session, publication, name, expedited } => {
                if let Some(link) = world.links.get_mut(&session) {
                    let outcome = link.publish_track(publication, name, expedited);
                    world.note(publication, outcome);
                }
            }
            Output::PublishNamespace { session, namespace, epoch } => {
                if let Some(link) = world.links.get_mut(&session) {
                    link.publish_namespace(&namespace, epoch);
                }
            }
            Output::SendObject { publication, object } => {
                world.write(publication, |track| track.send(object));
            }
            Output::SendEndOfTrack { publication, location, number } => {
                world.write(publication, |track| track.send_end_of_track(location, number));
            }
            Output::Watch { session, watch, prefix } => {
                if let Some(link) = world.links.get_mut(&session) {
                    link.watch(watch, &prefix);
                }
            }
            Output::Subscribe { session, subscription, namespace, name } => {
                if let Some(link) = world.links.get_mut(&session) {
                    link.subscribe(subscription, &namespace, name);
                }
            }
            Output::Unsubscribe { subscription } => {
                world.links.values_mut().for_each(|link| link.unsubscribe(subscription));
            }
            Output::Fetch { session, fetch, namespace, name, first, last } => {
                if let Some(link) = world.links.get_mut(&session) {
                    link.fetch(fetch, &namespace, (name, first, last));
                }
            }
            Output::CancelFetch { fetch } => {
                world.links.values_mut().for_each(|link| link.cancel_fetch(fetch));
            }
            Output::AcceptFetch { session, request, last } => {
                if let Some(link) = world.links.get_mut(&session) {
                    link.accept_fetch(request, last);
                }
            }
            Output::FetchObject { session, request, object } => {
                if let Some(link) = world.links.get_mut(&session) {
                    link.fetch_object(request, object);
                }
            }
            Output::EndFetch { session, request } => {
                if let Some(link) = world.links.get_mut(&session) {
                    link.end_fetch(request);
                }
            }
            Output::RefuseFetch { session, request } => {
                if let Some(link) = world.links.get_mut(&session) {
                    link.refuse_fetch(request);
                }
            }
            Output::Deliver { track, object, gap } => {
                if let Some(stream) = world.streams.get(&track) {
                    stream.send(ReceivedFrame::new(object, gap));
                }
            }
            Output::CloseTrack { track } => {
                world.streams.remove(&track);
            }
            Output::Event(event) => {
                tracing::debug!(?event, "call");
                self.observer.observe(&event, self.supervisor.telemetry());
                if let Event::Ended { summary } = &event {
                    self.ended.send_replace(Some((**summary).clone()));
                }
                // Nobody listening is no fault.
                let _ = self.events.send(event);
            }
        }
    }

    fn dial(&self, session: SessionId, relay: &str, token: Option<Token>, world: &mut World) {
        let Some(relay) = self.relays.get(relay).cloned() else {
            return;
        };
        let (dialer, arrivals) = (self.dialer.clone(), world.arrivals.clone());
        let dial = tokio::spawn(async move {
            let dialed = dialer.dial(&relay, token).await.map(Box::new);
            let _ = arrivals.send(Arrival::Dialed(session, dialed)).await;
        });
        world.dials.insert(session, dial);
    }

    fn arrived(&mut self, arrival: Arrival, world: &mut World) {
        match arrival {
            Arrival::Dialed(session, dialed) => world.dialed(session, dialed),
            Arrival::Relays(request, relays) => {
                let relays = self.relays.enter_usable(relays);
                world.answers.push_back(Input::DirectoryAnswered { request, relays });
            }
            Arrival::Fetch(asked) => {
                if let Some(link) = world.links.get_mut(&asked.session) {
                    world.answers.push_back(link.asked(*asked));
                }
            }
        }
    }
}

impl World {
    /// A dial has ended. One that was given up meanwhile is closed again.
    fn dialed(&mut self, session: SessionId, dialed: Result<Box<Established>, Cause>) {
        let wanted = self.dials.remove(&session).is_some();
        match dialed {
            Ok(up) if wanted => {
                self.links.insert(
                    session,
                    Link::start(session, *up, self.inputs.clone(), self.fetches.clone()),
                );
                self.answers.push_back(Input::Connected { session });
            }
            Ok(up) => {
                self.farewells.spawn(async move { farewell(&up.connection, &up.endpoint).await });
            }
            Err(cause) => self.answers.push_back(Input::DialFailed { session, cause }),
        }
    }

    /// Something came from a session.
    fn came(&mut self, input: Input) {
        if let Input::FetchCancelled { session, request } = &input
            && let Some(link) = self.links.get_mut(session)
        {
            link.forget_fetch(*request);
        }
        self.answers.push_back(input);
    }

    /// Asks the application something. Its answer comes in its own time, or never.
    fn ask(&mut self, question: impl Future<Output = ()> + Send + 'static) {
        while self.questions.try_join_next().is_some() {}
        self.questions.spawn(question);
    }

    fn close(&mut self, session: SessionId) {
        if let Some(dial) = self.dials.remove(&session) {
            dial.abort();
        }
        if let Some(link) = self.links.remove(&session) {
            self.farewells.spawn(link.close());
        }
        while self.farewells.try_join_next().is_some() {}
    }

    fn write(
        &mut self,
        publication: PublicationId,
        write: impl FnOnce(&mut Publication) -> Result<(), ServeError>,
    ) {
        if let Some(track) = self.links.values_mut().find_map(|link| link.publication(publication))
        {
            let outcome = write(track);
            self.note(publication, outcome);
        }
    }

    fn note(&mut self, publication: PublicationId, outcome: Result<(), ServeError>) {
        if let Err(error) = outcome {
            tracing::debug!(%publication, %error, "a publication ended");
            self.answers.push_back(Input::PublicationEnded { publication });
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.dials.values().for_each(JoinHandle::abort);
    }
}

/// Waits for either queue; dials and providers come before listeners.
async fn next_arrival(
    arrivals: &mut mpsc::Receiver<Arrival>,
    fetches: &mut mpsc::Receiver<IncomingFetch>,
) -> Option<Arrival> {
    tokio::select! {
        biased;
        Some(arrival) = arrivals.recv() => Some(arrival),
        Some(fetch) = fetches.recv() => Some(Arrival::Fetch(Box::new(fetch))),
        else => None,
    }
}

async fn wait_until(network: &dyn Network, at: Option<holdline_core::Timestamp>) {
    match at {
        Some(at) => tokio::time::sleep(at - network.now()).await,
        None => futures::future::pending().await,
    }
}
