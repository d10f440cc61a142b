//! The place of an object in its track.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The place of an object in its track: group, then object within the group
/// (draft-ietf-moq-transport-18, section 1.4.1).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Location {
    /// The group. Groups rise over all sessions of the publisher.
    pub group: u64,
    /// The object within the group, from 0.
    pub object: u64,
}

impl Location {
    /// The location of object `object` in group `group`.
    pub const fn new(group: u64, object: u64) -> Self {
        Self { group, object }
    }

    /// The last possible location: groups are QUIC integers (RFC 9000, section 16).
    pub const LAST: Self = Self::new((1 << 62) - 1, u64::MAX);

    /// The location right after this one in its group.
    pub(crate) const fn next(self) -> Self {
        Self::new(self.group, self.object.saturating_add(1))
    }

    /// The last possible location before this one.
    pub(crate) const fn previous(self) -> Self {
        match self.object.checked_sub(1) {
            Some(object) => Self::new(self.group, object),
            None => Self::new(self.group.saturating_sub(1), u64::MAX),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn locations_are_printed_and_have_neighbours() {
        assert_eq!(Location::new(7, 42).to_string(), "7/42");
        assert_eq!(Location::new(7, 42).next(), Location::new(7, 43));
        assert_eq!(Location::new(7, 42).previous(), Location::new(7, 41));
        assert_eq!(Location::new(7, 0).previous(), Location::new(6, u64::MAX));
        assert_eq!(Location::new(0, 0).previous(), Location::new(0, u64::MAX));
        assert_eq!(Location::LAST.group, 0x3fff_ffff_ffff_ffff, "the largest QUIC integer");
    }
}
