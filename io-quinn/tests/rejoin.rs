//! R15: a call whose retry budget is used up ends with an error that names an action, and the
//! participant can rejoin.

mod common;

use std::time::Duration;

use common::{FrameSender, Site, receive, wait_for};
use holdline_quinn::config::RetryPolicy;
use holdline_quinn::error::Action;
use holdline_quinn::stats::Outcome;
use holdline_quinn::{Call, Event, Track};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_participant_rejoins_and_is_marked_as_rejoined() {
    let mut site = Site::open();
    let impatient = RetryPolicy { window: Duration::from_secs(2), ..RetryPolicy::interactive() };
    let alice =
        Call::connect(site.config("alice").policy(impatient)).expect("a valid configuration");
    let bob = site.join("bob");
    let mut events = bob.events();
    let mut received = bob.subscribe("alice", Track::audio("mic")).expect("a valid track");
    let sender = FrameSender::start(alice.publish(Track::audio("mic")).expect("a valid track"));
    receive(&mut received).await;
    site.crash();
    let Outcome::Failed(error) = alice.ended().await.outcome else {
        panic!("the call did not fail")
    };
    assert_eq!((error.code.as_str(), error.code.action()), ("RECOVERY_EXHAUSTED", Action::Rejoin));
    drop(sender);
    site.restart();
    wait_for(&mut events, |e| matches!(e, Event::ParticipantAway { .. }).then_some(())).await;

    let again = site.join("alice");
    let _sender = FrameSender::start(again.publish(Track::audio("mic")).expect("a valid track"));
    let rejoined = |e: &Event| matches!(e, Event::ParticipantJoined { rejoined: true, .. });
    wait_for(&mut events, |e| rejoined(e).then_some(())).await;
    receive(&mut received).await;
}
