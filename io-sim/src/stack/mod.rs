//! The real stack on a simulated network: the production driver, quinn, moq-transport and the real
//! relay.
//!
//! turmoil simulates the hosts, their time and their restarts; `packet_network.rs` simulates the
//! packets and their faults. A run is one thread whose randomness comes from the seed, so it is
//! repeatable to the byte.

mod certificate;
mod clock;
mod error_capture;
mod packet_network;
mod participant;
mod relay;
mod relay_address;
mod socket;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use holdline_dev_relay::Guard;
use holdline_sim_entropy as entropy;

use self::certificate::Certificate;
use self::error_capture::ErrorCapture;
use self::packet_network::PacketNetwork;
use self::participant::{ParticipantHost, SharedLog};
use self::relay_address::relay_name;
use crate::digest::Digest;
use crate::error::RunError;
use crate::plan::{FaultKind, FaultPlan, Topology};
use crate::rng::{RngStream, SimRng};
use crate::run_log::RunLog;
use crate::script::{START_UNIX_MS, Script, participant_name, restarts};

/// How far hosts run ahead of each other at most, in milliseconds. Processes are killed with this
/// precision.
const LONGEST_TICK: u64 = 25;
/// How long calls may take to close after the end of the run.
const CLOSING_TIME: Duration = Duration::from_secs(3);

/// Plays a plan.
///
/// # Errors
///
/// If the plan cannot be played to its end.
pub fn run(plan: &FaultPlan) -> Result<RunLog, RunError> {
    if !cfg!(tokio_unstable) {
        let why = "built without `--cfg tokio_unstable`: RUSTFLAGS in the environment goes before \
                   .cargo/config.toml";
        return Err(RunError::NotRepeatable(why.into()));
    }
    relay::prepare().map_err(|error| RunError::Process(error.to_string()))?;
    let entropy = SimRng::new(plan.seed, RngStream::Entropy).draw();
    // A drop after a panic may panic again and abort the process. Then only the thread's name shows
    // the seed.
    let name = format!("seed {}", plan.seed);
    let played = entropy::seeded(&name, entropy, wall_clock(Duration::ZERO), || {
        let errors = ErrorCapture::default();
        let played = catch_unwind(AssertUnwindSafe(|| errors.capture(|| play(plan))));
        (played, errors.first())
    });
    let played = played.map(|(played, logged)| match (played, logged) {
        (Ok(Ok(_)), Some(error)) => Ok(Err(RunError::Logged(error))),
        (played, _) => played,
    });
    match played {
        Ok(Ok(record)) => record,
        Ok(Err(panic)) => Err(RunError::panic(&*panic)),
        Err(not_in_effect) => Err(RunError::NotRepeatable(not_in_effect.to_string())),
    }
}

fn play(plan: &FaultPlan) -> Result<RunLog, RunError> {
    let script = Arc::new(Script::new(plan));
    let failed = |error: anyhow::Error| RunError::Process(format!("{error:#}"));
    let Certificate { relays: tls, trust } =
        Certificate::generate(plan.topology.relays).map_err(failed)?;
    let guard = script.conditions.require_tokens().then(Guard::new).transpose().map_err(failed)?;
    let guard = guard.map(Arc::new);
    let packet_network = PacketNetwork::new(Arc::clone(&script));
    let mut sim = turmoil::Builder::new()
        .rng_seed(SimRng::new(plan.seed, RngStream::Topology).draw())
        .epoch(UNIX_EPOCH + wall_clock(Duration::ZERO))
        .tick_duration(tick(&plan.topology))
        .simulation_duration(Duration::MAX)
        .build();
    for relay in 0..plan.topology.relays as usize {
        let (script, packet_network) = (Arc::clone(&script), packet_network.clone());
        let credentials = (tls.clone(), guard.clone());
        sim.host(relay_name(relay), move || {
            relay::serve(relay, Arc::clone(&script), packet_network.clone(), credentials.clone())
        });
    }
    let shared_logs: Vec<SharedLog> =
        (0..script.participants()).map(|_| SharedLog::default()).collect();
    for (who, shared_log) in shared_logs.iter().enumerate() {
        let participant = ParticipantHost {
            who,
            script: Arc::clone(&script),
            packet_network: packet_network.clone(),
            trust: trust.clone(),
            guard: guard.clone(),
            shared_log: shared_log.clone(),
        };
        sim.host(participant_name(who), move || participant.clone().run());
    }

    let relays = restarts(plan, |kind| match kind {
        FaultKind::RelayCrash { relay } => Some(*relay as usize),
        _ => None,
    });
    let participants = restarts(plan, |kind| match kind {
        FaultKind::Restart { participant } => Some(*participant as usize),
        _ => None,
    });
    let relays = relays.into_iter().map(|(at, relay, begins)| (at, relay_name(relay), begins));
    let participants =
        participants.into_iter().map(|(at, who, begins)| (at, participant_name(who), begins));
    let mut restarts: Vec<(u64, String, bool)> = relays.chain(participants).collect();
    restarts.sort_unstable();
    let mut restarts = restarts.into_iter().peekable();

    let end = Duration::from_micros(script.end) + CLOSING_TIME;
    while sim.elapsed() < end {
        let elapsed = sim.elapsed();
        let due = |(at, ..): &(u64, String, bool)| Duration::from_micros(*at) <= elapsed;
        while let Some((_, host, begins)) = restarts.next_if(due) {
            match (begins, sim.is_host_running(host.as_str())) {
                (false, true) => sim.crash(host),
                (true, false) => sim.bounce(host),
                // The host has already stopped by itself.
                _ => {}
            }
        }
        entropy::set_wall_clock(wall_clock(elapsed));
        sim.step().map_err(|error| RunError::Process(error.to_string()))?;
    }
    drop(sim);

    let mut digest = Digest::default();
    digest.add(packet_network.digest());
    let participants: Vec<_> =
        shared_logs.iter().map(|shared_log| std::mem::take(&mut *shared_log.lock())).collect();
    for call in participants.iter().flat_map(|participant| &participant.calls) {
        for (at, event) in &call.events {
            digest.add((at, format!("{event:?}")));
        }
        for delivered in call.tracks.iter().flat_map(|track| &track.delivered) {
            digest.add((delivered.at, delivered.number, &delivered.payload));
        }
    }
    Ok(RunLog { participants, cells: BTreeSet::new(), digest: digest.finish() })
}

/// How far hosts run ahead of each other. No packet takes less time than that, so each arrives on
/// time.
fn tick(topology: &Topology) -> Duration {
    let shortest = topology.latency_ms.iter().min().copied().unwrap_or(LONGEST_TICK);
    Duration::from_millis(shortest.clamp(1, LONGEST_TICK))
}

/// The correct time since 1970.
fn wall_clock(elapsed: Duration) -> Duration {
    Duration::from_millis(START_UNIX_MS) + elapsed
}
