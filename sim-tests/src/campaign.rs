//! Many seeds, on every core, each judged by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::oracles::Violation;
use crate::{Simulator, judge};

/// A run that takes longer than this, by the clock on the wall, hangs: the slowest take seconds.
const SEED_TIMEOUT: Duration = Duration::from_secs(120);
/// How often results are looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct SeedOutcome {
    /// The seed.
    pub seed: u64,
    /// Which laws were broken. A run that could not be played to its end has broken one, too.
    pub violations: Vec<Violation>,
    /// What was covered.
    pub coverage: Coverage,
    /// Over everything that happened.
    pub digest: Option<u64>,
    /// How long it took.
    pub took: Duration,
}

/// Plays one seed.
pub fn play_seed(simulator: Simulator, seed: u64) -> SeedOutcome {
    let started = Instant::now();
    let (violations, coverage, digest) = match judge(simulator, simulator.plan(seed)) {
        Ok(verdict) => {
            let coverage = Coverage::of(&verdict.plan, &verdict.log);
            (verdict.violations, coverage, Some(verdict.log.digest))
        }
        Err(error) => {
            let violation = Violation { law: "completion", detail: error.to_string() };
            (vec![violation], Coverage::default(), None)
        }
    };
    SeedOutcome { seed, violations, coverage, digest, took: started.elapsed() }
}

/// Plays seeds on so many threads, and hands on what comes of each, in the order in which they end.
///
/// # Errors
///
/// Names a seed of which nothing came. If its run hangs, its thread is left behind, so the process should end.
pub fn run(
    simulator: Simulator,
    seeds: Vec<u64>,
    jobs: usize,
    each: impl FnMut(SeedOutcome),
) -> Result<(), SeedError> {
    on_threads(seeds, jobs, SEED_TIMEOUT, move |seed| play_seed(simulator, seed), each)
}

/// Does something with each seed, and hands on what comes of it.
fn on_threads<T: Send + 'static>(
    seeds: Vec<u64>,
    jobs: usize,
    timeout: Duration,
    play_seed: impl Fn(u64) -> T + Clone + Send + 'static,
    mut each: impl FnMut(T),
) -> Result<(), SeedError> {
    let work =
        Arc::new(WorkQueue { seeds, next: AtomicUsize::new(0), in_progress: Mutex::default() });
    let (ended, results) = mpsc::channel();
    for _ in 0..jobs.max(1) {
        let (work, ended, play_seed) = (Arc::clone(&work), ended.clone(), play_seed.clone());
        // Not scoped: nobody can wait for one that hangs.
        std::thread::spawn(move || {
            while let Some(seed) = work.begin() {
                let outcome = play_seed(seed);
                work.end(seed);
                if ended.send(outcome).is_err() {
                    break;
                }
            }
        });
    }
    drop(ended);
    loop {
        match results.try_recv() {
            Ok(outcome) => each(outcome),
            Err(TryRecvError::Empty) => match work.oldest() {
                Some((seed, age)) if age > timeout => return Err(SeedError::Hangs(seed)),
                // To be woken for each seed would take time from those that are being played.
                _ => std::thread::sleep(POLL_INTERVAL),
            },
            // What is under way although no thread is left has lost its own.
            Err(TryRecvError::Disconnected) => {
                return work.oldest().map_or(Ok(()), |(seed, _)| Err(SeedError::Died(seed)));
            }
        }
    }
}

/// What the threads share.
struct WorkQueue {
    seeds: Vec<u64>,
    next: AtomicUsize,
    in_progress: Mutex<BTreeMap<u64, Instant>>,
}

impl WorkQueue {
    fn in_progress(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.in_progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Option<u64> {
        let seed = *self.seeds.get(self.next.fetch_add(1, Ordering::Relaxed))?;
        self.in_progress().insert(seed, Instant::now());
        Some(seed)
    }

    fn end(&self, seed: u64) {
        self.in_progress().remove(&seed);
    }

    /// Of the seeds that are under way, the one that has been for longest, and for how long.
    fn oldest(&self) -> Option<(u64, Duration)> {
        let in_progress = self.in_progress();
        let ages = in_progress.iter().map(|(seed, since)| (*seed, since.elapsed()));
        ages.max_by_key(|(_, age)| *age)
    }
}

/// A seed of which nothing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// Its run does not end.
    #[error("seed {0} does not end")]
    Hangs(u64),
    /// Whoever judged it panicked.
    #[error("seed {0} could not be judged: its thread panicked")]
    Died(u64),
}

impl SeedError {
    /// Which it is.
    pub fn seed(self) -> u64 {
        match self {
            Self::Hangs(seed) | Self::Died(seed) => seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of ten seeds on two threads.
    fn ten(
        timeout: Duration,
        play_seed: impl Fn(u64) + Clone + Send + 'static,
    ) -> (Result<(), SeedError>, Vec<u64>) {
        let play = move |seed| {
            play_seed(seed);
            seed
        };
        let mut played = Vec::new();
        let ended = on_threads((0..10).collect(), 2, timeout, play, |seed| played.push(seed));
        played.sort_unstable();
        (ended, played)
    }

    #[test]
    fn every_seed_is_played_once() {
        assert_eq!(ten(SEED_TIMEOUT, |_| {}), (Ok(()), (0..10).collect()));
    }

    #[test]
    fn a_seed_that_does_not_end_is_named_when_its_time_is_over() {
        let for_ever = |seed| {
            if seed == 3 {
                std::thread::sleep(Duration::MAX);
            }
        };
        assert_eq!(ten(Duration::from_millis(200), for_ever).0, Err(SeedError::Hangs(3)));
    }

    #[test]
    fn a_seed_that_takes_its_thread_with_it_is_named() {
        let dies = |seed| assert_ne!(seed, 3, "on purpose");
        let all_others = (0..10).filter(|seed| *seed != 3).collect();
        assert_eq!(ten(SEED_TIMEOUT, dies), (Err(SeedError::Died(3)), all_others));
    }
}
