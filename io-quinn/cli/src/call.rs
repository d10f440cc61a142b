//! `holdline call`: takes part in a call.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use futures::StreamExt as _;
use holdline_quinn::config::RetryPolicy;
use holdline_quinn::stats::{Outcome, Summary};
use holdline_quinn::{
    Call, CallConfig, ConnectError, Event, Events, StateName, SubscribedTrack, Track, Trust,
};
use serde_json::json;
use tokio::sync::watch;

use crate::args::CallArgs;
use crate::exit::Failure;
use crate::pcm::{Recording, Speech};
use crate::say::say;
use crate::{publish, signals, wording};

/// The progress of the call, as the other parts of the command need it.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Whether the call is live now.
    live: bool,
    peer_is_here: bool,
}

pub(crate) async fn run(args: CallArgs) -> Result<(), Failure> {
    let speech = args.send.as_deref().map(|path| Speech::read("--send", path)).transpose()?;
    let policy = RetryPolicy::named(&args.policy).unwrap_or_default();
    let (first, others) =
        args.relay.split_first().ok_or_else(|| Failure::unusable("--relay", "there is none"))?;
    let mut config = CallConfig::new(first, &args.room, &args.name).policy(policy);
    config = others.iter().fold(config, |config, relay| config.relay(relay));
    if let Some(ca) = &args.ca {
        config =
            config.trust(Trust::pem_file(ca).map_err(|error| Failure::unusable("--ca", error))?);
    }
    if args.out.is_some() && same_file(args.out.as_deref(), args.send.as_deref()) {
        return Err(Failure::unusable("--out", "it is the file that --send reads"));
    }
    let recording = args.out.as_deref().map(|path| Recording::create("--out", path)).transpose()?;
    if let Some(path) = &args.journal {
        let file = File::create(path).map_err(|error| {
            Failure::unusable("--journal", format!("{}: {error}", path.display()))
        })?;
        config = config.journal(file);
    }
    let call = Call::connect(config).map_err(|error| match error {
        ConnectError::Trust(error) => Failure::unusable("--ca", error),
        other => Failure::Unusable(other.to_string()),
    })?;

    let (report_progress, progress) = watch::channel(Progress::default());
    let following = tokio::spawn(follow(call.events(), report_progress, !args.json));
    let subscribed = args
        .from
        .as_deref()
        .map(|peer| call.subscribe(peer, Track::audio(publish::TRACK).lossless()))
        .transpose();
    let subscribed = subscribed.map_err(|error| Failure::unusable("--from", error))?;
    let track = call
        .publish(Track::audio(publish::TRACK).lossless())
        .map_err(|error| Failure::Unusable(error.to_string()))?;

    let sending = async {
        if let Some(speech) = &speech {
            wait_until_ready(progress.clone(), args.from.is_some()).await;
            let _ = publish::send_at_real_speed(std::slice::from_ref(&track), &speech.frames).await;
        }
    };
    let conversation = async {
        let ((), recorded) = futures::join!(sending, record(subscribed, recording));
        if speech.is_none() && args.from.is_none() {
            std::future::pending::<()>().await;
        }
        // The last frames of a lost connection are not delivered before it is restored.
        let _ = progress.clone().wait_for(|progress| progress.live).await;
        recorded
    };
    let recorded = tokio::select! {
        recorded = conversation => recorded,
        _ = call.ended() => Ok(()),
        () = signals::wait_for_stop() => Ok(()),
    };
    // Subscribers learn that the track has ended and was not lost.
    if track.finish().is_ok() {
        tokio::time::sleep(publish::LINGER).await;
    }
    let summary = call.close().await;
    let _ = following.await;
    report(&args, &summary)?;
    recorded
}

fn same_file(a: Option<&Path>, b: Option<&Path>) -> bool {
    let real = |path: Option<&Path>| path.and_then(|path| path.canonicalize().ok());
    real(a).is_some() && real(a) == real(b)
}

/// Waits until the call is live and, if there is a peer to record, until the peer is here.
async fn wait_until_ready(mut progress: watch::Receiver<Progress>, for_peer: bool) {
    let ready = |progress: &Progress| progress.live && (progress.peer_is_here || !for_peer);
    // After the end of the call, sending fails at the first frame.
    let _ = progress.wait_for(ready).await;
}

/// Prints the events of the call, and reports its progress to the other parts of the command.
async fn follow(mut events: Events, report_progress: watch::Sender<Progress>, print: bool) {
    let start = Instant::now();
    while let Some(event) = events.next().await {
        report_progress.send_modify(|progress| match &event {
            Event::StateChanged { to, .. } => progress.live = *to == StateName::Live,
            Event::ParticipantJoined { .. } => progress.peer_is_here = true,
            _ => {}
        });
        if print && let Some(sentence) = wording::of_event(&event) {
            say!("{:8.3}  {sentence}", start.elapsed().as_secs_f64());
        }
    }
}

/// Records the received frames until the peer has finished its track.
async fn record(
    subscribed: Option<SubscribedTrack>,
    mut recording: Option<Recording>,
) -> Result<(), Failure> {
    let mut failed = Ok(());
    if let Some(mut track) = subscribed {
        while let Some(frame) = track.next().await {
            if let Some(recording) = &mut recording
                && failed.is_ok()
            {
                failed = recording.write(&frame.payload);
            }
        }
    }
    let finished = recording.map_or(Ok(()), Recording::finish);
    failed.and(finished)
}

fn report(args: &CallArgs, summary: &Summary) -> Result<(), Failure> {
    let error = match &summary.outcome {
        Outcome::Completed | Outcome::Idle => None,
        Outcome::Failed(error) => Some(error),
    };
    if args.json {
        let object = json!({
            "outcome": if error.is_none() { "completed" } else { "failed" },
            "error": error.map(|error| json!({
                "code": error.code.as_str(),
                "message": error.code.user_message(),
                "action": error.code.action(),
                "root_cause": error.root_cause.to_string(),
                "attempts": error.attempts,
            })),
            "room": args.room,
            "participant": args.name,
            "duration_ms": millis(summary.duration),
            "published": summary.stats.published,
            "subscribed": summary.stats.subscribed,
            "quality": summary.stats.quality,
            "incidents": summary.stats.telemetry.incidents,
            "recovered": summary.stats.telemetry.incidents_recovered,
            "longest_recovery_ms": millis(summary.stats.telemetry.time_to_recover.longest()),
            "record": summary.record,
        });
        say!("{object}");
    } else {
        say!("{}", wording::of_summary(summary));
    }
    match error {
        None => Ok(()),
        Some(error) => Err(Failure::DidNotHold(error.to_string())),
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
