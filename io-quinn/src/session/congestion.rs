//! quinn's own congestion controller, CUBIC (RFC 9438), told when its connection migrations, and listened to.
//!
//! **Moves.** What was sent on the old path says nothing of the new one (RFC 9000, section 9.4). quinn does
//! not know that when it is the client that migrations: after an outage its window is full of what was lost, and it
//! says nothing on a fresh socket until a probe timeout that has doubled several times. So each move makes
//! room for as much as a probe (RFC 9002, section 6.2.4), and the first packet that arrives begins anew.
//!
//! **Acknowledgements.** QUIC implementations count the ACK frames that came, but a relay that hears nothing
//! any more goes on saying what it heard last, in every packet of media it sends. What is acknowledged *anew*
//! only the congestion controller is told, so it is counted there, of the path that the connection is on.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, Cubic, CubicConfig};
use quinn_proto::RttEstimator;
use quinn_proto::congestion::ControllerMetrics;

/// How many packets a probe may take.
const PROBE_PACKETS: u64 = 2;

/// How much may be sent on a new path before anything has arrived, in bytes: 32 packets, as in Chromium. quinn's
/// ten (RFC 9002, section 7.2) grow too slowly for what is said again after an outage, beside what is said
/// now, because quinn counts only what comes while it waits to send.
const INITIAL_WINDOW: u64 = 32 * 1_200;

/// Makes the controllers of new connections.
#[derive(Debug)]
pub(crate) struct Controllers {
    cubic: Arc<CubicConfig>,
}

impl Default for Controllers {
    fn default() -> Self {
        let mut cubic = CubicConfig::default();
        cubic.initial_window(INITIAL_WINDOW);
        Self { cubic: Arc::new(cubic) }
    }
}

impl ControllerFactory for Controllers {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        let cubic = Cubic::new(Arc::clone(&self.cubic), now, mtu);
        Box::new(PathAwareCubic {
            config: Arc::clone(&self.cubic),
            cubic: Box::new(cubic),
            mtu,
            migrations: Arc::default(),
            last_sent: 0,
            sent_since: now,
            last_acknowledged: 0,
            acknowledged: 0,
        })
    }
}

/// How many of our packets were acknowledged, each on the path that the connection was on then.
pub(crate) fn acknowledged(connection: &quinn::Connection) -> u64 {
    controller(connection).map_or(0, |controller| controller.acknowledged)
}

/// The connection is about to move to another socket.
pub(crate) fn before_migration(connection: &quinn::Connection) {
    if let Some(controller) = controller(connection) {
        controller.migrations.fetch_add(1, Ordering::Relaxed);
    }
}

/// A copy of a connection's controller. What it shares with the original is how often it moved.
fn controller(connection: &quinn::Connection) -> Option<Box<PathAwareCubic>> {
    connection.congestion_state().into_any().downcast().ok()
}

struct PathAwareCubic {
    config: Arc<CubicConfig>,
    cubic: Box<dyn Controller>,
    mtu: u16,
    /// How often the connection has moved: said from outside.
    migrations: Arc<AtomicU64>,
    /// After how many migrations the last packet was sent, and when the first one was after so many.
    last_sent: u64,
    sent_since: Instant,
    /// After how many migrations the last packet was sent that arrived.
    last_acknowledged: u64,
    /// How many of our packets were.
    acknowledged: u64,
}

impl PathAwareCubic {
    fn migrations(&self) -> u64 {
        self.migrations.load(Ordering::Relaxed)
    }

    /// Whether a packet was sent on the path that the connection is on.
    fn is_on_current_path(&self, sent: Instant) -> bool {
        self.last_sent == self.migrations() && sent >= self.sent_since
    }

    /// A packet has been acknowledged. Whether that says anything of the path.
    fn on_path_ack(&mut self, now: Instant, sent: Instant) -> bool {
        let counts = self.is_on_current_path(sent);
        if counts && self.last_acknowledged != self.last_sent {
            self.last_acknowledged = self.last_sent;
            self.cubic = Box::new(Cubic::new(Arc::clone(&self.config), now, self.mtu));
        }
        self.acknowledged += u64::from(counts);
        counts
    }
}

impl Controller for PathAwareCubic {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        let migrations = self.migrations();
        if self.last_sent != migrations {
            (self.last_sent, self.sent_since) = (migrations, now);
        }
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        if self.on_path_ack(now, sent) {
            self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
        }
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
        if self.is_on_current_path(sent) {
            self.cubic.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu;
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        let probes = self.migrations() - self.last_acknowledged;
        self.cubic.window() + probes * PROBE_PACKETS * u64::from(self.mtu)
    }

    fn metrics(&self) -> ControllerMetrics {
        self.cubic.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            config: Arc::clone(&self.config),
            cubic: self.cubic.clone_box(),
            migrations: Arc::clone(&self.migrations),
            ..*self
        })
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MTU: u16 = 1_200;
    const STEP: Duration = Duration::from_millis(100);

    fn watched(now: Instant) -> Box<PathAwareCubic> {
        let controller = Arc::new(Controllers::default()).build(now, MTU);
        controller.into_any().downcast().expect("ours")
    }

    #[test]
    fn each_move_makes_room_for_a_probe_until_one_arrives() {
        let start = Instant::now();
        let mut path = watched(start);
        path.on_sent(start, 1_000, 1);
        assert_eq!(path.window(), INITIAL_WINDOW);
        for migrations in 1..=3 {
            path.migrations.fetch_add(1, Ordering::Relaxed);
            assert_eq!(path.window(), INITIAL_WINDOW + migrations * 2 * u64::from(MTU));
        }
        path.on_sent(start + STEP, 1_000, 2);
        assert!(path.on_path_ack(start + STEP * 2, start + STEP));
        assert_eq!(path.window(), INITIAL_WINDOW);
    }

    #[test]
    fn what_was_sent_before_a_move_proves_nothing_and_costs_nothing() {
        let start = Instant::now();
        let mut path = watched(start);
        path.on_sent(start, 1_000, 1);
        assert!(path.on_path_ack(start + STEP, start));
        path.migrations.fetch_add(1, Ordering::Relaxed);
        assert!(!path.on_path_ack(start + STEP * 2, start), "nothing was sent yet on the new path");
        path.on_sent(start + STEP * 2, 1_000, 2);
        assert!(!path.on_path_ack(start + STEP * 3, start));
        path.on_congestion_event(start + STEP * 3, start, true, 1_000);
        assert_eq!(path.window(), INITIAL_WINDOW + 2 * u64::from(MTU), "still only a probe");
        assert_eq!(path.acknowledged, 1);
        assert!(path.on_path_ack(start + STEP * 4, start + STEP * 2));
        assert_eq!((path.acknowledged, path.window()), (2, INITIAL_WINDOW));
    }

    #[test]
    fn a_path_that_was_narrow_is_forgotten_with_its_socket() {
        let start = Instant::now();
        let mut path = watched(start);
        path.on_sent(start, 1_000, 1);
        path.on_congestion_event(start + STEP, start, true, 1_000);
        assert!(path.window() < INITIAL_WINDOW / 2, "it has effect on the path that it is of");
        path.migrations.fetch_add(1, Ordering::Relaxed);
        path.on_sent(start + STEP * 2, 1_000, 2);
        assert!(path.on_path_ack(start + STEP * 3, start + STEP * 2));
        assert_eq!(path.window(), INITIAL_WINDOW);
    }

    #[test]
    fn a_copy_is_told_of_moves_of_the_original() {
        let path = watched(Instant::now());
        let copy: Box<PathAwareCubic> = path.clone_box().into_any().downcast().expect("ours");
        copy.migrations.fetch_add(1, Ordering::Relaxed);
        assert_eq!(path.migrations(), 1);
    }
}
