//! R30, R31: `holdline check` against a real relay, and without one.

mod common;

use common::{RelayProcess, folder, holdline, text};
use holdline_dev_relay::ReservedPort;
use serde_json::Value;

#[test]
fn a_relay_that_works_passes_in_words_and_in_json() {
    let state = folder();
    let relay = RelayProcess::start_on(state.path(), "127.0.0.1:0");
    let check = |more: &[&str]| {
        let output = holdline().args(["check", &relay.url, "--ca", &relay.ca]).args(more).output();
        let output = output.expect("the command runs");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let words = check(&[]);
    assert!(words.contains("through and back      50 of 50 frames"), "{words}");
    assert!(words.contains("UDP over IPv4         yes"), "{words}");
    let json: Value = serde_json::from_str(&check(&["--json"])).expect("only JSON");
    assert_eq!((&json["ok"], &json["code"]), (&Value::Bool(true), &Value::Null));
    assert_eq!((&json["frames_sent"], &json["frames_returned"]), (&50.into(), &50.into()));
    assert_eq!(json["host"]["trusted_authorities"], 1);
    assert!(json["average_loop_ms"].as_f64().expect("a number") > 0.0);
}

#[test]
fn each_failure_is_named_by_its_code() {
    let state = folder();
    let relay = RelayProcess::start_on(state.path(), "127.0.0.1:0");
    let unused = ReservedPort::reserve().expect("a port");
    let nobody = format!("moqt://{}", unused.address());
    for (arguments, code) in [
        (vec!["check", &relay.url, "--json"], "TLS_UNTRUSTED"),
        (vec!["check", &nobody, "--ca", &relay.ca, "--json"], "RELAY_UNREACHABLE"),
    ] {
        let output = holdline().args(&arguments).output().expect("the command runs");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(code) && stderr.lines().count() == 1, "{stderr}");
        let json: Value = serde_json::from_slice(&output.stdout).expect("only JSON");
        assert_eq!((&json["ok"], &json["code"]), (&Value::Bool(false), &code.into()));
    }
}
