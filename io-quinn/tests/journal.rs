//! A journal replays exactly and holds no secret, and a replay detects every change of it.

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{FrameSender, Site, receive, wait_for};
use holdline_quinn::journal::{ReplayError, Replayed, VERSION, replay};
use holdline_quinn::{Call, CallConfig, Event, Frame, Track};

/// A file in memory that is as slow as one on a busy disk.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("the task did not panic").clone()).expect("text")
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        std::thread::sleep(Duration::from_millis(200));
        self.0.lock().expect("the task did not panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The journal of a call that lost its relay once, with a token in its relay's address.
async fn recorded() -> String {
    let mut site = Site::open();
    let memory = Memory::default();
    let config = CallConfig::new(format!("{}/?jwt=open-sesame", site.url()), "room", "alice");
    let alice = Call::connect(config.trust(site.trust()).journal(memory.clone()))
        .expect("a valid configuration");
    let bob = Call::connect(
        CallConfig::new(format!("{}/?jwt=open-sesame", site.url()), "room", "bob")
            .trust(site.trust()),
    )
    .expect("a valid configuration");
    let track = alice.publish(Track::audio("audio")).expect("a valid track");
    let payload = Bytes::from_static(b"secret words");
    track.send(Frame::new(1, payload)).expect("the call is live");
    let _sending = FrameSender::start(bob.publish(Track::audio("audio")).expect("a valid track"));
    let mut from_bob = alice.subscribe("bob", Track::audio("audio")).expect("a valid track");
    let mut events = alice.events();
    receive(&mut from_bob).await;
    site.crash();
    wait_for(&mut events, |event| matches!(event, Event::IncidentStarted { .. }).then_some(()))
        .await;
    site.restart();
    wait_for(&mut events, |event| matches!(event, Event::Recovered { .. }).then_some(())).await;
    receive(&mut from_bob).await;
    alice.close().await;
    bob.close().await;
    memory.text()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_replays_without_a_difference_and_keeps_no_secret() {
    let journal = recorded().await;
    let replayed = replay(journal.as_bytes()).expect("no difference");
    assert!(replayed.ended && replayed.inputs > 20 && replayed.outputs > 20, "{replayed:?}");
    assert!(!journal.contains("open-sesame"), "a token");
    assert!(!journal.contains("secret words") && !journal.contains("115,101,99"), "a payload");

    // A journal that breaks off in the middle of a line replays up to there.
    let part = &journal[..journal.len() / 2];
    let Replayed { inputs, ended, .. } = replay(part.as_bytes()).expect("no difference");
    assert!(inputs > 0 && inputs < replayed.inputs && !ended);

    // A change of an output is detected at its line.
    let lines: Vec<&str> = journal.lines().collect();
    let out = lines.iter().position(|line| line.contains("\"dial\"")).expect("a dial");
    let changed = |with: &[&str]| {
        let lines = [&lines[..out], with, &lines[out + 1..]].concat().join("\n");
        match replay(lines.as_bytes()) {
            Err(ReplayError::Difference { line, .. }) => line as usize - 1,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(changed(&[]), out, "a missing output");
    assert_eq!(changed(&[lines[out], lines[out]]), out + 1, "a repeated output");
    let other = lines[out].replace("\"session\":", "\"session\":9");
    assert_eq!(changed(&[&other]), out, "another session");
}

#[test]
fn a_journal_of_another_version_or_invalid_configuration_is_refused() {
    let config = serde_json::to_string(&holdline_quinn::config::Config::new(
        "moqt://relay",
        "room",
        "alice",
    ));
    let config = config.expect("the configuration serialises");
    let header = |version: u32, config: &str| {
        format!(r#"{{"holdline_journal":{version},"config":{config},"seed":1,"now":0}}"#) + "\n"
    };
    assert!(replay(header(VERSION, &config).as_bytes()).is_ok());
    let unreadable = |journal: String| match replay(journal.as_bytes()) {
        Err(error @ ReplayError::Unreadable { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    for other in [VERSION - 1, VERSION + 1] {
        let named = format!("has version {other} of the format");
        assert!(unreadable(header(other, &config)).contains(&named));
    }
    let nobody = config.replace("\"alice\"", "\"\"");
    assert!(unreadable(header(VERSION, &nobody)).contains("participant must not be empty"));
    assert!(unreadable(header(VERSION, &config) + "{}\n").contains("line 2: not an entry"));
}
