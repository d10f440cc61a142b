//! R15: a call whose budget is used up ends with an error that can be acted on, and rejoining works.

mod common;

use std::time::Duration;

use common::{Site, Speaker, hear, wait_for};
use holdline_quinn::{Action, Call, Event, Outcome, Policy, Track};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_given_up_joins_again_and_is_marked_as_rejoining() {
    let mut site = Site::open();
    let impatient = Policy { window: Duration::from_secs(2), ..Policy::interactive() };
    let alice = Call::connect(site.config("alice").policy(impatient)).expect("a call");
    let bob = site.join("bob");
    let mut events = bob.events();
    let mut heard = bob.subscribe("alice", Track::audio("mic")).expect("a track");
    let speaker = Speaker::start(alice.publish(Track::audio("mic")).expect("a track"));
    hear(&mut heard).await;
    site.crash();
    let Outcome::Failed(error) = alice.ended().await.outcome else { panic!("it has ended well") };
    assert_eq!((error.code.as_str(), error.code.action()), ("RECOVERY_EXHAUSTED", Action::Rejoin));
    drop(speaker);
    site.restart();
    wait_for(&mut events, |e| matches!(e, Event::ParticipantAway { .. }).then_some(())).await;

    let again = site.join("alice");
    let _speaker = Speaker::start(again.publish(Track::audio("mic")).expect("a track"));
    let rejoined = |e: &Event| matches!(e, Event::ParticipantJoined { rejoined: true, .. });
    wait_for(&mut events, |e| rejoined(e).then_some(())).await;
    hear(&mut heard).await;
}
