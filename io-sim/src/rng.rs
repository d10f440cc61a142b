//! Separate random streams from one seed, so that one part's draws do not change another part's.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// The user of a random stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RngStream {
    Topology = 1,
    Faults = 2,
    Script = 3,
    Entropy = 4,
    Requests = 5,
    Tokens = 6,
    AppActions = 7,
    Directory = 8,
    Crowd = 9,
    Together = 10,
    PathFaults = 11,
    /// One stream for each direction of each participant, from this number on.
    Packets = 16,
    /// One stream for each call of each participant, from this number on.
    Calls = 1024,
}

#[derive(Clone, Debug)]
pub(crate) struct SimRng(ChaCha8Rng);

impl SimRng {
    pub(crate) fn new(seed: u64, stream: RngStream) -> Self {
        Self::numbered(seed, stream, 0)
    }

    pub(crate) fn numbered(seed: u64, stream: RngStream, number: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream as u64 + number);
        Self(rng)
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least + if span == 0 { self.draw() } else { self.draw() % span }
    }

    /// One of the options, of which there must be at least one.
    pub(crate) fn one_of<T: Copy>(&mut self, options: &[T]) -> T {
        let index = self.between(0, options.len() as u64 - 1);
        options[usize::try_from(index).unwrap_or(0)]
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.between(1, n) == 1
    }
}
