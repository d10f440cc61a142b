//! R29: a live call is rated every 3 s, and reports each change of the rating.

use crate::common::{CallHarness, MS};
use holdline_core::config::RetryPolicy;
use holdline_core::id::SubscriptionId;
use holdline_core::media::MediaKind;
use holdline_core::quality::{QualityOf, Rating};
use holdline_core::{Event, Input};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Lets three seconds pass with one group a second. The objects for which `keep` is true arrive.
fn receive(
    harness: &mut CallHarness,
    subscription: SubscriptionId,
    first_group: u64,
    keep: impl Fn(u64) -> bool,
) {
    for group in first_group..first_group + 3 {
        for object in 0..50 {
            if keep(object) {
                harness.object(subscription, group, object);
            } else {
                harness.bobs_object(group, object);
            }
            harness.advance_alive(MS * 20);
        }
    }
}

fn changes(harness: &mut CallHarness) -> Vec<(QualityOf, Option<Rating>, Rating)> {
    harness
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::QualityChanged { of, from, to, .. } => Some((of, from, to)),
            _ => None,
        })
        .collect()
}

/// The statistics hold the last sample and the average of all samples.
#[test]
fn loss_is_rated_per_kind_and_for_the_session() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    let audio = QualityOf::Kind(MediaKind::Audio);
    receive(&mut harness, subscription, 1, |_| true);
    assert!(changes(&mut harness).contains(&(audio, None, Rating::Excellent)));
    receive(&mut harness, subscription, 4, |object| object % 25 != 7);
    let worse = |from, to| [QualityOf::Session, audio].map(|of| (of, Some(from), to));
    assert_eq!(changes(&mut harness), worse(Rating::Excellent, Rating::Fair));
    receive(&mut harness, subscription, 7, |object| object % 10 != 7);
    assert_eq!(changes(&mut harness), worse(Rating::Fair, Rating::Poor));
    let quality = harness.call.stats().quality;
    let of_audio = quality.iter().find(|quality| quality.of == audio).expect("audio is rated");
    assert_eq!((of_audio.samples, of_audio.rating), (3, Rating::Poor));
    assert_eq!(of_audio.last.loss_basis_points, 1_000);
    assert!((450..=480).contains(&of_audio.average.loss_basis_points), "{of_audio:?}");
    for quality in &quality {
        assert_eq!(
            (quality.last.rtt, quality.average.rtt),
            (MS * 10, MS * 10),
            "both figures come from the path"
        );
    }
    assert!(quality.iter().all(|quality| quality.of != QualityOf::Kind(MediaKind::Video)));
}

/// It is not rated while it recovers.
#[test]
fn a_call_without_media_is_rated_by_its_rtt() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::Connect);
    let session = harness.accept();
    harness.out.clear();
    harness.advance_alive(SECOND * 3);
    assert_eq!(changes(&mut harness), [(QualityOf::Session, None, Rating::Excellent)]);
    harness.lose(session);
    harness.advance(SECOND * 10);
    assert!(changes(&mut harness).is_empty());
    assert_eq!(harness.call.stats().quality[0].samples, 1);
}

#[test]
fn a_kind_without_objects_is_not_rated() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.feed(Input::Tick);
    assert!(harness.call.stats().quality.is_empty());
}
