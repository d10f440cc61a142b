//! Separate streams of chance from one seed, so that what one part draws does not change what another
//! one does.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// Who draws.
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
    /// And one for each way of each participant, from here on.
    Packets = 16,
    /// And one for each life of each participant, from here on.
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

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least + if span == 0 { self.draw() } else { self.draw() % span }
    }

    /// One of several; there must be one.
    pub(crate) fn one_of<T: Copy>(&mut self, options: &[T]) -> T {
        let index = self.between(0, options.len() as u64 - 1);
        options[usize::try_from(index).unwrap_or(0)]
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.between(1, n) == 1
    }
}
