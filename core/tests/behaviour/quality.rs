//! R29: the call is rated every 3 s while it is live, and says so when the rating changes.

use crate::common::{Hand, MS};
use holdline_core::{Event, Input, MediaKind, Policy, QualityOf, Rating, SubscriptionId};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Lets three seconds pass in which every `keep`th object of a group a second arrives.
fn hear(
    hand: &mut Hand,
    subscription: SubscriptionId,
    first_group: u64,
    keep: impl Fn(u64) -> bool,
) {
    for group in first_group..first_group + 3 {
        for object in 0..50 {
            if keep(object) {
                hand.object(subscription, group, object);
            } else {
                hand.said(group, object);
            }
            hand.pass_alive(MS * 20);
        }
    }
}

fn changes(hand: &mut Hand) -> Vec<(QualityOf, Option<Rating>, Rating)> {
    hand.events()
        .into_iter()
        .filter_map(|event| match event {
            Event::QualityChanged { of, from, to, .. } => Some((of, from, to)),
            _ => None,
        })
        .collect()
}

#[test]
fn loss_is_rated_for_its_kind_and_for_the_session_and_averaged() {
    let (mut hand, _) = Hand::live(Policy::interactive(), 1);
    let (subscription, _) = hand.subscription().expect("subscribed");
    let audio = QualityOf::Kind(MediaKind::Audio);
    hear(&mut hand, subscription, 1, |_| true);
    assert!(changes(&mut hand).contains(&(audio, None, Rating::Excellent)));
    hear(&mut hand, subscription, 4, |object| object % 25 != 7);
    let worse = |from, to| [QualityOf::Session, audio].map(|of| (of, Some(from), to));
    assert_eq!(changes(&mut hand), worse(Rating::Excellent, Rating::Fair));
    hear(&mut hand, subscription, 7, |object| object % 10 != 7);
    assert_eq!(changes(&mut hand), worse(Rating::Fair, Rating::Poor));
    let quality = hand.call.stats().quality;
    let of_audio = quality.iter().find(|quality| quality.of == audio).expect("rated");
    assert_eq!((of_audio.samples, of_audio.rating), (3, Rating::Poor));
    assert_eq!(of_audio.last.loss_basis_points, 1_000);
    assert!((450..=480).contains(&of_audio.average.loss_basis_points), "{of_audio:?}");
    for quality in &quality {
        assert_eq!((quality.last.rtt, quality.average.rtt), (MS * 10, MS * 10), "of the path");
    }
    assert!(quality.iter().all(|quality| quality.of != QualityOf::Kind(MediaKind::Video)));
}

#[test]
fn a_call_without_media_is_rated_by_its_round_trip_and_not_while_it_recovers() {
    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(Input::Connect);
    let session = hand.accept();
    hand.out.clear();
    hand.pass_alive(SECOND * 3);
    assert_eq!(changes(&mut hand), [(QualityOf::Session, None, Rating::Excellent)]);
    hand.lose(session);
    hand.pass(SECOND * 10);
    assert!(changes(&mut hand).is_empty());
    assert_eq!(hand.call.stats().quality[0].samples, 1);
}

#[test]
fn a_kind_without_objects_is_not_rated_from_nothing() {
    let (mut hand, _) = Hand::live(Policy::interactive(), 1);
    hand.give(Input::Tick);
    assert!(hand.call.stats().quality.is_empty());
}
