//! `holdline demo`: a real two-way call through a real relay that crashes and restarts, over
//! networks that cut off one participant and then the other.

mod participant;
mod relay_process;
mod report;
mod tally;
mod timeline;

use std::time::{Duration, Instant};

use holdline_dev_relay::{Certificate, Forwarder};
use holdline_quinn::Trust;

use crate::args::DemoArgs;
use crate::demo::participant::Participant;
use crate::demo::relay_process::RelayProcess;
use crate::demo::report::{Fault, Report};
use crate::demo::timeline::Timeline;
use crate::exit::Failure;
use crate::pcm::Speech;
use crate::say::say;
use crate::signals;

/// Sample speech of 20 s, 16 kHz mono, made with a speech synthesiser.
const ALICE: &[u8] = include_bytes!("../../assets/alice.wav");
const BOB: &[u8] = include_bytes!("../../assets/bob.wav");

/// How long the relay is down, and how long each participant is cut off.
const OUTAGE: Duration = Duration::from_secs(2);
/// How long everything works before each fault.
const CALM: Duration = Duration::from_millis(2_500);
/// The longest that the whole demonstration may take: speech, and the longest recovery.
const TIME_LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn run(args: DemoArgs) -> Result<(), Failure> {
    let report = tokio::select! {
        report = tokio::time::timeout(TIME_LIMIT, play(&args)) => match report {
            Ok(report) => report?,
            Err(_) => return Err(Failure::DidNotHold("the demonstration did not end in time".into())),
        },
        () = signals::wait_for_stop() => return Err(Failure::DidNotHold("stopped".into())),
    };
    if args.json {
        say!("{}", serde_json::to_string(&report).map_err(anyhow::Error::from)?);
    } else {
        say!("\n{report}");
    }
    match report.problem() {
        None => Ok(()),
        Some(problem) => Err(Failure::DidNotHold(problem)),
    }
}

async fn play(args: &DemoArgs) -> Result<Report, Failure> {
    let folder = tempfile::tempdir()?;
    let files = Certificate::generate()?.save(folder.path())?;
    let trust = Trust::pem_file(&files.certificate).map_err(anyhow::Error::from)?;
    let timeline = Timeline::start(!args.json);

    let mut relay = RelayProcess::start(&files).await?;
    let (address, id) = (relay.address(), relay.id());
    timeline.log("relay", &format!("listening on {address}, as process {id}"));
    let alices_network = Forwarder::start(address).await?;
    let bobs_network = Forwarder::start(address).await?;

    let speech =
        |wav| Speech::from_wav(wav).map_err(|problem| anyhow::anyhow!("sample speech: {problem}"));
    let alice = Participant::join(
        ("alice", "bob"),
        speech(ALICE)?,
        args.seed,
        &alices_network,
        &trust,
        &timeline,
    )?;
    let bob = Participant::join(
        ("bob", "alice"),
        speech(BOB)?,
        args.seed + 1,
        &bobs_network,
        &trust,
        &timeline,
    )?;
    let (mut alice, mut bob) = futures::try_join!(alice, bob)?;

    let mut faults = Vec::new();
    // Each seed has its own moment for the first fault: early or late in a word, a group, a probe.
    tokio::time::sleep(CALM + Duration::from_millis(args.seed % 1_000)).await;
    let at = Instant::now();
    relay.kill().await?;
    timeline.log("relay", "killed (SIGKILL)");
    tokio::time::sleep(OUTAGE).await;
    relay.restart(&files).await?;
    let name = "relay killed";
    faults.push(Fault { name, affects: &["alice", "bob"], at, healed: Instant::now() });
    timeline.log("relay", &format!("listening again, as process {}", relay.id()));

    let cuts: [(_, _, &[_]); 2] =
        [("alice cut off", &alices_network, &["alice"]), ("bob cut off", &bobs_network, &["bob"])];
    for (name, network, affects) in cuts {
        tokio::time::sleep(CALM).await;
        let at = Instant::now();
        network.partition(true);
        timeline.log("net", &format!("{name}: nothing comes through, either way"));
        tokio::time::sleep(OUTAGE).await;
        network.partition(false);
        faults.push(Fault { name, affects, at, healed: Instant::now() });
        timeline.log("net", "everything comes through again");
    }

    futures::join!(alice.wait_until_done(), bob.wait_until_done());
    let (alice, bob) = futures::join!(alice.leave(), bob.leave());
    timeline.log("relay", "no longer needed");
    Ok(Report::new(&[alice, bob], &faults))
}
