//! The network below a call: sockets, name resolution and clocks. The driver uses all of them
//! through one trait, so that the same driver runs on the host's network and on a simulated one.

use std::fmt::Debug;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use holdline_core::Timestamp;

/// The network that a call runs on: sockets, name resolution, timers and clocks.
///
/// [`HostNetwork`] is the host's own. An application can wrap it, for example to bind sockets to
/// one interface, and pass its own implementation to [`Call::connect_on`](crate::Call::connect_on).
#[async_trait]
pub trait Network: Debug + Send + Sync + 'static {
    /// Resolves the name of a relay to its addresses, best first. A dial tries the first four of
    /// them in parallel.
    ///
    /// `host` is a domain name or an IP address without brackets.
    ///
    /// # Errors
    ///
    /// If the name cannot be resolved. The attempt fails and the call retries by its policy.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// Binds a fresh UDP socket that can reach `remote`. Each dial and each migration takes one.
    ///
    /// # Errors
    ///
    /// If there is no such socket. A dial fails; a migration keeps the old socket.
    async fn bind(&self, remote: SocketAddr) -> io::Result<Arc<dyn quinn::AsyncUdpSocket>>;

    /// Whether the host can send UDP to addresses of the family of `remote`, for the pre-call test.
    /// Sends no packet.
    async fn can_send_to(&self, remote: SocketAddr) -> bool {
        self.bind(remote).await.is_ok()
    }

    /// The runtime that QUIC uses for its timers and tasks.
    fn runtime(&self) -> Arc<dyn quinn::Runtime>;

    /// The configuration of a new QUIC endpoint.
    fn endpoint_config(&self) -> quinn::EndpointConfig {
        quinn::EndpointConfig::default()
    }

    /// Monotonic time, in microseconds since any fixed moment. It should keep counting while the
    /// host is suspended, so that deadlines are due after the suspend.
    fn now(&self) -> Timestamp;

    /// The wall clock, in milliseconds since 1970-01-01 UTC.
    fn unix_millis(&self) -> u64;
}

/// The host's own network, on tokio: a socket on an unspecified address, and the host's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostNetwork;

#[async_trait]
impl Network for HostNetwork {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    async fn bind(&self, remote: SocketAddr) -> io::Result<Arc<dyn quinn::AsyncUdpSocket>> {
        self.runtime().wrap_udp_socket(std::net::UdpSocket::bind(unspecified(remote))?)
    }

    async fn can_send_to(&self, remote: SocketAddr) -> bool {
        // `connect` on a UDP socket looks up a route and sends no packet.
        let socket = std::net::UdpSocket::bind(unspecified(remote));
        socket.and_then(|socket| socket.connect(remote)).is_ok()
    }

    fn runtime(&self) -> Arc<dyn quinn::Runtime> {
        Arc::new(quinn::TokioRuntime)
    }

    fn now(&self) -> Timestamp {
        monotonic()
    }

    fn unix_millis(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The unspecified address of the family of `remote`, with any port.
fn unspecified(remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// `CLOCK_BOOTTIME` counts during a suspend, `CLOCK_MONOTONIC` (and so `Instant`) does not.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn monotonic() -> Timestamp {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
    Timestamp::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// On other systems `Instant` is the best clock available: on macOS it stops during a suspend.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn monotonic() -> Timestamp {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    let since = START.get_or_init(Instant::now).elapsed();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
