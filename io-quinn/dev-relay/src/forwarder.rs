//! A network between a participant and a relay, on loopback, that breaks when it is told to.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// What a network does to the packets that go one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// A partition: nothing comes through, and nobody is told.
    pub partitioned: bool,
    /// How long each packet takes.
    pub latency: Duration,
}

/// What a network does to packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// On their way to the relay.
    pub up: Way,
    /// On their way to the participant.
    pub down: Way,
    /// How often the NAT on the way has forgotten whom it forwards for. Each time, the relay sees the
    /// participant come from another port.
    pub rebindings: u64,
}

impl Conditions {
    /// A partition both ways.
    #[must_use]
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.up.partitioned = partitioned;
        self.down.partitioned = partitioned;
        self
    }
}

/// Forwards UDP between whoever sends to its address and a relay. Ends when it is dropped.
#[derive(Debug)]
pub struct Forwarder {
    address: SocketAddr,
    conditions: watch::Sender<Conditions>,
    forwarding: JoinHandle<()>,
}

/// The longest datagram that there is.
const LONGEST: usize = 65_536;

impl Forwarder {
    /// Stands in front of a relay, on a port of its own.
    ///
    /// # Errors
    ///
    /// If there is no port.
    pub async fn start(relay: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(relay.ip(), 0)).await?;
        let address = socket.local_addr()?;
        let conditions = watch::Sender::<Conditions>::default();
        let forwarding = tokio::spawn(forward(Arc::new(socket), relay, conditions.subscribe()));
        Ok(Self { address, conditions, forwarding })
    }

    /// Where to send what is meant for the relay.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the network is like that.
    pub fn set(&self, change: impl FnOnce(&mut Conditions)) {
        self.conditions.send_modify(change);
    }

    /// Cuts the participant off, both ways, or ends that.
    pub fn partition(&self, partitioned: bool) {
        self.set(|conditions| *conditions = conditions.partitioned(partitioned));
    }

    /// The NAT forgets whom it forwards for.
    pub fn rebind(&self) {
        self.set(|conditions| conditions.rebindings += 1);
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.forwarding.abort();
    }
}

/// A participant as the relay sees it.
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
    // Of mappings that were forgotten as well: they stay, and what comes back on them goes nowhere.
    let mut tasks = JoinSet::new();
    let mut buffer = vec![0; LONGEST];
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

/// Sends packets, in order, when they are due.
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

/// Brings back what the relay sends to a mapping.
async fn receive(
    upstream: Arc<UdpSocket>,
    socket: Arc<UdpSocket>,
    (participant, rebindings): (SocketAddr, u64),
    conditions: watch::Receiver<Conditions>,
) {
    let (down, sending) = mpsc::unbounded_channel();
    let back = async {
        let mut buffer = vec![0; LONGEST];
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

        /// Where the relay sees it come from; `None` if it does not come.
        async fn up(&self, payload: &[u8]) -> Option<SocketAddr> {
            self.participant.send(payload).await.expect("sent");
            let mut buffer = [0; 100];
            let came = self.relay.recv_from(&mut buffer);
            let (length, from) =
                tokio::time::timeout(Duration::from_millis(300), came).await.ok()?.expect("read");
            assert_eq!(&buffer[..length], payload);
            Some(from)
        }

        async fn down(&self, to: SocketAddr, payload: &[u8]) -> bool {
            self.relay.send_to(payload, to).await.expect("sent");
            let mut buffer = [0; 100];
            let came = self.participant.recv(&mut buffer);
            tokio::time::timeout(Duration::from_millis(300), came).await.is_ok()
        }
    }

    #[tokio::test]
    async fn packets_come_through_both_ways_unless_the_way_is_partitioned() {
        let ends = Ends::new().await;
        let seen = ends.up(b"one").await.expect("comes through");
        assert!(ends.down(seen, b"two").await);
        ends.forwarder.set(|conditions| conditions.down.partitioned = true);
        assert_eq!(ends.up(b"three").await, Some(seen));
        assert!(!ends.down(seen, b"four").await);
        ends.forwarder.partition(true);
        assert_eq!(ends.up(b"five").await, None);
        ends.forwarder.partition(false);
        assert_eq!(ends.up(b"six").await, Some(seen), "and what was cut off stays so");
        assert!(ends.down(seen, b"seven").await);
    }

    #[tokio::test]
    async fn a_packet_takes_as_long_as_its_way() {
        let ends = Ends::new().await;
        ends.up(b"one").await.expect("comes through");
        let latency = Duration::from_millis(100);
        ends.forwarder.set(|conditions| conditions.up.latency = latency);
        let sent = Instant::now();
        ends.up(b"two").await.expect("comes through");
        assert!(sent.elapsed() >= latency);
    }

    #[tokio::test]
    async fn a_rebinding_gives_another_port_and_forgets_the_one_before() {
        let ends = Ends::new().await;
        let before = ends.up(b"one").await.expect("comes through");
        ends.forwarder.rebind();
        assert!(!ends.down(before, b"two").await, "nobody is there any more");
        let after = ends.up(b"three").await.expect("comes through");
        assert_ne!(before, after);
        assert!(ends.down(after, b"four").await);
        assert!(!ends.down(before, b"five").await);
    }
}
