//! A call on a network of the application's own: every socket is bound to one local address, and
//! counted.
//!
//! ```sh
//! cargo run --bin holdline -- relay        # prints the path of its certificate
//! cargo run -p holdline-quinn --example custom_network -- \
//!     moqt://127.0.0.1:4443 CERT.pem 127.0.0.1
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use futures::StreamExt as _;
use holdline_quinn::{
    Call, CallConfig, Event, Events, HostNetwork, Network, StateName, Timestamp, Track, Trust,
};

const USAGE: &str = "usage: custom_network RELAY CERTIFICATE LOCAL_ADDRESS";

/// The host's network, seen from one of its addresses.
#[derive(Debug)]
struct PinnedNetwork {
    host: HostNetwork,
    local: IpAddr,
    sockets: AtomicU64,
}

#[async_trait]
impl Network for PinnedNetwork {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        // Only addresses of the family of the local address can be reached.
        let mut addresses = self.host.resolve(host, port).await?;
        addresses.retain(|address| address.is_ipv4() == self.local.is_ipv4());
        Ok(addresses)
    }

    async fn bind(&self, _remote: SocketAddr) -> io::Result<Arc<dyn quinn::AsyncUdpSocket>> {
        let socket = UdpSocket::bind((self.local, 0))?;
        let number = self.sockets.fetch_add(1, Ordering::Relaxed) + 1;
        println!("socket {number}: {}", socket.local_addr()?);
        self.runtime().wrap_udp_socket(socket)
    }

    // Everything else is the host's.

    async fn can_send_to(&self, remote: SocketAddr) -> bool {
        remote.is_ipv4() == self.local.is_ipv4() && self.host.can_send_to(remote).await
    }

    fn runtime(&self) -> Arc<dyn quinn::Runtime> {
        self.host.runtime()
    }

    fn now(&self) -> Timestamp {
        self.host.now()
    }

    fn unix_millis(&self) -> u64 {
        self.host.unix_millis()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [relay, certificate, local] = &args[..] else { anyhow::bail!(USAGE) };
    let local = local.parse().context(USAGE)?;
    let network = Arc::new(PinnedNetwork { host: HostNetwork, local, sockets: AtomicU64::new(0) });

    let trust = Trust::pem_file(Path::new(certificate))?;
    let config = CallConfig::new(relay, "example", "alice").trust(trust);
    let call = Call::connect_on(Arc::clone(&network) as Arc<dyn Network>, config)?;
    let _microphone = call.publish(Track::audio("microphone"))?;

    let mut events = call.events();
    let live = |event: &Event| matches!(event, Event::StateChanged { to: StateName::Live, .. });
    wait_for(&mut events, live).await?;

    // The call migrates its connection to a second socket, without a new session.
    call.network_changed()?;
    wait_for(&mut events, |event| matches!(event, Event::PathMigrating { .. })).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let summary = call.close().await;
    println!(
        "{:?}: {} sockets, {} sessions",
        summary.outcome,
        network.sockets.load(Ordering::Relaxed),
        summary.stats.telemetry.attempts
    );
    Ok(())
}

/// Prints the events up to the first one for which `is_it` holds.
async fn wait_for(events: &mut Events, is_it: impl Fn(&Event) -> bool) -> anyhow::Result<()> {
    while let Some(event) = events.next().await {
        println!("{event:?}");
        if is_it(&event) {
            return Ok(());
        }
    }
    anyhow::bail!("the call has ended")
}
