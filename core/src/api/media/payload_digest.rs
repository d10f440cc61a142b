//! The serialised form of a payload: its length and a digest, without the media.

use alloc::vec;
use core::hash::Hasher as _;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
struct StandIn {
    length: usize,
    digest: u64,
}

/// The longest payload that is deserialised, because a journal may be a stranger's file.
const LONGEST: usize = 16 * 1024 * 1024;

pub(crate) fn serialize<S: Serializer>(payload: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    StandIn { length: payload.len(), digest: digest(payload) }.serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let StandIn { length, digest } = StandIn::deserialize(deserializer)?;
    if length > LONGEST {
        return Err(serde::de::Error::custom("a payload cannot be longer than 16 MiB"));
    }
    let mut payload = vec![0; length];
    payload.iter_mut().zip(digest.to_le_bytes()).for_each(|(to, from)| *to = from);
    Ok(payload.into())
}

/// FNV-1a with 64 bits (draft-eastlake-fnv). It distinguishes payloads, but is no encryption.
fn digest(payload: &[u8]) -> u64 {
    let mut digest = Fnv(0xcbf2_9ce4_8422_2325);
    digest.write(payload);
    digest.finish()
}

struct Fnv(u64);

impl core::hash::Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::media::frame::Frame;
    use alloc::string::String;

    fn json(payload: &'static [u8]) -> String {
        let frame = Frame::new(7, Bytes::from_static(payload));
        serde_json::to_string(&frame).expect("serialises")
    }

    #[test]
    fn a_serialised_payload_is_hidden_but_distinguishable() {
        assert!(!json(b"secret words").contains("secret"));
        assert_ne!(json(b"secret words"), json(b"secret swords"));
        assert_eq!(digest(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest(b"foobar"), 0x8594_4171_f739_67e8, "a test vector of the draft");
    }

    #[test]
    fn a_payload_deserialises_to_one_substitute_of_its_length() {
        for payload in [&b""[..], b"abc", b"a longer one than eight bytes"] {
            let back: Frame = serde_json::from_str(&json(payload)).expect("reads");
            let again: Frame = serde_json::from_str(&json(payload)).expect("reads");
            assert_eq!(back.payload.len(), payload.len());
            assert_eq!(back, again);
        }
    }

    #[test]
    fn an_absurd_length_is_refused() {
        let reads = |length: u64| {
            let payload = std::format!(r#"{{"length":{length},"digest":1}}"#);
            let frame = std::format!(r#"{{"captured_at":0,"keyframe":false,"payload":{payload}}}"#);
            serde_json::from_str::<Frame>(&frame).is_ok()
        };
        assert!(reads(16 * 1024 * 1024));
        assert!(!reads(16 * 1024 * 1024 + 1) && !reads(u64::MAX));
    }
}
