//! The seeds that a campaign plays.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// A range of seeds without its end: `0..1000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Range<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, end) = text.split_once("..").ok_or("the range must be A..B, as in 0..1000")?;
        let number =
            |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no seed number"));
        let seeds = number(first)?..number(end)?;
        if seeds.is_empty() { Err(format!("the range {text} is empty")) } else { Ok(Self(seeds)) }
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0.start, self.0.end)
    }
}

/// A part of the seeds: `K/N`, counted from 1. Each seed belongs to exactly one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u64,
    of: u64,
}

impl Shard {
    /// All seeds.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Whether a seed belongs to this part.
    pub fn has(self, seed: u64) -> bool {
        seed % self.of == self.number - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts =
            text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            Some(_) => Err(format!("{text}: the first number must be between 1 and the second")),
            None => Err(format!("`{text}` is not K/N, as in 1/8")),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_ranges_are_parsed_and_empty_ones_refused() {
        assert_eq!("3..5".parse(), Ok(Seeds(3..5)));
        assert_eq!(Seeds(3..5).to_string(), "3..5");
        for wrong in ["3", "3..", "..3", "5..5", "5..3", "a..b", "-1..4"] {
            assert!(wrong.parse::<Seeds>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_seed_belongs_to_one_shard() {
        let shards: Vec<Shard> =
            (1..=3).map(|k| format!("{k}/3").parse().expect("the shard is valid")).collect();
        for seed in 0..30 {
            assert_eq!(shards.iter().filter(|shard| shard.has(seed)).count(), 1);
        }
        assert!((0..9).all(|seed| Shard::WHOLE.has(seed)));
        for wrong in ["0/3", "4/3", "1", "1/0", "a/b"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
