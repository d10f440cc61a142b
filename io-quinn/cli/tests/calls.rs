//! Calls between processes, through a relay that is a process of its own.

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{RelayProcess, folder, holdline, samples, speech, text, write_wav};
use serde_json::Value;

struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the command starts");
        let lines = BufReader::new(child.stdout.take().expect("the stream is piped")).lines();
        Self { child, lines }
    }

    /// Reads lines until one contains `words`.
    fn wait_for(&mut self, words: &str) {
        let mut seen = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.expect("UTF-8");
            if line.contains(words) {
                return;
            }
            seen.push(line);
        }
        panic!("no line contains \"{words}\": {seen:#?}");
    }

    fn end(mut self) -> (Option<i32>, String, String) {
        let rest: Vec<String> = self.lines.map(|line| line.expect("UTF-8")).collect();
        let mut stderr = String::new();
        self.child
            .stderr
            .take()
            .expect("the stream is piped")
            .read_to_string(&mut stderr)
            .expect("UTF-8");
        (self.child.wait().expect("the command ends").code(), rest.join("\n"), stderr)
    }
}

fn interrupt(child: &Child) {
    let sent =
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

#[test]
fn two_processes_receive_each_other_bit_exact_in_any_format() {
    let (state, out) = (folder(), folder());
    let relay = RelayProcess::start_on(state.path(), "127.0.0.1:0");
    let stereo = out.path().join("stereo.wav");
    write_wav(stereo.to_str().expect("a path in UTF-8"), 16, hound::SampleFormat::Int, 2);
    let (alices_recording, bobs_recording) = (out.path().join("a.wav"), out.path().join("b.wav"));
    std::fs::write(&alices_recording, "an older recording, longer than nothing")
        .expect("the file is written");
    let alice = Running::start(
        relay
            .call("alice")
            .args(["--from", "bob"])
            .arg("--send")
            .arg(&stereo)
            .arg("--out")
            .arg(&alices_recording),
    );
    let bob = relay
        .call("bob")
        .args(["--json", "--from", "alice"])
        .arg("--send")
        .arg(speech("bob.wav"))
        .arg("--out")
        .arg(&bobs_recording)
        .output()
        .expect("the command runs");
    let (code, _, stderr) = alice.end();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(bob.status.code(), Some(0), "{}", text(&bob.stderr));
    assert_eq!(samples(&bobs_recording), samples(&stereo));
    assert_eq!(samples(&alices_recording), samples(&speech("bob.wav")));

    let json: Value = serde_json::from_slice(&bob.stdout).expect("only JSON");
    assert_eq!(json["outcome"], "completed");
    assert_eq!(json["published"][0]["sent"], 1_000);
    assert_eq!(json["subscribed"][0]["delivered"], 50);
    assert_eq!(json["incidents"], 0);
}

#[test]
fn a_call_survives_a_killed_relay_and_ends_on_interrupt() {
    let (state, out) = (folder(), folder());
    let journal = out.path().join("alice.jsonl");
    let mut relay = RelayProcess::start(state.path());
    let mut alice = Running::start(
        relay
            .call("alice")
            .args(["--from", "bob"])
            .arg("--send")
            .arg(speech("alice.wav"))
            .arg("--journal")
            .arg(&journal),
    );
    let mut bob = Running::start(
        relay.call("bob").args(["--from", "alice"]).arg("--send").arg(speech("bob.wav")),
    );
    alice.wait_for("hears the other side");
    bob.wait_for("hears the other side");
    relay.kill();
    alice.wait_for("lost the relay");
    bob.wait_for("lost the relay");
    relay.restart();
    for caller in [&mut alice, &mut bob] {
        caller.wait_for("hears the other side");
        caller.wait_for("connected again");
    }
    interrupt(&alice.child);
    let (code, rest, stderr) = alice.end();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(rest.contains("call ended") && rest.contains("1 interruption, 1 recovered"), "{rest}");
    let replay = holdline().arg("replay").arg(&journal).output().expect("the command runs");
    assert_eq!(replay.status.code(), Some(0), "{}", text(&replay.stderr));
    assert!(text(&replay.stdout).contains("no difference"), "{}", text(&replay.stdout));
    assert!(text(&replay.stdout).contains("to the end of the call"));
    bob.wait_for("the other side has finished");
    interrupt(&bob.child);
    assert_eq!(bob.end().0, Some(0));
}

#[test]
fn a_recording_is_bit_exact_although_the_relay_was_killed() {
    let (state, out) = (folder(), folder());
    let recording = out.path().join("heard.wav");
    let mut relay = RelayProcess::start(state.path());
    let mut alice = Running::start(
        relay.call("alice").args(["--from", "bob"]).arg("--send").arg(speech("alice.wav")),
    );
    let mut bob =
        Running::start(relay.call("bob").args(["--from", "alice"]).arg("--out").arg(&recording));
    bob.wait_for("hears the other side");
    alice.wait_for("bob is here");
    relay.kill();
    bob.wait_for("lost the relay");
    std::thread::sleep(std::time::Duration::from_secs(1));
    relay.restart();
    bob.wait_for("got back");
    bob.wait_for("the other side has finished");
    interrupt(&alice.child);
    interrupt(&bob.child);
    let (code, rest, _) = bob.end();
    assert_eq!(code, Some(0), "{rest}");
    assert_eq!(alice.end().0, Some(0));
    assert_eq!(samples(&recording), samples(&speech("alice.wav")));
}

/// Standard error has one plain sentence with the code, the root cause and the number of attempts.
#[test]
fn a_lost_relay_ends_the_call_with_the_root_cause() {
    let state = folder();
    let mut relay = RelayProcess::start(state.path());
    let mut alice = Running::start(
        relay
            .call("alice")
            .args(["--json", "--policy", "simple"])
            .arg("--send")
            .arg(speech("alice.wav")),
    );
    // With --json Alice prints nothing before the end, so Bob shows when she is in the call.
    let mut bob = Running::start(relay.call("bob").args(["--from", "alice", "--policy", "simple"]));
    bob.wait_for("hears the other side");
    relay.kill();
    let (code, _, stderr) = bob.end();
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for words in
        ["RECOVERY_EXHAUSTED", "could not be restored", "packets stopped coming back", "3 attempts"]
    {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    let line = alice.lines.next().expect("one line").expect("UTF-8");
    let json: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(json["outcome"], "failed");
    assert_eq!(json["error"]["code"], "RECOVERY_EXHAUSTED");
    assert_eq!(json["error"]["action"], "rejoin");
    assert_eq!(json["error"]["attempts"], 3);
    assert_eq!(alice.end().0, Some(1));
}

#[test]
fn an_untrusted_certificate_ends_the_call_at_once() {
    let (state, other) = (folder(), folder());
    let relay = RelayProcess::start_on(state.path(), "127.0.0.1:0");
    let stranger = RelayProcess::start_on(other.path(), "127.0.0.1:0");
    let output = holdline()
        .args(["call", "--relay", &relay.url, "--ca", &stranger.ca, "--room", "r", "--name", "eve"])
        .stdin(Stdio::null())
        .output()
        .expect("the command runs");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("TLS_UNTRUSTED") && stderr.contains("1 attempt"), "{stderr}");
}

/// The lossless track loses nothing; the live track skips late frames and reports them as gaps.
#[test]
fn the_demonstration_loses_only_late_live_frames_and_reports_them() {
    let output =
        holdline().args(["demo", "--json", "--seed", "7"]).output().expect("the command runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).expect("only JSON");
    assert_eq!(json["outcome"], "completed");
    for participant in [0, 1] {
        let [lossless, live] = [0, 1].map(|track| {
            let track = &json["participants"][participant]["tracks"][track];
            let count = |name: &str| track[name].as_u64().expect(name);
            assert_eq!(count("sent"), 1_000);
            assert_eq!(count("delivered") + count("lost"), 1_000);
            assert_eq!((count("duplicated"), count("out_of_order")), (0, 0), "{track}");
            assert_eq!(track["bit_exact"], true);
            (count("delivered"), count("lost"), count("told"))
        });
        assert_eq!(lossless, (1_000, 0, 0));
        let (delivered, lost, reported) = live;
        assert!(delivered > 400 && lost > 100 && reported > 100 && reported <= lost, "{live:?}");
    }
    let incidents = json["incidents"].as_array().expect("a list");
    assert_eq!(incidents.len(), 6, "three faults, as each of the two saw them");
    for incident in incidents {
        let (fault, name) = (incident["fault"].as_str(), incident["participant"].as_str());
        let (fault, name) = (fault.expect("a name"), name.expect("a name"));
        assert!(incident["recovered_ms"].is_u64(), "{incident}");
        if fault == "relay killed" || fault.starts_with(name) {
            assert!(incident["detected_ms"].is_u64(), "{incident}");
            assert!(incident["attempts"].is_u64(), "{incident}");
        }
    }
}
