//! The monitor: it rates each interval, for the session and for each kind of media.

use core::time::Duration;

use crate::api::event::Event;
use crate::api::media::MediaKind;
use crate::api::quality::Measurement;
use crate::api::quality::{Quality, QualityOf};
use crate::api::time::Timestamp;
use crate::context::Context;
use crate::quality_monitor::aggregate::Aggregate;
use crate::quality_monitor::hysteresis::Hysteresis;

#[derive(Clone, Debug)]
struct Rated {
    of: QualityOf,
    hysteresis: Hysteresis,
    aggregate: Aggregate,
    last: Measurement,
}

/// Rates the call once an interval while it is live.
#[derive(Clone, Debug)]
pub(crate) struct Monitor {
    next: Timestamp,
    rtt: Duration,
    rated: [Rated; 3],
}

impl Monitor {
    pub(crate) fn new() -> Self {
        let rated = |of| Rated {
            of,
            hysteresis: Hysteresis::default(),
            aggregate: Aggregate::default(),
            last: Measurement::default(),
        };
        let of_kind = |kind| rated(QualityOf::Kind(kind));
        Self {
            next: Timestamp::ZERO,
            rtt: Duration::ZERO,
            rated: [
                rated(QualityOf::Session),
                of_kind(MediaKind::Audio),
                of_kind(MediaKind::Video),
            ],
        }
    }

    /// A session is live: the first interval begins.
    pub(crate) fn start(&mut self, now: Timestamp, interval: Duration) {
        self.next = now + interval;
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        self.next
    }

    pub(crate) fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// The round-trip time of the path, as last reported.
    pub(crate) fn rtt(&self) -> Duration {
        self.rtt
    }

    /// Whether an interval has ended; if so, the next one begins.
    pub(crate) fn is_due(&mut self, now: Timestamp, interval: Duration) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + interval;
        }
        due
    }

    /// Rates what the tracks measured in the interval. A path without media is rated by its RTT.
    pub(crate) fn rate(
        &mut self,
        tracks: impl Iterator<Item = (MediaKind, Measurement)>,
        cx: &mut Context<'_>,
    ) {
        let mut session = Measurement::default();
        let (mut audio, mut video) = (None, None);
        for (kind, measured) in tracks {
            session = session.worst(measured);
            let of_kind = match kind {
                MediaKind::Audio => &mut audio,
                MediaKind::Video => &mut video,
                MediaKind::Data => continue,
            };
            *of_kind = Some(of_kind.unwrap_or(measured).worst(measured));
        }
        let rtt = self.rtt;
        for (rated, measured) in self.rated.iter_mut().zip([Some(session), audio, video]) {
            let Some(measured) = measured else { continue };
            let measured = Measurement { rtt, ..measured };
            let by = match rated.of {
                QualityOf::Session => Measurement::rating,
                QualityOf::Kind(_) => Measurement::rating_by_loss,
            };
            rated.aggregate.add(measured);
            rated.last = measured;
            if let Some((from, to)) = rated.hysteresis.rate(measured, by) {
                cx.out.event(Event::QualityChanged { of: rated.of, from, to, measured });
            }
        }
    }

    /// The ratings so far.
    pub(crate) fn qualities(&self) -> impl Iterator<Item = Quality> + '_ {
        self.rated.iter().filter_map(|rated| {
            Some(Quality {
                of: rated.of,
                rating: rated.hysteresis.current()?,
                last: rated.last,
                average: rated.aggregate.average()?,
                samples: rated.aggregate.samples(),
            })
        })
    }
}
