//! quinn's CUBIC congestion controller (RFC 9438), made aware of connection migrations.
//!
//! **Migrations.** What was sent on the old path says nothing about the new one (RFC 9000, section
//! 9.4), but quinn does not treat its own migration as a new path. After an outage its window is
//! full of lost packets, and on a fresh socket it sends nothing until a probe timeout that has
//! doubled several times. So each migration adds room for one probe (RFC 9002, section 6.2.4), and
//! the first acknowledgement from the new path starts a fresh controller.
//!
//! **Acknowledgements.** QUIC implementations count the ACK frames that arrive. But a relay that
//! receives nothing any more repeats its last ACK in every packet of media that it sends. Only the
//! congestion controller learns what is acknowledged for the first time, so packets acknowledged on
//! the current path are counted here.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, Cubic, CubicConfig};
use quinn_proto::RttEstimator;
use quinn_proto::congestion::ControllerMetrics;

/// The number of packets that a probe may take.
const PROBE_PACKETS: u64 = 2;

/// The initial window of a path, in bytes: 32 packets, as in Chromium. quinn's ten (RFC 9002,
/// section 7.2) grow too slowly for the frames retransmitted after an outage, sent beside the live
/// ones, because quinn only counts acknowledgements while data waits for the window.
const INITIAL_WINDOW: u64 = 32 * 1_200;

/// Creates the controllers of new connections.
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
            sent_path: 0,
            sent_path_since: now,
            acknowledged_path: 0,
            acknowledged: 0,
        })
    }
}

/// The number of packets that were acknowledged on the path on which they were sent.
pub(crate) fn acknowledged(connection: &quinn::Connection) -> u64 {
    controller(connection).map_or(0, |controller| controller.acknowledged)
}

/// Records that a connection is about to migrate to another socket.
pub(crate) fn before_migration(connection: &quinn::Connection) {
    if let Some(controller) = controller(connection) {
        controller.migrations.fetch_add(1, Ordering::Relaxed);
    }
}

/// A copy of a connection's controller. The copy shares only the number of migrations.
fn controller(connection: &quinn::Connection) -> Option<Box<PathAwareCubic>> {
    connection.congestion_state().into_any().downcast().ok()
}

/// CUBIC for the current path of a connection. Paths are numbered by the migrations before them.
struct PathAwareCubic {
    config: Arc<CubicConfig>,
    cubic: Box<dyn Controller>,
    mtu: u16,
    /// The number of migrations, which is the current path. Written through copies.
    migrations: Arc<AtomicU64>,
    /// The path of the last packet sent, and when the first packet was sent on that path.
    sent_path: u64,
    sent_path_since: Instant,
    /// The path of the last packet that was acknowledged on the current path.
    acknowledged_path: u64,
    /// The number of those packets.
    acknowledged: u64,
}

impl PathAwareCubic {
    fn current_path(&self) -> u64 {
        self.migrations.load(Ordering::Relaxed)
    }

    /// Whether a packet that was sent then was sent on the current path.
    fn is_on_current_path(&self, sent: Instant) -> bool {
        self.sent_path == self.current_path() && sent >= self.sent_path_since
    }

    /// Counts an acknowledged packet. Returns whether it was sent on the current path.
    fn on_acknowledged(&mut self, now: Instant, sent: Instant) -> bool {
        let counts = self.is_on_current_path(sent);
        if counts && self.acknowledged_path != self.sent_path {
            self.acknowledged_path = self.sent_path;
            self.cubic = Box::new(Cubic::new(Arc::clone(&self.config), now, self.mtu));
        }
        self.acknowledged += u64::from(counts);
        counts
    }
}

impl Controller for PathAwareCubic {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        let current = self.current_path();
        if self.sent_path != current {
            (self.sent_path, self.sent_path_since) = (current, now);
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
        if self.on_acknowledged(now, sent) {
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
        let probes = self.current_path() - self.acknowledged_path;
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

    fn controller_at(now: Instant) -> Box<PathAwareCubic> {
        let controller = Arc::new(Controllers::default()).build(now, MTU);
        controller.into_any().downcast().expect("a PathAwareCubic")
    }

    #[test]
    fn each_migration_adds_room_for_a_probe_until_an_acknowledgement() {
        let start = Instant::now();
        let mut path = controller_at(start);
        path.on_sent(start, 1_000, 1);
        assert_eq!(path.window(), INITIAL_WINDOW);
        for migrations in 1..=3 {
            path.migrations.fetch_add(1, Ordering::Relaxed);
            assert_eq!(path.window(), INITIAL_WINDOW + migrations * 2 * u64::from(MTU));
        }
        path.on_sent(start + STEP, 1_000, 2);
        assert!(path.on_acknowledged(start + STEP * 2, start + STEP));
        assert_eq!(path.window(), INITIAL_WINDOW);
    }

    #[test]
    fn old_path_packets_neither_count_nor_shrink_the_window() {
        let start = Instant::now();
        let mut path = controller_at(start);
        path.on_sent(start, 1_000, 1);
        assert!(path.on_acknowledged(start + STEP, start));
        path.migrations.fetch_add(1, Ordering::Relaxed);
        assert!(
            !path.on_acknowledged(start + STEP * 2, start),
            "no packet was sent on the new path yet"
        );
        path.on_sent(start + STEP * 2, 1_000, 2);
        assert!(!path.on_acknowledged(start + STEP * 3, start));
        path.on_congestion_event(start + STEP * 3, start, true, 1_000);
        assert_eq!(path.window(), INITIAL_WINDOW + 2 * u64::from(MTU), "room for probes only");
        assert_eq!(path.acknowledged, 1);
        assert!(path.on_acknowledged(start + STEP * 4, start + STEP * 2));
        assert_eq!((path.acknowledged, path.window()), (2, INITIAL_WINDOW));
    }

    #[test]
    fn the_window_of_the_old_path_ends_with_its_socket() {
        let start = Instant::now();
        let mut path = controller_at(start);
        path.on_sent(start, 1_000, 1);
        path.on_congestion_event(start + STEP, start, true, 1_000);
        assert!(path.window() < INITIAL_WINDOW / 2, "congestion counts on its own path");
        path.migrations.fetch_add(1, Ordering::Relaxed);
        path.on_sent(start + STEP * 2, 1_000, 2);
        assert!(path.on_acknowledged(start + STEP * 3, start + STEP * 2));
        assert_eq!(path.window(), INITIAL_WINDOW);
    }

    #[test]
    fn a_copy_shares_the_number_of_migrations() {
        let path = controller_at(Instant::now());
        let copy: Box<PathAwareCubic> =
            path.clone_box().into_any().downcast().expect("a PathAwareCubic");
        copy.migrations.fetch_add(1, Ordering::Relaxed);
        assert_eq!(path.current_path(), 1);
    }
}
