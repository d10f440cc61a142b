//! Dials a relay: resolves its name, binds a socket, and sets up QUIC, TLS and MoQ.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use holdline_core::credential::Token;
use holdline_core::error::{Cause, CauseKind};
use moq_transport::session::{Publisher, Session, Subscriber, Transport};
use moq_transport::setup::AuthorizationToken;

use crate::network::Network;
use crate::relay_url::RelayUrl;
use crate::session::congestion::Controllers;
use crate::session::error_mapping;

/// The number of a name's addresses that are tried in parallel (RFC 8305 without its delays,
/// because a dial is only a few packets).
const MAX_ADDRESSES: usize = 4;
/// The idle timeout of a connection. It is longer than any outage that the core migrates a
/// connection out of; the core detects silence much earlier.
const QUIC_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The assumed round trip before the first sample. It is closer to that of a typical relay than
/// QUIC's 333 ms, so the first retransmission is sent earlier.
const INITIAL_RTT: Duration = Duration::from_millis(100);

/// The connection's initial receive window, in bytes: far more than a call carries in a round trip.
/// It is finite only so that a probe can widen it (see `RelaySession::probe_path`).
pub(crate) const RECEIVE_WINDOW: u32 = 16 * 1024 * 1024;

/// A MoQ session that is up, on a QUIC endpoint of its own.
pub(crate) struct Established {
    pub(crate) endpoint: quinn::Endpoint,
    pub(crate) connection: quinn::Connection,
    pub(crate) session: Session,
    pub(crate) publisher: Publisher,
    pub(crate) subscriber: Subscriber,
}

/// The network and the QUIC configuration of every dial of a call.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    network: Arc<dyn Network>,
    client: quinn::ClientConfig,
}

impl Dialer {
    pub(crate) fn new(
        network: Arc<dyn Network>,
        tls: quinn::crypto::rustls::QuicClientConfig,
        probe_interval: Duration,
    ) -> Self {
        let mut transport = quinn::TransportConfig::default();
        transport
            .max_idle_timeout(quinn::IdleTimeout::try_from(QUIC_IDLE_TIMEOUT).ok())
            // Packets must return even when no media flows, because silence means a lost path.
            .keep_alive_interval(Some(probe_interval))
            .receive_window(RECEIVE_WINDOW.into())
            .initial_rtt(INITIAL_RTT)
            .congestion_controller_factory(Arc::new(Controllers::default()))
            // Packets that grew on one path may not fit the next one (TURN, a tunnel).
            .mtu_discovery_config(None);
        let mut client = quinn::ClientConfig::new(Arc::new(tls));
        client.transport_config(Arc::new(transport));
        Self { network, client }
    }

    /// Connects to a relay on a fresh endpoint, up to the end of MoQ SETUP.
    pub(crate) async fn dial(
        &self,
        relay: &RelayUrl,
        token: Option<Token>,
    ) -> Result<Established, Cause> {
        let addresses =
            self.network.resolve(relay.host(), relay.port()).await.map_err(|error| {
                Cause::with_detail(CauseKind::NameNotResolved, error.to_string())
            })?;
        let mut connecting: FuturesUnordered<_> = addresses
            .into_iter()
            .take(MAX_ADDRESSES)
            .map(|address| self.connect(relay.host(), address))
            .collect();
        let mut failure = Cause::new(CauseKind::NameNotResolved);
        while let Some(outcome) = connecting.next().await {
            match outcome {
                Ok((endpoint, connection)) => {
                    return setup(relay, endpoint, connection, token).await;
                }
                Err(cause) => failure = cause,
            }
        }
        Err(failure)
    }

    async fn connect(
        &self,
        host: &str,
        address: SocketAddr,
    ) -> Result<(quinn::Endpoint, quinn::Connection), Cause> {
        let unavailable = |error: std::io::Error| {
            Cause::with_detail(CauseKind::NetworkUnavailable, error.to_string())
        };
        let socket = self.network.bind(address).await.map_err(unavailable)?;
        let endpoint = quinn::Endpoint::new_with_abstract_socket(
            self.network.endpoint_config(),
            None,
            socket,
            self.network.runtime(),
        )
        .map_err(unavailable)?;
        let attempt =
            endpoint.connect_with(self.client.clone(), address, host).map_err(|error| {
                Cause::with_detail(CauseKind::NetworkUnavailable, error.to_string())
            })?;
        let connection = attempt.await.map_err(|error| error_mapping::connection_cause(&error))?;
        Ok((endpoint, connection))
    }
}

async fn setup(
    relay: &RelayUrl,
    endpoint: quinn::Endpoint,
    connection: quinn::Connection,
    token: Option<Token>,
) -> Result<Established, Cause> {
    let tokens = token
        .map(|token| AuthorizationToken::new(token.token_type, token.secret.expose().to_vec()))
        .into_iter()
        .collect();
    let transport = web_transport_quinn::Session::raw(
        connection.clone(),
        relay.url().clone(),
        web_transport_quinn::proto::ConnectResponse::default(),
    );
    let (session, publisher, subscriber) =
        Session::connect_with_tokens(transport.into(), None, Transport::RawQuic, tokens)
            .await
            .map_err(|error| error_mapping::session_cause(&connection, &error))?;
    Ok(Established { endpoint, connection, session, publisher, subscriber })
}
