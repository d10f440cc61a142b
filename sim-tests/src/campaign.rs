//! Many seeds, on every core, each judged by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::oracles::Broken;
use crate::{World, judge};

/// A run that takes longer than this, by the clock on the wall, hangs: the slowest take seconds.
const HANGS: Duration = Duration::from_secs(120);

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct Played {
    /// The seed.
    pub seed: u64,
    /// Which laws were broken. A run that could not be played to its end has broken one, too.
    pub broken: Vec<Broken>,
    /// What was covered.
    pub coverage: Coverage,
    /// Over everything that happened.
    pub digest: Option<u64>,
    /// How long it took.
    pub took: Duration,
}

/// Plays one seed.
pub fn play(world: World, seed: u64) -> Played {
    let begun = Instant::now();
    let (broken, coverage, digest) = match judge(world, world.plan(seed)) {
        Ok(verdict) => {
            let coverage = Coverage::of(&verdict.plan, &verdict.record);
            (verdict.broken, coverage, Some(verdict.record.digest))
        }
        Err(error) => {
            let broken = Broken { law: "completion", how: error.to_string() };
            (vec![broken], Coverage::default(), None)
        }
    };
    Played { seed, broken, coverage, digest, took: begun.elapsed() }
}

/// Plays seeds on so many threads, and hands on what comes of each, in the order in which they end.
///
/// # Errors
///
/// Names a seed whose run hangs. Its thread is left behind, so the process should end.
pub fn run(
    world: World,
    seeds: Vec<u64>,
    jobs: usize,
    mut each: impl FnMut(Played),
) -> Result<(), Hang> {
    let work = Arc::new(Work { seeds, next: AtomicUsize::new(0), under_way: Mutex::default() });
    let (ended, results) = mpsc::channel();
    for _ in 0..jobs.max(1) {
        let (work, ended) = (Arc::clone(&work), ended.clone());
        // Not scoped: nobody can wait for one that hangs.
        std::thread::spawn(move || {
            while let Some(seed) = work.begin() {
                let played = play(world, seed);
                work.end(seed);
                if ended.send(played).is_err() {
                    break;
                }
            }
        });
    }
    drop(ended);
    loop {
        match results.recv_timeout(Duration::from_secs(1)) {
            Ok(played) => each(played),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            Err(mpsc::RecvTimeoutError::Timeout) => work.hanging().map_or(Ok(()), Err)?,
        }
    }
}

/// What the threads share.
struct Work {
    seeds: Vec<u64>,
    next: AtomicUsize,
    under_way: Mutex<BTreeMap<u64, Instant>>,
}

impl Work {
    fn under_way(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Option<u64> {
        let seed = *self.seeds.get(self.next.fetch_add(1, Ordering::Relaxed))?;
        self.under_way().insert(seed, Instant::now());
        Some(seed)
    }

    fn end(&self, seed: u64) {
        self.under_way().remove(&seed);
    }

    fn hanging(&self) -> Option<Hang> {
        let under_way = self.under_way();
        let hanging = under_way.iter().find(|(_, since)| since.elapsed() > HANGS);
        hanging.map(|(seed, _)| Hang { seed: *seed })
    }
}

/// A run that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed} does not end")]
pub struct Hang {
    /// Its seed.
    pub seed: u64,
}
