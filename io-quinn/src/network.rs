//! The world underneath: sockets, names, time and chance. The driver reaches all of them through
//! one trait, so that a simulated network can stand in for the host's with nothing written twice.

use std::fmt::Debug;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use holdline_core::Timestamp;

/// What the driver needs of the world.
#[async_trait]
pub trait Network: Debug + Send + Sync + 'static {
    /// The addresses of a relay.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// A fresh UDP socket that can reach `remote`.
    async fn bind(&self, remote: SocketAddr) -> io::Result<Arc<dyn quinn::AsyncUdpSocket>>;

    /// Whether UDP can be sent to hosts of the address family of `remote`. No packet is sent to find
    /// out.
    async fn can_send_to(&self, remote: SocketAddr) -> bool {
        self.bind(remote).await.is_ok()
    }

    /// Timers and tasks for QUIC.
    fn runtime(&self) -> Arc<dyn quinn::Runtime>;

    /// The configuration of a new QUIC endpoint.
    fn endpoint_config(&self) -> quinn::EndpointConfig {
        quinn::EndpointConfig::default()
    }

    /// Monotonic time that goes on while the host is suspended.
    fn now(&self) -> Timestamp;

    /// Milliseconds since 1970 by the wall clock.
    fn unix_millis(&self) -> u64;
}

/// The host's own network, on tokio.
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
        // Connecting a UDP socket looks up a route and sends nothing.
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

/// Any address of ours, of the family of `remote`.
fn unspecified(remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// `CLOCK_BOOTTIME` goes on in suspend, where `CLOCK_MONOTONIC` (and so `Instant`) stands still.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn monotonic() -> Timestamp {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
    Timestamp::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Elsewhere `Instant` is the best there is: on macOS it stands still in suspend.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn monotonic() -> Timestamp {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    let since = START.get_or_init(Instant::now).elapsed();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
