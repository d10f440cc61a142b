//! Which objects of a track have been delivered, so that none is delivered twice.

use crate::media::Location;

/// How many groups are remembered. One lasts a second, and streams of older ones are not opened
/// again by a relay that caches only the current group.
const GROUPS: usize = 8;

/// The highest object delivered in each of the newest groups.
///
/// A relay sends the current group again from its first object to whoever subscribes again, and
/// two groups may overlap because each is a stream of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Newest first.
    groups: [Option<Location>; GROUPS],
}

impl Seen {
    /// Whether the object is new; it is not the next time.
    pub(crate) fn insert(&mut self, location: Location) -> bool {
        let mut known = self.groups.iter_mut().flatten();
        if let Some(highest) = known.find(|highest| highest.group == location.group) {
            let new = location > *highest;
            *highest = location.max(*highest);
            return new;
        }
        let oldest = &mut self.groups[GROUPS - 1];
        if oldest.is_some_and(|oldest| location < oldest) {
            return false;
        }
        *oldest = Some(location);
        self.groups.sort_unstable_by(|a, b| b.cmp(a));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_new_once_even_when_groups_overlap() {
        let mut seen = Seen::default();
        for location in [(7, 0), (7, 1), (8, 0), (7, 2), (8, 1)] {
            assert!(seen.insert(Location::new(location.0, location.1)), "{location:?}");
        }
        for location in [(7, 0), (7, 2), (8, 0), (8, 1)] {
            assert!(!seen.insert(Location::new(location.0, location.1)), "{location:?}");
        }
    }

    #[test]
    fn what_is_older_than_every_remembered_group_is_never_delivered_again() {
        let mut seen = Seen::default();
        for group in 10..30 {
            assert!(seen.insert(Location::new(group, 0)));
        }
        assert!(!seen.insert(Location::new(10, 0)));
        assert!(!seen.insert(Location::new(21, 0)));
        assert!(seen.insert(Location::new(u64::MAX, u64::MAX)));
        assert!(!seen.insert(Location::new(u64::MAX, u64::MAX)));
    }
}
