//! The migration of a live connection to a fresh local socket (RFC 9000 section 9): the counterpart
//! of an ICE restart (R10). Migrations are rate-limited, because QUIC retains one former path only:
//! the next migration must not begin before the last one could be answered.

use core::time::Duration;

use crate::api::id::SessionId;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::context::Context;

/// The shortest time between two migrations; a long round trip makes it longer.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(500);

/// When a session may migrate, and whether it should.
#[derive(Clone, Debug, Default)]
pub(crate) struct Migration {
    wanted: Option<Wanted>,
    last: Option<Timestamp>,
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// The host's network changed.
    Once,
    /// The path is silent: migrate repeatedly until packets arrive again.
    Repeatedly,
}

impl Migration {
    pub(crate) fn want_once(&mut self) {
        self.wanted = self.wanted.or(Some(Wanted::Once));
    }

    pub(crate) fn want_repeatedly(&mut self) {
        self.wanted = Some(Wanted::Repeatedly);
    }

    pub(crate) fn cancel(&mut self) {
        self.wanted = None;
    }

    pub(crate) fn set_rtt(&mut self, rtt: Duration) {
        self.interval = SHORTEST_INTERVAL.max(rtt.saturating_mul(2));
    }

    /// When the next migration is due.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.wanted?;
        let interval = self.interval.max(SHORTEST_INTERVAL);
        Some(self.last.map_or(Timestamp::ZERO, |last| last + interval))
    }

    /// Migrates if that is due; returns whether it did.
    pub(crate) fn advance(&mut self, session: SessionId, cx: &mut Context<'_>) -> bool {
        let due = self.deadline().is_some_and(|at| cx.now >= at);
        if due {
            self.last = Some(cx.now);
            if self.wanted == Some(Wanted::Once) {
                self.wanted = None;
            }
            cx.out.push(Output::Migrate { session });
        }
        due
    }
}
