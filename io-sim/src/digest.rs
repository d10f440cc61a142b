//! A hash over everything that happens in a run. Two equal runs of one build have the same hash.

use std::fmt;
use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

#[derive(Clone, Default)]
pub(crate) struct Digest(FxHasher);

impl Digest {
    pub(crate) fn add(&mut self, what: impl Hash) {
        what.hash(&mut self.0);
    }

    /// Adds bytes as they are, without their length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    pub(crate) fn finish(&self) -> u64 {
        self.0.finish()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:016x})", self.finish())
    }
}
