//! The real relay, on a simulated socket.

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

/// Where quinn registers the host's socket before it takes ours. The hosts of a run have no event loop of
/// their own: they would ask the kernel at each step whether something had come.
static EVENT_LOOP: OnceLock<Runtime> = OnceLock::new();

thread_local! {
    /// While this thread is in `EVENT_LOOP` instead of the host's own runtime.
    static REGISTERING: Cell<Option<EnterGuard<'static>>> = const { Cell::new(None) };
}

/// To be called before the randomness of a run begins, whose first draws would be other ones else.
pub(crate) fn prepare() -> io::Result<()> {
    if EVENT_LOOP.get().is_none() {
        let fresh = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _ = EVENT_LOOP.set(fresh);
    }
    Ok(())
}

/// Runs until it is killed.
pub(crate) async fn serve(
    relay: usize,
    script: Arc<Script>,
    packet_network: PacketNetwork,
    (tls, guard): (tls::Config, Option<Arc<Guard>>),
) -> turmoil::Result {
    let event_loop = EVENT_LOOP.get().ok_or("nothing was prepared")?;
    // No packet ever goes through this one.
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

/// What the relay asks before it lets somebody in or lets something be published: the place where it can
/// be made slow, or refuse.
struct FaultyCoordinator {
    relay: usize,
    script: Arc<Script>,
    /// If it wants to see tokens.
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
