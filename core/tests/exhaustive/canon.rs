//! When two calls are the same state: they will do the same from here on, whatever happened before.
//!
//! Calls are compared by their `Debug` text, without counters, with identifiers numbered in the
//! order in which they appear, and with times as steps from now.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use holdline_core::{Supervisor, Timestamp};

/// Fields that count, measure or report, and decide nothing here: the pauses of the small
/// configuration do not grow. (The next location rises for ever, and no input is a FETCH request.)
const LEFT_OUT: [&str; 23] = [
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
    // Lower bounds: an input without effect may make them exact.
    "next_deadline",
    "path_deadline",
    "count",
    "next_location",
    "next_number",
    "history",
    "out",
    "failures",
    "pauses",
    "first_failure",
    "last_failure",
    "cause",
];

/// Which of these fields were met, one bit a field. A field that was renamed in the core would come
/// into the keys unnoticed, and the search would find fewer states that are the same.
static MET: AtomicU32 = AtomicU32::new(0);

/// The fields that no key has left out so far.
pub(crate) fn fields_not_met() -> Vec<&'static str> {
    let met = MET.load(Ordering::Relaxed);
    let fields = LEFT_OUT.iter().enumerate();
    fields.filter(|(bit, _)| met & (1 << bit) == 0).map(|(_, field)| *field).collect()
}

/// A time that is more steps ago than this decides nothing any more: no bound of the small
/// configuration is longer.
const LONG_AGO: i64 = 32;

/// Makes the keys of calls. One value is reused for many calls, because of its buffers.
#[derive(Default)]
pub(crate) struct Canon {
    text: String,
    key: String,
    known: Vec<(u8, u64)>,
    met: u32,
}

impl Drop for Canon {
    fn drop(&mut self) {
        MET.fetch_or(self.met, Ordering::Relaxed);
    }
}

impl Canon {
    /// The key of `call` at the time `now`, with times counted in `step`s.
    pub(crate) fn key(&mut self, call: &Supervisor, now: Timestamp, step: Duration) -> u128 {
        self.text.clear();
        write!(self.text, "{call:?}").expect("memory");
        self.key.clear();
        self.known.clear();
        let text = std::mem::take(&mut self.text);
        let mut rest = text.as_str();
        // The search is over bytes, because there are millions of long texts.
        while let Some(start) = rest.bytes().position(|c| c.is_ascii_alphabetic()) {
            self.key.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.bytes().position(|c| !c.is_ascii_alphanumeric() && c != b'_');
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            let left_out = LEFT_OUT.iter().position(|field| *field == word);
            if let Some(bit) = left_out.filter(|_| rest.starts_with(": ")) {
                self.met |= 1 << bit;
                rest = after_value(&rest[2..]);
            } else if word == "unchanged" {
                // After three reports without a change, further ones decide nothing.
                let after = after_value(&rest[2..]);
                let value = &rest[2..rest.len() - after.len()];
                let unchanged = value.parse::<u32>().unwrap_or(3).min(3);
                write!(self.key, "{unchanged}").expect("memory");
                rest = after_value(&rest[2..]);
            } else if word == "namespace" {
                // The epochs of the call rise for ever. What counts is how far the request got.
                let value = &rest[2..];
                let value = value.strip_prefix("Request(").unwrap_or(value);
                let end = value.find([' ', ',', '(', ')']).unwrap_or(value.len());
                self.key.push_str(&value[..end]);
                rest = after_value(&rest[2..]);
            } else if let Some((number, after)) = wrapped(rest) {
                rest = after;
                match word {
                    "Timestamp" => self.time(number, now, step),
                    // Only the equality of two versions counts: the held one is the newest.
                    "CredentialVersion" => self.identifier(word, number),
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
        // A deadline between two steps is due at the next one.
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

/// The number in parentheses at the start of the text, and the text after them.
fn wrapped(text: &str) -> Option<(u64, &str)> {
    let inner = text.strip_prefix('(')?;
    let end = inner.find(')')?;
    Some((inner[..end].parse().ok()?, &inner[end + 1..]))
}

/// The text after a value, from its comma or closing brace on.
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

/// A hash of 128 bits: among a million calls, two have the same one with a chance of 1e-27. Eight
/// bytes at a time are multiplied in (by the multiplier of PCG's 128-bit generator) and folded.
fn hash(bytes: &[u8]) -> u128 {
    bytes.chunks(8).fold(bytes.len() as u128, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let hash = (hash ^ u128::from(u64::from_le_bytes(word)))
            .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645);
        hash ^ (hash >> 64)
    })
}
