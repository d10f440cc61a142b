//! When two calls are the same: what they will do from here on is, whatever came before.
//!
//! A call is compared by what `Debug` shows of it, without its counters, with identifiers numbered
//! in the order in which they appear, and with times as so many steps from now.

use std::fmt::Write as _;
use std::time::Duration;

use holdline_core::{Supervisor, Timestamp};

/// What counts, measures and reports, and decides nothing here: pauses of the small configuration do
/// not grow. (Where the next frame goes rises for ever; what was said is not asked for here.)
const LEFT_OUT: [&str; 22] = [
    "config",
    "rng",
    "now",
    "mint",
    "next_epoch",
    "telemetry",
    "counters",
    "monitor",
    "meter",
    "record",
    "last_media",
    "count",
    "next_location",
    "next_number",
    "history",
    "out",
    "failures",
    "refusals",
    "pauses",
    "first_failure",
    "last_failure",
    "cause",
];

/// What happened longer ago than this decides nothing any more: no bound of the small configuration
/// is longer.
const LONG_AGO: i64 = 32;

/// Makes keys of calls. Kept, because its buffers are.
#[derive(Default)]
pub(crate) struct Canon {
    text: String,
    key: String,
    known: Vec<(u8, u64)>,
}

impl Canon {
    /// The key of a call, at a time.
    pub(crate) fn key(&mut self, call: &Supervisor, now: Timestamp, step: Duration) -> u128 {
        self.text.clear();
        write!(self.text, "{call:?}").expect("memory");
        self.key.clear();
        self.known.clear();
        let text = std::mem::take(&mut self.text);
        let mut rest = text.as_str();
        // Bytes: the texts are long, and there are millions of them.
        while let Some(start) = rest.bytes().position(|c| c.is_ascii_alphabetic()) {
            self.key.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.bytes().position(|c| !c.is_ascii_alphanumeric() && c != b'_');
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            if rest.starts_with(": ") && LEFT_OUT.contains(&word) {
                rest = after_value(&rest[2..]);
            } else if word == "unchanged" {
                // More than three reports say no more than three.
                let after = after_value(&rest[2..]);
                let value = &rest[2..rest.len() - after.len()];
                let unchanged = value.parse::<u32>().unwrap_or(3).min(3);
                write!(self.key, "{unchanged}").expect("memory");
                rest = after_value(&rest[2..]);
            } else if word == "namespace" {
                // Our own epochs rise for ever; which one it is decides nothing.
                let name = rest[2..].find([' ', ',']).map_or(rest, |end| &rest[..end + 2]);
                self.key.push_str(name);
                rest = after_value(&rest[2..]);
            } else if let Some((number, after)) = wrapped(rest) {
                rest = after;
                match word {
                    "Timestamp" => self.time(number, now, step),
                    // Of credentials it matters only which are the same: the one that is held is the newest.
                    "Issue" => self.identifier(word, number),
                    _ if word.ends_with("Id") && word != "TrackId" => self.identifier(word, number),
                    _ => write!(self.key, "{word}{number}").expect("memory"),
                }
            } else {
                self.key.push_str(word);
            }
        }
        self.key.push_str(rest);
        self.text = text;
        hash(self.key.as_bytes())
    }

    fn time(&mut self, micros: u64, now: Timestamp, step: Duration) {
        let step = i64::try_from(step.as_micros()).expect("a short step");
        let from_now = micros as i64 - now.as_micros() as i64;
        // What is due between two steps is due at the next one.
        let steps = from_now.div_euclid(step) + i64::from(from_now.rem_euclid(step) != 0);
        write!(self.key, "@{}", steps.max(-LONG_AGO)).expect("memory");
    }

    fn identifier(&mut self, word: &str, number: u64) {
        let kind = word.as_bytes()[1];
        let known = self.known.iter().position(|known| *known == (kind, number));
        let index = known.unwrap_or_else(|| {
            self.known.push((kind, number));
            self.known.len() - 1
        });
        write!(self.key, "#{index}").expect("memory");
    }
}

/// `(7)` and what follows it.
fn wrapped(text: &str) -> Option<(u64, &str)> {
    let inner = text.strip_prefix('(')?;
    let end = inner.find(')')?;
    Some((inner[..end].parse().ok()?, &inner[end + 1..]))
}

/// What follows a value, from its comma or closing brace.
fn after_value(text: &str) -> &str {
    let mut depth = 0_u32;
    for (index, c) in text.bytes().enumerate() {
        match c {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' if depth == 0 => return &text[index..],
            b'}' | b']' | b')' => depth -= 1,
            b',' if depth == 0 => return &text[index..],
            _ => {}
        }
    }
    ""
}

/// 128 bits: two different calls in a million have the same one with a chance of 1e-27. Eight bytes at a time are
/// multiplied in (by the multiplier of PCG's 128-bit generator) and folded.
fn hash(bytes: &[u8]) -> u128 {
    bytes.chunks(8).fold(bytes.len() as u128, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let hash = (hash ^ u128::from(u64::from_le_bytes(word)))
            .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645);
        hash ^ (hash >> 64)
    })
}
