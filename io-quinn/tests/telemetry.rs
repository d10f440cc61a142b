//! R28: the logs, spans and metrics of a recovery through a real relay.

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use common::{FrameSender, Site, receive, wait_for};
use holdline_quinn::{Event, Track};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tracing_subscriber::fmt::format::FmtSpan;

/// A writer that collects the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).expect("text")
    }
}

// On one thread, because recorder and subscriber are thread-local.
/// Their names are a promise to operators, so the test spells them out.
#[tokio::test]
async fn a_recovery_has_its_logs_spans_and_metrics() {
    let (recorder, log) = (DebuggingRecorder::new(), Log::default());
    let metrics = recorder.snapshotter();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("holdline_quinn=debug")
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _subscriber = tracing::subscriber::set_default(subscriber);

    let mut site = Site::open();
    let (alice, bob) = (site.join("alice"), site.join("bob"));
    let _sender = FrameSender::start(alice.publish(Track::audio("mic")).expect("a valid track"));
    let mut received = bob.subscribe("alice", Track::audio("mic")).expect("a valid track");
    let mut events = bob.events();
    receive(&mut received).await;
    let set_up = log.text();
    assert_eq!(set_up.matches("attempt{").count(), 2, "one closed span for each attempt: {set_up}");
    site.crash();
    let second = |e: &Event| matches!(e, Event::AttemptStarted { attempt: 2, .. });
    wait_for(&mut events, |e| second(e).then_some(())).await;
    site.restart();
    wait_for(&mut events, |e| matches!(e, Event::Recovered { .. }).then_some(())).await;
    bob.close().await;
    alice.close().await;

    let log = log.text();
    for name in ["reconnect.attempt", "reconnect.success", "path.migrate"] {
        let line = log.lines().find(|line| line.contains(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {log}"));
        assert!(
            line.contains("incident{incident=incident-"),
            "not in the span of the incident: {line}"
        );
    }
    assert!(!log.contains("reconnect.failure"));
    let closed = |span: &str| log.lines().any(|l| l.contains("close") && l.contains(span));
    assert!(closed("incident{") && closed(":attempt{session=session-"), "{log}");

    let mut seen = Vec::new();
    for (key, _, _, value) in metrics.snapshot().into_vec() {
        let holds = match value {
            DebugValue::Counter(attempts) => attempts >= 2,
            DebugValue::Gauge(rate) => (rate.into_inner() - 1.0).abs() < 1e-9,
            DebugValue::Histogram(times) => {
                times.len() == 2 && times.iter().all(|ms| ms.into_inner() > 0.0)
            }
        };
        assert!(holds, "{key:?}");
        seen.push(key.key().name().to_owned());
    }
    seen.sort();
    assert_eq!(seen, ["reconnect_attempts_total", "reconnect_success_rate", "time_to_recover_ms"]);
}

#[tokio::test]
async fn a_failed_recovery_is_logged_and_lowers_the_success_rate() {
    let (recorder, log) = (DebuggingRecorder::new(), Log::default());
    let metrics = recorder.snapshotter();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _subscriber = tracing::subscriber::set_default(subscriber);

    let mut site = Site::open();
    let mut policy = holdline_quinn::config::RetryPolicy::interactive();
    policy.window = std::time::Duration::from_secs(2);
    let call = holdline_quinn::Call::connect(site.config("alice").policy(policy))
        .expect("a valid configuration");
    let _sender = FrameSender::start(call.publish(Track::audio("mic")).expect("a valid track"));
    let live = |e: &Event| matches!(e, Event::StateChanged { to, .. } if to.to_string() == "live");
    wait_for(&mut call.events(), |e| live(e).then_some(())).await;
    site.crash();
    call.ended().await;

    assert!(log.text().contains("reconnect.failure"), "{}", log.text());
    assert!(log.text().contains("RECOVERY_EXHAUSTED"), "{}", log.text());
    let rate = metrics.snapshot().into_vec().into_iter().find_map(|(_, _, _, value)| match value {
        DebugValue::Gauge(rate) => Some(rate.into_inner()),
        DebugValue::Counter(_) | DebugValue::Histogram(_) => None,
    });
    assert_eq!(rate, Some(0.0));
}
