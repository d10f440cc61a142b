//! A network between a participant and a relay, on loopback, whose faults a test controls.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// The conditions for packets in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Direction {
    /// Whether all packets are dropped silently.
    pub partitioned: bool,
    /// The delay of each packet.
    pub latency: Duration,
}

/// The conditions for packets in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// From the participant to the relay.
    pub up: Direction,
    /// From the relay to the participant.
    pub down: Direction,
    /// The number of NAT rebindings so far. After each of them, the relay receives the
    /// participant's packets from another port.
    pub rebindings: u64,
}

impl Conditions {
    /// Drops, or no longer drops, the packets of both directions.
    #[must_use]
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.up.partitioned = partitioned;
        self.down.partitioned = partitioned;
        self
    }
}

/// Forwards UDP between the participants that send to its address and a relay. Dropping it ends it.
#[derive(Debug)]
pub struct Forwarder {
    address: SocketAddr,
    conditions: watch::Sender<Conditions>,
    forwarding: JoinHandle<()>,
}

/// The size of the longest datagram, in bytes.
const MAX_DATAGRAM: usize = 65_536;

impl Forwarder {
    /// Starts a forwarder to `relay`, on a port of its own.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start(relay: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(relay.ip(), 0)).await?;
        let address = socket.local_addr()?;
        let conditions = watch::Sender::<Conditions>::default();
        let forwarding = tokio::spawn(forward(Arc::new(socket), relay, conditions.subscribe()));
        Ok(Self { address, conditions, forwarding })
    }

    /// The address to use in place of the relay's.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the conditions from now on.
    pub fn set(&self, change: impl FnOnce(&mut Conditions)) {
        self.conditions.send_modify(change);
    }

    /// Starts or ends a partition in both directions.
    pub fn partition(&self, partitioned: bool) {
        self.set(|conditions| *conditions = conditions.partitioned(partitioned));
    }

    /// Rebinds the NAT: it drops its mappings and uses new ports.
    pub fn rebind(&self) {
        self.set(|conditions| conditions.rebindings += 1);
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.forwarding.abort();
    }
}

/// The NAT mapping of a participant.
struct Mapping {
    rebindings: u64,
    up: mpsc::UnboundedSender<(Instant, Vec<u8>)>,
}

async fn forward(
    socket: Arc<UdpSocket>,
    relay: SocketAddr,
    conditions: watch::Receiver<Conditions>,
) {
    let mut mappings: HashMap<SocketAddr, Mapping> = HashMap::new();
    // The tasks of dropped mappings stay too, and discard the packets that arrive there.
    let mut tasks = JoinSet::new();
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let Ok((length, participant)) = socket.recv_from(&mut buffer).await else { continue };
        let now = *conditions.borrow();
        if now.up.partitioned {
            continue;
        }
        let known = mappings.get(&participant).filter(|known| known.rebindings == now.rebindings);
        if known.is_none() {
            let Ok(upstream) = UdpSocket::bind(SocketAddr::new(relay.ip(), 0)).await else {
                continue;
            };
            let upstream = Arc::new(upstream);
            let (up, sending) = mpsc::unbounded_channel();
            let mapping = (participant, now.rebindings);
            tasks.spawn(send(Arc::clone(&upstream), relay, sending));
            tasks.spawn(receive(upstream, Arc::clone(&socket), mapping, conditions.clone()));
            mappings.insert(participant, Mapping { rebindings: now.rebindings, up });
        }
        if let Some(mapping) = mappings.get(&participant) {
            let due = Instant::now() + now.up.latency;
            let _ = mapping.up.send((due, buffer[..length].to_vec()));
        }
    }
}

/// Sends packets in order, each at its due time.
async fn send(
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    mut packets: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>,
) {
    while let Some((due, packet)) = packets.recv().await {
        tokio::time::sleep_until(due).await;
        let _ = socket.send_to(&packet, to).await;
    }
}

/// Returns the packets of the relay to the participant of a mapping.
async fn receive(
    upstream: Arc<UdpSocket>,
    socket: Arc<UdpSocket>,
    (participant, rebindings): (SocketAddr, u64),
    conditions: watch::Receiver<Conditions>,
) {
    let (down, sending) = mpsc::unbounded_channel();
    let back = async {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let Ok((length, _)) = upstream.recv_from(&mut buffer).await else { continue };
            let now = *conditions.borrow();
            if !now.down.partitioned && now.rebindings == rebindings {
                let _ = down.send((Instant::now() + now.down.latency, buffer[..length].to_vec()));
            }
        }
    };
    tokio::join!(back, send(socket, participant, sending));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ends {
        participant: UdpSocket,
        relay: UdpSocket,
        forwarder: Forwarder,
    }

    impl Ends {
        async fn new() -> Self {
            let bind = || UdpSocket::bind("127.0.0.1:0");
            let (participant, relay) =
                (bind().await.expect("a port"), bind().await.expect("a port"));
            let address = relay.local_addr().expect("bound");
            let forwarder = Forwarder::start(address).await.expect("a port");
            participant.connect(forwarder.address()).await.expect("loopback");
            Self { participant, relay, forwarder }
        }

        /// Sends a packet to the relay. Returns the address that it arrives from, or `None`.
        async fn up(&self, payload: &[u8]) -> Option<SocketAddr> {
            self.participant.send(payload).await.expect("sent");
            let mut buffer = [0; 100];
            let arrived = self.relay.recv_from(&mut buffer);
            let (length, from) = tokio::time::timeout(Duration::from_millis(300), arrived)
                .await
                .ok()?
                .expect("read");
            assert_eq!(&buffer[..length], payload);
            Some(from)
        }

        /// Sends a packet to the participant. Returns whether it arrives.
        async fn down(&self, to: SocketAddr, payload: &[u8]) -> bool {
            self.relay.send_to(payload, to).await.expect("sent");
            let mut buffer = [0; 100];
            let arrived = self.participant.recv(&mut buffer);
            tokio::time::timeout(Duration::from_millis(300), arrived).await.is_ok()
        }
    }

    #[tokio::test]
    async fn packets_pass_in_each_direction_unless_it_is_partitioned() {
        let ends = Ends::new().await;
        let seen = ends.up(b"one").await.expect("the packet arrives");
        assert!(ends.down(seen, b"two").await);
        ends.forwarder.set(|conditions| conditions.down.partitioned = true);
        assert_eq!(ends.up(b"three").await, Some(seen));
        assert!(!ends.down(seen, b"four").await);
        ends.forwarder.partition(true);
        assert_eq!(ends.up(b"five").await, None);
        ends.forwarder.partition(false);
        assert_eq!(
            ends.up(b"six").await,
            Some(seen),
            "packets of the partition are not delivered later"
        );
        assert!(ends.down(seen, b"seven").await);
    }

    #[tokio::test]
    async fn a_packet_is_delayed_by_the_latency_of_its_direction() {
        let ends = Ends::new().await;
        ends.up(b"one").await.expect("the packet arrives");
        let latency = Duration::from_millis(100);
        ends.forwarder.set(|conditions| conditions.up.latency = latency);
        let sent = Instant::now();
        ends.up(b"two").await.expect("the packet arrives");
        assert!(sent.elapsed() >= latency);
    }

    #[tokio::test]
    async fn a_rebinding_replaces_the_port_and_the_mapping() {
        let ends = Ends::new().await;
        let before = ends.up(b"one").await.expect("the packet arrives");
        ends.forwarder.rebind();
        assert!(!ends.down(before, b"two").await, "the old mapping is gone");
        let after = ends.up(b"three").await.expect("the packet arrives");
        assert_ne!(before, after);
        assert!(ends.down(after, b"four").await);
        assert!(!ends.down(before, b"five").await);
    }
}
