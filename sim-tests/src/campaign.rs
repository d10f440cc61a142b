//! Campaigns: many seeds on several threads, each judged by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::oracles::Violation;
use crate::{Simulator, judge};

/// The wall-clock time after which a run counts as hanging. The slowest runs take seconds.
const SEED_TIMEOUT: Duration = Duration::from_secs(120);
/// How often the campaign polls for results.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The outcome of one seed.
#[derive(Clone, Debug)]
pub struct SeedOutcome {
    /// The seed.
    pub seed: u64,
    /// The violated laws. A run that could not be played to its end violates `completion`.
    pub violations: Vec<Violation>,
    /// The coverage of the run.
    pub coverage: Coverage,
    /// The digest of the run; `None` if it could not be played to its end.
    pub digest: Option<u64>,
    /// How long the run took.
    pub took: Duration,
}

/// Plays one seed and judges it.
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

/// Plays seeds on so many threads, and passes each outcome on as it is ready.
///
/// # Errors
///
/// If a seed has no outcome. The thread of a run that hangs keeps running, so the process should
/// exit.
pub fn run(
    simulator: Simulator,
    seeds: Vec<u64>,
    jobs: usize,
    each: impl FnMut(SeedOutcome),
) -> Result<(), SeedError> {
    on_threads(seeds, jobs, SEED_TIMEOUT, move |seed| play_seed(simulator, seed), each)
}

/// Runs a function on each seed, and passes the results on.
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
        // A scoped thread would have to be joined, and a hanging one never ends.
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
                // Polling costs less than a wake-up for each seed.
                _ => std::thread::sleep(POLL_INTERVAL),
            },
            // If all threads have ended, a seed still in progress has killed its thread.
            Err(TryRecvError::Disconnected) => {
                return work.oldest().map_or(Ok(()), |(seed, _)| Err(SeedError::Died(seed)));
            }
        }
    }
}

/// The seeds, shared by the threads.
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

    /// The seed that has been in progress longest, and for how long.
    fn oldest(&self) -> Option<(u64, Duration)> {
        let in_progress = self.in_progress();
        let ages = in_progress.iter().map(|(seed, since)| (*seed, since.elapsed()));
        ages.max_by_key(|(_, age)| *age)
    }
}

/// A seed without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// The run hangs.
    #[error("seed {0} hangs")]
    Hangs(u64),
    /// The thread panicked while it judged the run.
    #[error("seed {0} could not be judged: its thread panicked")]
    Died(u64),
}

impl SeedError {
    /// The seed.
    pub fn seed(self) -> u64 {
        match self {
            Self::Hangs(seed) | Self::Died(seed) => seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a function on ten seeds with two threads.
    fn play_ten(
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
        assert_eq!(play_ten(SEED_TIMEOUT, |_| {}), (Ok(()), (0..10).collect()));
    }

    #[test]
    fn a_hanging_seed_is_reported_after_the_timeout() {
        let hangs = |seed| {
            if seed == 3 {
                std::thread::sleep(Duration::MAX);
            }
        };
        assert_eq!(play_ten(Duration::from_millis(200), hangs).0, Err(SeedError::Hangs(3)));
    }

    #[test]
    fn a_seed_that_kills_its_thread_is_reported() {
        let dies = |seed| assert_ne!(seed, 3, "on purpose");
        let all_others = (0..10).filter(|seed| *seed != 3).collect();
        assert_eq!(play_ten(SEED_TIMEOUT, dies), (Err(SeedError::Died(3)), all_others));
    }
}
