//! The real relay, on a simulated socket.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;

use async_trait::async_trait;
use moq_native_ietf::{Client, quic, tls};
use moq_relay_ietf::{
    Coordinator, CoordinatorContext, CoordinatorError, CoordinatorResult, NamespaceOrigin,
    NamespaceRegistration, RelayConfig, ScopeConfig, SessionConfig,
};
use moq_transport::coding::TrackNamespace;

use super::clock;
use super::ether::{Ether, Site};
use super::socket::SimSocket;
use crate::script::Script;

/// Runs until it is killed.
pub(crate) async fn serve(
    which: usize,
    script: Arc<Script>,
    ether: Ether,
    tls: tls::Config,
) -> turmoil::Result {
    // quinn asks the host for a socket before it takes ours. No packet ever goes through this one.
    let unused = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let config = quic::Config::with_socket(unused, None, tls.clone())
        .with_socket_wrapper(move |_| SimSocket::bind(&ether, Site::Relay(which)));
    let relay = RelayConfig {
        bind: None,
        endpoints: vec![quic::Endpoint::new(config)?],
        tls,
        qlog_dir: None,
        mlog_dir: None,
        announce: None,
        node: None,
        coordinator: Arc::new(Moods { which, script }),
        session: SessionConfig::default(),
        connection_tagger: None,
    };
    Ok(relay.build()?.run().await?)
}

/// What the relay asks before it lets somebody in or lets something be published: the place where it can
/// be made slow, or refuse.
struct Moods {
    which: usize,
    script: Arc<Script>,
}

impl Moods {
    async fn wait_while_slow(&self) {
        while let Some(until) = self.script.conditions.slow_until(self.which, clock::now()) {
            clock::sleep_until(until).await;
        }
    }
}

#[async_trait]
impl Coordinator for Moods {
    async fn get_scope_config(&self, _scope: Option<&str>) -> CoordinatorResult<ScopeConfig> {
        self.wait_while_slow().await;
        Ok(ScopeConfig::default())
    }

    async fn register_namespace(
        &self,
        _scope: Option<&str>,
        _namespace: &TrackNamespace,
        _context: &CoordinatorContext,
    ) -> CoordinatorResult<NamespaceRegistration> {
        self.wait_while_slow().await;
        if self.script.conditions.refuses(self.which, clock::now()) {
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
