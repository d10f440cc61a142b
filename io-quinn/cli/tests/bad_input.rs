//! Unusable arguments and files end the command with one line that names them, and exit code 2.

mod common;

use common::{folder, holdline, text, write_wav};
use std::net::UdpSocket;

/// Runs `holdline` with arguments that it must refuse in one line that contains all of `naming`.
fn refused(args: &[&str], naming: &[&str]) {
    let output = holdline().args(args).output().expect("the command runs");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
    assert!(text(&output.stdout).is_empty(), "{args:?}");
    for name in naming {
        assert!(stderr.contains(name), "{args:?} should name {name}: {stderr}");
    }
}

fn call<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut args =
        vec!["call", "--relay", "moqt://127.0.0.1:4443", "--room", "r", "--name", "alice"];
    args.extend(more);
    args
}

#[test]
fn an_unusable_wav_is_refused_with_its_name() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name).to_str().expect("a path in UTF-8").to_owned();
    std::fs::write(at("words.wav"), "these are only words").expect("the file is written");
    write_wav(&at("float.wav"), 32, hound::SampleFormat::Float, 1);
    write_wav(&at("byte.wav"), 8, hound::SampleFormat::Int, 1);
    write_wav(&at("surround.wav"), 16, hound::SampleFormat::Int, 6);
    let whole = {
        write_wav(&at("whole.wav"), 16, hound::SampleFormat::Int, 1);
        std::fs::read(at("whole.wav")).expect("the file is read")
    };
    std::fs::write(at("half.wav"), &whole[..whole.len() / 2]).expect("the file is written");
    for (name, problem) in [
        ("none.wav", "No such file"),
        ("words.wav", "not a WAV"),
        ("float.wav", "32-bit floating point"),
        ("byte.wav", "8-bit PCM"),
        ("surround.wav", "6 channels"),
        ("half.wav", "breaks off"),
    ] {
        refused(&call(&["--send", &at(name)]), &["--send", name, problem]);
    }
}

#[test]
fn an_address_without_the_moqt_scheme_is_refused() {
    for address in ["127.0.0.1:4443", "relay.example", "https://relay.example", "moqt://"] {
        refused(
            &["call", "--relay", address, "--room", "r", "--name", "a"],
            &["--relay", "scheme"][..1 + usize::from(address != "moqt://")],
        );
    }
}

#[test]
fn an_unknown_policy_is_refused_with_the_known_ones() {
    refused(
        &call(&["--policy", "reckless"]),
        &["--policy", "reckless", "interactive", "strict", "patient", "simple"],
    );
}

#[test]
fn an_invalid_name_is_refused() {
    refused(
        &["call", "--relay", "moqt://127.0.0.1", "--room", "a/b", "--name", "a"],
        &["--room", "'/'"],
    );
    refused(&["call", "--relay", "moqt://127.0.0.1", "--room", "a", "--name", ""], &["--name"]);
    refused(&call(&["--from", "b/c"]), &["--from", "'/'"]);
}

#[test]
fn an_unusable_certificate_authority_is_refused() {
    let folder = folder();
    let words = folder.path().join("words.pem");
    std::fs::write(&words, "these are only words").expect("the file is written");
    refused(&call(&["--ca", "/nowhere/ca.pem"]), &["--ca", "/nowhere/ca.pem"]);
    refused(
        &call(&["--ca", words.to_str().expect("a path in UTF-8")]),
        &["--ca", "words.pem", "no certificate"],
    );
}

/// `--out` must never overwrite the file that `--send` reads.
#[test]
fn an_unwritable_recording_is_refused_and_no_input_overwritten() {
    let folder = folder();
    let speech = folder.path().join("speech.wav");
    let speech = speech.to_str().expect("a path in UTF-8");
    write_wav(speech, 16, hound::SampleFormat::Int, 1);
    let before = std::fs::read(speech).expect("the file is read");
    refused(&call(&["--from", "bob", "--out", "/nowhere/out.wav"]), &["--out", "/nowhere/out.wav"]);
    refused(&call(&["--out", "out.wav"]), &["--from"]);
    refused(&call(&["--from", "bob", "--send", speech, "--out", speech]), &["--out", "--send"]);
    assert_eq!(std::fs::read(speech).expect("the file exists"), before);
}

#[test]
fn a_port_in_use_is_refused() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let state = folder();
    let output = holdline()
        .env("XDG_STATE_HOME", state.path())
        .args(["relay", "--bind", &address])
        .output()
        .expect("the command runs");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.contains("--bind") && stderr.contains(&address) && stderr.contains("in use"),
        "{stderr}"
    );
}

#[test]
fn a_relay_needs_a_certificate_and_its_key_or_neither() {
    refused(&["relay", "--cert", "cert.pem"], &["--key"]);
    refused(&["relay", "--key", "key.pem"], &["--cert"]);
    refused(
        &["relay", "--cert", "/nowhere/c.pem", "--key", "/nowhere/k.pem"],
        &["--cert", "/nowhere/c.pem"],
    );
    refused(&["relay", "--bind", "here"], &["--bind", "here"]);
}

#[test]
fn an_invalid_journal_is_refused_with_the_line() {
    let folder = folder();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("the file is written");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    refused(&["replay", "/nowhere/call.jsonl"], &["/nowhere/call.jsonl", "No such file"]);
    refused(&["replay", &write("empty", "")], &["empty", "line 1", "the journal is empty"]);
    refused(&["replay", &write("words", "only words\n")], &["words", "line 1", "not the header"]);
    refused(&call(&["--journal", "/nowhere/call.jsonl"]), &["--journal", "/nowhere/call.jsonl"]);
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [&["--help"][..], &["--version"], &["call", "--help"]] {
        assert!(
            holdline().args(args).output().expect("the command runs").status.success(),
            "{args:?}"
        );
    }
    assert_eq!(holdline().output().expect("the command runs").status.code(), Some(2));
    assert_eq!(
        holdline().arg("frobnicate").output().expect("the command runs").status.code(),
        Some(2)
    );
}

#[test]
fn a_check_without_relay_or_certificate_is_refused() {
    refused(&["check"], &["<URL>"]);
    refused(&["check", "relay.example"], &["<URL>", "scheme"]);
    refused(&["check", "moqt://127.0.0.1:4443", "--ca", "none.pem"], &["--ca", "none.pem"]);
}
