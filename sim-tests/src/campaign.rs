//! Many seeds, on every core, each judged by itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::oracles::Broken;
use crate::{World, judge};

/// A run that takes longer than this, by the clock on the wall, hangs: the slowest take seconds.
const HANGS: Duration = Duration::from_secs(120);
/// How often results are looked for.
const GLANCE: Duration = Duration::from_millis(20);

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
/// Names a seed of which nothing came. If its run hangs, its thread is left behind, so the process should end.
pub fn run(
    world: World,
    seeds: Vec<u64>,
    jobs: usize,
    each: impl FnMut(Played),
) -> Result<(), Lost> {
    on_threads(seeds, jobs, HANGS, move |seed| play(world, seed), each)
}

/// Does something with each seed, and hands on what comes of it.
fn on_threads<T: Send + 'static>(
    seeds: Vec<u64>,
    jobs: usize,
    hangs: Duration,
    play: impl Fn(u64) -> T + Clone + Send + 'static,
    mut each: impl FnMut(T),
) -> Result<(), Lost> {
    let work = Arc::new(Work { seeds, next: AtomicUsize::new(0), under_way: Mutex::default() });
    let (ended, results) = mpsc::channel();
    for _ in 0..jobs.max(1) {
        let (work, ended, play) = (Arc::clone(&work), ended.clone(), play.clone());
        // Not scoped: nobody can wait for one that hangs.
        std::thread::spawn(move || {
            while let Some(seed) = work.begin() {
                let played = play(seed);
                work.end(seed);
                if ended.send(played).is_err() {
                    break;
                }
            }
        });
    }
    drop(ended);
    loop {
        match results.try_recv() {
            Ok(played) => each(played),
            Err(TryRecvError::Empty) => match work.oldest() {
                Some((seed, age)) if age > hangs => return Err(Lost::Hangs(seed)),
                // To be woken for each seed would take time from those that are being played.
                _ => std::thread::sleep(GLANCE),
            },
            // What is under way although no thread is left has lost its own.
            Err(TryRecvError::Disconnected) => {
                return work.oldest().map_or(Ok(()), |(seed, _)| Err(Lost::Died(seed)));
            }
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

    /// Of the seeds that are under way, the one that has been for longest, and for how long.
    fn oldest(&self) -> Option<(u64, Duration)> {
        let under_way = self.under_way();
        let ages = under_way.iter().map(|(seed, since)| (*seed, since.elapsed()));
        ages.max_by_key(|(_, age)| *age)
    }
}

/// A seed of which nothing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Its run does not end.
    #[error("seed {0} does not end")]
    Hangs(u64),
    /// Whoever judged it panicked.
    #[error("seed {0} could not be judged: its thread panicked")]
    Died(u64),
}

impl Lost {
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
        hangs: Duration,
        play: impl Fn(u64) + Clone + Send + 'static,
    ) -> (Result<(), Lost>, Vec<u64>) {
        let play = move |seed| {
            play(seed);
            seed
        };
        let mut played = Vec::new();
        let ended = on_threads((0..10).collect(), 2, hangs, play, |seed| played.push(seed));
        played.sort_unstable();
        (ended, played)
    }

    #[test]
    fn every_seed_is_played_once() {
        assert_eq!(ten(HANGS, |_| {}), (Ok(()), (0..10).collect()));
    }

    #[test]
    fn a_seed_that_does_not_end_is_named_when_its_time_is_over() {
        let for_ever = |seed| {
            if seed == 3 {
                std::thread::sleep(Duration::MAX);
            }
        };
        assert_eq!(ten(Duration::from_millis(200), for_ever).0, Err(Lost::Hangs(3)));
    }

    #[test]
    fn a_seed_that_takes_its_thread_with_it_is_named() {
        let dies = |seed| assert_ne!(seed, 3, "on purpose");
        let all_others = (0..10).filter(|seed| *seed != 3).collect();
        assert_eq!(ten(HANGS, dies), (Err(Lost::Died(3)), all_others));
    }
}
