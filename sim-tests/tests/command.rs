//! The command `holdline-sim`: its output and its exit codes.

use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdline-sim"))
        .args(arguments)
        .output()
        .expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn unusable_arguments_are_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let odd = folder.path().join("odd.toml");
    std::fs::write(&odd, "version = 7\n").expect("the file can be written");
    let odd = odd.to_string_lossy().into_owned();
    for (arguments, named) in [
        (&["run", "--seeds", "5"][..], "--seeds"),
        (&["run", "--seeds", "5..5"], "--seeds"),
        (&["run", "--seeds", "0..1", "--shard", "3/2"], "--shard"),
        (&["run", "--seeds", "0..1", "--jobs", "0"], "--jobs"),
        (&["run", "--seeds", "0..1", "--model", "--json", "/nowhere/at/all"], "--json"),
        (&["run"], "--seeds"),
        (&["replay", "/nowhere/plan.toml"], "/nowhere/plan.toml"),
        (&["replay", &odd], "odd.toml"),
        (&["shrink", "1", "--model"], "breaks no law"),
        (&["dance"], "dance"),
    ] {
        let output = run(arguments);
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {printed}");
        assert!(
            printed.lines().count() == 1 && printed.contains(named),
            "{arguments:?}: {printed}"
        );
    }
}

#[test]
fn a_campaign_prints_a_summary_and_writes_json_lines() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("seeds.jsonl");
    let path = file.to_string_lossy().into_owned();
    let output = run(&["run", "--seeds", "10..30", "--shard", "1/2", "--model", "--json", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("0 broke a law"), "{}", text(&output.stdout));
    let lines: Vec<serde_json::Value> = std::fs::read_to_string(&file)
        .expect("the file is written")
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    let mut seeds: Vec<u64> = lines.iter().filter_map(|line| line["seed"].as_u64()).collect();
    seeds.sort_unstable();
    assert_eq!(seeds, (10..30).step_by(2).collect::<Vec<_>>());
    assert_eq!(lines.last().expect("the file has lines")["summary"]["played"], 10);
}

#[test]
fn replay_prints_the_plan_and_writes_a_report() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let page = folder.path().join("run.html");
    let path = page.to_string_lossy().into_owned();
    let output = run(&["replay", "3", "--model", "--trace", "--report", &path]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    for expected in ["seed = 3", "StateChanged", "Every law held.", "digest "] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    let page = std::fs::read_to_string(page).expect("the file is written");
    assert!(page.contains("<svg") && page.contains("Seed 3"));
}

#[test]
fn verify_determinism_accepts_equal_runs() {
    let output = run(&["verify-determinism", "--seeds", "0..3"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut replay = Command::new(env!("CARGO_BIN_EXE_holdline-sim"))
        .args(["replay", "7", "--model", "--trace"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // Closes the pipe, as `| head` does.
    drop(replay.stdout.take());
    let output = replay.wait_with_output().expect("the command ends");
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
}
