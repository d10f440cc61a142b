//! The simulated network, as the production driver uses it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use holdline_core::Timestamp;
use holdline_quinn::Network;

use crate::script::Script;
use crate::stack::clock::Clock;
use crate::stack::packet_network::{PacketNetwork, SocketOwner};
use crate::stack::relay_address::relay_name;
use crate::stack::socket::SimSocket;

/// The network of one participant's host.
#[derive(Clone, Debug)]
pub(crate) struct SimNetwork {
    pub(crate) packet_network: PacketNetwork,
    pub(crate) script: Arc<Script>,
    pub(crate) who: usize,
    pub(crate) clock: Clock,
}

#[async_trait]
impl Network for SimNetwork {
    async fn resolve(&self, host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        let relays = 0..self.script.topology.relays as usize;
        let named = relays.filter(|relay| relay_name(*relay) == host);
        Ok(named.map(PacketNetwork::relay_address).collect())
    }

    async fn bind(&self, _remote: SocketAddr) -> io::Result<Arc<dyn quinn::AsyncUdpSocket>> {
        Ok(SimSocket::bind(&self.packet_network, SocketOwner::Participant(self.who)))
    }

    fn runtime(&self) -> Arc<dyn quinn::Runtime> {
        // The runtime uses tokio's clock, which the simulation controls.
        Arc::new(quinn::TokioRuntime)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.now())
    }

    fn unix_millis(&self) -> u64 {
        self.script.wall_clock(self.who, self.clock.now())
    }
}
