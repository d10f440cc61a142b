//! `holdline call`: take part in a call.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use futures::StreamExt as _;
use holdline_quinn::{
    Call, CallConfig, ConnectError, Event, Events, Outcome, Policy, StateName, SubscribedTrack,
    Summary, Track, Trust,
};
use serde_json::json;
use tokio::sync::watch;

use crate::args::CallArgs;
use crate::exit::Failure;
use crate::pcm::{Recording, Speech};
use crate::say::say;
use crate::{signals, talk, wording};

/// What the other parts of the command need to know about the call.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Whether the call is live just now.
    live: bool,
    peer_is_here: bool,
}

pub(crate) async fn run(args: CallArgs) -> Result<(), Failure> {
    let speech = args.send.as_deref().map(|path| Speech::read("--send", path)).transpose()?;
    let policy = Policy::named(&args.policy).unwrap_or_default();
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

    let (tell, seen) = watch::channel(Seen::default());
    let told = tokio::spawn(follow(call.events(), tell, !args.json));
    let heard = args
        .from
        .as_deref()
        .map(|peer| call.subscribe(peer, Track::audio(talk::TRACK).lossless()))
        .transpose();
    let heard = heard.map_err(|error| Failure::unusable("--from", error))?;
    let track = call
        .publish(Track::audio(talk::TRACK).lossless())
        .map_err(|error| Failure::Unusable(error.to_string()))?;

    let saying = async {
        if let Some(speech) = &speech {
            wait_to_speak(seen.clone(), args.from.is_some()).await;
            let _ = talk::speak(std::slice::from_ref(&track), &speech.frames).await;
        }
    };
    let conversation = async {
        let ((), recorded) = futures::join!(saying, record(heard, recording));
        if speech.is_none() && args.from.is_none() {
            std::future::pending::<()>().await;
        }
        // Whoever stops while the connection is lost has not been heard: first it must come back.
        let _ = seen.clone().wait_for(|seen| seen.live).await;
        recorded
    };
    let recorded = tokio::select! {
        recorded = conversation => recorded,
        _ = call.ended() => Ok(()),
        () = signals::stop() => Ok(()),
    };
    // Whoever listens learns that this was the end, not a loss.
    if track.finish().is_ok() {
        tokio::time::sleep(talk::LINGER).await;
    }
    let summary = call.close().await;
    let _ = told.await;
    report(&args, &summary)?;
    recorded
}

fn same_file(a: Option<&Path>, b: Option<&Path>) -> bool {
    let real = |path: Option<&Path>| path.and_then(|path| path.canonicalize().ok());
    real(a).is_some() && real(a) == real(b)
}

/// Nobody speaks before the call is up, or into the absence of the one they listen to.
async fn wait_to_speak(mut seen: watch::Receiver<Seen>, for_peer: bool) {
    let ready = |seen: &Seen| seen.live && (seen.peer_is_here || !for_peer);
    // When the call has ended, speaking ends at its first frame.
    let _ = seen.wait_for(ready).await;
}

/// Tells the person what happens, and the other parts of the command what they wait for.
async fn follow(mut events: Events, tell: watch::Sender<Seen>, aloud: bool) {
    let start = Instant::now();
    while let Some(event) = events.next().await {
        tell.send_modify(|seen| match &event {
            Event::StateChanged { to, .. } => seen.live = *to == StateName::Live,
            Event::ParticipantJoined { .. } => seen.peer_is_here = true,
            _ => {}
        });
        if aloud && let Some(sentence) = wording::of_event(&event) {
            say!("{:8.3}  {sentence}", start.elapsed().as_secs_f64());
        }
    }
}

/// Records what is heard until the other side has finished.
async fn record(
    heard: Option<SubscribedTrack>,
    mut recording: Option<Recording>,
) -> Result<(), Failure> {
    let mut failed = Ok(());
    if let Some(mut heard) = heard {
        while let Some(frame) = heard.next().await {
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
