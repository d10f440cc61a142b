//! The real relay on a simulated socket.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use holdline_dev_relay::Guard;
use moq_native_ietf::{Client, quic, tls};
use moq_relay_ietf::{
    Coordinator, CoordinatorContext, CoordinatorError, CoordinatorResult, NamespaceOrigin,
    NamespaceRegistration, RelayConfig, ScopeConfig, SessionConfig,
};
use moq_transport::coding::TrackNamespace;
use tokio::runtime::{EnterGuard, Runtime};

use super::clock;
use super::packet_network::{PacketNetwork, SocketOwner};
use super::socket::SimSocket;
use crate::script::Script;

/// The event loop that quinn registers the relay's kernel socket with, before the simulated socket
/// replaces it. Hosts of a run have no event loop of their own, which would poll the kernel at each
/// step.
static EVENT_LOOP: OnceLock<Runtime> = OnceLock::new();

thread_local! {
    /// The guard that keeps this thread in `EVENT_LOOP` instead of the host's own runtime.
    static REGISTERING: Cell<Option<EnterGuard<'static>>> = const { Cell::new(None) };
}

/// Creates the event loop. This must happen before the run seeds its randomness, because it draws
/// some.
pub(crate) fn prepare() -> io::Result<()> {
    if EVENT_LOOP.get().is_none() {
        let fresh = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _ = EVENT_LOOP.set(fresh);
    }
    Ok(())
}

/// Runs a relay until it is killed.
pub(crate) async fn serve(
    relay: usize,
    script: Arc<Script>,
    packet_network: PacketNetwork,
    (tls, guard): (tls::Config, Option<Arc<Guard>>),
) -> turmoil::Result {
    let event_loop = EVENT_LOOP.get().ok_or("nothing was prepared")?;
    // No packet ever passes through this socket.
    let unused = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let config =
        quic::Config::with_socket(unused, None, tls.clone()).with_socket_wrapper(move |_| {
            REGISTERING.take();
            SimSocket::bind(&packet_network, SocketOwner::Relay(relay))
        });
    REGISTERING.set(Some(event_loop.enter()));
    let endpoint = quic::Endpoint::new(config);
    REGISTERING.take();
    let relay = RelayConfig {
        bind: None,
        endpoints: vec![endpoint?],
        tls,
        qlog_dir: None,
        mlog_dir: None,
        announce: None,
        node: None,
        coordinator: Arc::new(FaultyCoordinator { relay, script, guard }),
        session: SessionConfig::default(),
        connection_tagger: None,
    };
    Ok(relay.build()?.run().await?)
}

/// The relay's coordinator, which it queries before it accepts a session or a namespace. Faults
/// slow it down or make it refuse.
struct FaultyCoordinator {
    relay: usize,
    script: Arc<Script>,
    /// The token checks, if the relay requires tokens.
    guard: Option<Arc<Guard>>,
}

impl FaultyCoordinator {
    async fn wait_while_slow(&self) {
        while let Some(until) = self.script.conditions.slow_until(self.relay, clock::now()) {
            clock::sleep_until(until).await;
        }
    }
}

#[async_trait]
impl Coordinator for FaultyCoordinator {
    async fn get_scope_config(&self, _scope: Option<&str>) -> CoordinatorResult<ScopeConfig> {
        self.wait_while_slow().await;
        Ok(self.guard.as_ref().map(|guard| guard.scope_config()).unwrap_or_default())
    }

    async fn register_namespace(
        &self,
        _scope: Option<&str>,
        _namespace: &TrackNamespace,
        _context: &CoordinatorContext,
    ) -> CoordinatorResult<NamespaceRegistration> {
        self.wait_while_slow().await;
        if self.script.conditions.refuses_namespaces(self.relay, clock::now()) {
            return Err(CoordinatorError::NamespaceAlreadyRegistered);
        }
        Ok(NamespaceRegistration::new(()))
    }

    async fn unregister_namespace(
        &self,
        _scope: Option<&str>,
        _namespace: &TrackNamespace,
    ) -> CoordinatorResult<()> {
        Ok(())
    }

    async fn lookup(
        &self,
        _scope: Option<&str>,
        _namespace: &TrackNamespace,
    ) -> CoordinatorResult<(NamespaceOrigin, Option<Client>)> {
        Err(CoordinatorError::NamespaceNotFound)
    }
}
