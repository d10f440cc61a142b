//! The file that keeps the provider's list of relays for the next call.

use std::path::PathBuf;
use std::time::Duration;

use holdline_core::config::RememberedRelays;
use serde::{Deserialize, Serialize};

/// A file with the addresses of relays, without their queries.
#[derive(Clone, Debug)]
pub(crate) struct RelayCache(PathBuf);

/// The version of the file's format.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct CacheFile {
    holdline_relays: u32,
    relays: Vec<String>,
    /// Milliseconds since 1970.
    answered_at: u64,
}

impl RelayCache {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Reads the list. A file that cannot be used counts as no file.
    pub(crate) fn load(&self, unix_millis: u64) -> Option<RememberedRelays> {
        let text = std::fs::read(&self.0).ok()?;
        let file: CacheFile = serde_json::from_slice(&text)
            .inspect_err(|error| {
                tracing::warn!(file = %self.0.display(), %error, "the remembered relays are left out");
            })
            .ok()?;
        // A list from the future has no known age.
        let age = unix_millis.checked_sub(file.answered_at)?;
        let usable = file.holdline_relays == VERSION && !file.relays.is_empty();
        usable.then_some(RememberedRelays { relays: file.relays, age: Duration::from_millis(age) })
    }

    /// Writes a list. If that fails, the next call queries the provider, no more.
    pub(crate) fn store(&self, relays: Vec<String>, unix_millis: u64) {
        let file = CacheFile { holdline_relays: VERSION, relays, answered_at: unix_millis };
        let stored =
            serde_json::to_vec_pretty(&file).map_err(std::io::Error::from).and_then(|text| {
                // Written to a second file and renamed, so that no reader sees half a list.
                let aside = self.0.with_extension("new");
                std::fs::write(&aside, text)?;
                std::fs::rename(&aside, &self.0)
            });
        if let Err(error) = stored {
            tracing::warn!(file = %self.0.display(), %error, "the relays are not remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_lists_have_their_age_and_bad_files_are_ignored() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("relays.json");
        let cache = RelayCache::new(path.clone());
        assert_eq!(cache.load(5_000), None, "there is no file yet");
        cache.store(vec!["moqt://a:1".into()], 2_000);
        let age = Duration::from_secs(3);
        let relays = vec!["moqt://a:1".into()];
        assert_eq!(cache.load(5_000), Some(RememberedRelays { relays, age }));
        assert_eq!(cache.load(1_999), None, "the list is from the future");
        for text in ["", "{", "{\"holdline_relays\":2,\"relays\":[\"a\"],\"answered_at\":0}"] {
            std::fs::write(&path, text).expect("written");
            assert_eq!(cache.load(5_000), None, "{text}");
        }
        RelayCache::new(folder.path().join("no/such/folder")).store(Vec::new(), 0);
    }
}
