//! A value that is never printed or serialised.

use core::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A token or password that is never printed: `Debug` and serde write `(secret)` in its place, so
/// no journal, log or error contains the value. A deserialised secret is empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Bytes);

const HIDDEN: &str = "(secret)";

impl Secret {
    /// A secret with the value `value`.
    pub fn new(value: impl Into<Bytes>) -> Self {
        Self(value.into())
    }

    /// The value, for the code that presents it.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        alloc::string::String::deserialize(deserializer).map(|_| Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_secret_is_neither_printed_nor_serialised() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)).find("hunter2"), None);
        let json = serde_json::to_string(&secret).expect("serialises");
        assert_eq!(json, "\"(secret)\"");
        let back: Secret = serde_json::from_str(&json).expect("reads");
        assert_eq!((secret.expose(), back.expose()), (&b"hunter2"[..], &b""[..]));
    }
}
