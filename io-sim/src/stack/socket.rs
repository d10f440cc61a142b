//! A UDP socket of the simulated network, for quinn.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::time::Sleep;

use super::clock::Clock;
use super::packet_network::{PacketNetwork, SocketId, SocketOwner};

pub(crate) struct SimSocket {
    packet_network: PacketNetwork,
    id: SocketId,
    clock: Clock,
    /// The timer until the next packet in flight arrives.
    timer: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl SimSocket {
    pub(crate) fn bind(packet_network: &PacketNetwork, owner: SocketOwner) -> Arc<Self> {
        let clock = Clock::here();
        let id = packet_network.bind(owner, clock.now());
        Arc::new(Self {
            packet_network: packet_network.clone(),
            id,
            clock,
            timer: Mutex::new(None),
        })
    }

    /// Whether the given time has come; otherwise the task wakes then.
    fn poll_until(&self, cx: &mut Context<'_>, micros: u64) -> Poll<()> {
        let at = self.clock.at(micros);
        let mut timer = self.timer.lock().unwrap_or_else(PoisonError::into_inner);
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        timer.as_mut().reset(at);
        timer.as_mut().poll(cx)
    }
}

impl fmt::Debug for SimSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimSocket").field(&self.id).finish()
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        self.packet_network.close(self.id);
    }
}

impl AsyncUdpSocket for SimSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let segment = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        for packet in transmit.contents.chunks(segment) {
            self.packet_network.send(self.id, transmit.destination, packet, self.clock.now());
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut received = 0;
        for (buffer, meta) in buffers.iter_mut().zip(meta) {
            let packet = loop {
                match self.packet_network.receive(self.id, self.clock.now(), cx.waker()) {
                    Ok(packet) => break packet,
                    Err(Some(due)) if received == 0 => {
                        if self.poll_until(cx, due).is_pending() {
                            return Poll::Pending;
                        }
                    }
                    Err(None) if received == 0 => return Poll::Pending,
                    Err(_) => return Poll::Ready(Ok(received)),
                }
            };
            let length = packet.payload.len().min(buffer.len());
            buffer[..length].copy_from_slice(&packet.payload[..length]);
            *meta = RecvMeta::default();
            (meta.addr, meta.len, meta.stride) = (packet.from, length, length);
            received += 1;
        }
        Poll::Ready(Ok(received))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.packet_network.address(self.id))
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

/// A poller that always reports a writable socket: a host never waits to send, its link queues or
/// drops packets.
#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
