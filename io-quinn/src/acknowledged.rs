//! What the relay has acknowledged of what we sent.
//!
//! QUIC implementations count the ACK frames that came, but a relay that hears nothing any more goes on
//! saying what it heard last, in every packet of media it sends. What is acknowledged *anew* only the
//! congestion controller is told (RFC 9002, section 7), so it is counted there: the controller is quinn's
//! own, CUBIC (RFC 9438), listened to.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, Cubic, CubicConfig};
use quinn_proto::RttEstimator;
use quinn_proto::congestion::ControllerMetrics;

/// Makes the controllers of new connections.
#[derive(Debug, Default)]
pub(crate) struct Listened {
    cubic: Arc<CubicConfig>,
}

impl ControllerFactory for Listened {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        let cubic = Cubic::new(Arc::clone(&self.cubic), now, mtu);
        Box::new(Listening { cubic: Box::new(cubic), acknowledged: 0 })
    }
}

struct Listening {
    cubic: Box<dyn Controller>,
    /// How many of our packets.
    acknowledged: u64,
}

/// How many of our packets were acknowledged on the path that a connection is on.
pub(crate) fn packets(connection: &quinn::Connection) -> u64 {
    let controller = connection.congestion_state().into_any();
    controller.downcast::<Listening>().map_or(0, |listening| listening.acknowledged)
}

impl Controller for Listening {
    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.acknowledged += 1;
        self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.cubic.on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.cubic.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.cubic.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.cubic.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self { cubic: self.cubic.clone_box(), acknowledged: self.acknowledged })
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
