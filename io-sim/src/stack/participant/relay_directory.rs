//! The relay directory: the provider that lists the relays.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use holdline_quinn::{RelayProvider, Unavailable};

use crate::script::Script;
use crate::stack::clock;
use crate::stack::relay_address::relay_url;

/// The relay directory of one participant, which may answer late.
pub(crate) struct RelayDirectory {
    pub(crate) who: usize,
    pub(crate) script: Arc<Script>,
}

impl fmt::Debug for RelayDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("who", &self.who).finish_non_exhaustive()
    }
}

#[async_trait]
impl RelayProvider for RelayDirectory {
    async fn relays(&self) -> Result<Vec<String>, Unavailable> {
        clock::sleep_until(self.script.conditions.directory_answers_at(self.who, clock::now()))
            .await;
        Ok(self.script.relay_list().map(relay_url).collect())
    }
}
