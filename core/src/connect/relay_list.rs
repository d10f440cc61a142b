//! The relays of a call (R32): a list that was remembered or answered, valid for an hour; without
//! one, the relays of the configuration.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::api::id::QueryId;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::config::Config;
use crate::config::DirectoryConfig;
use crate::connect::provider_query::ProviderQuery;
use crate::context::Context;

/// The relays of a call, and which of them is its home relay.
#[derive(Clone, Debug, Default)]
pub(crate) struct RelayList {
    /// Remembered or answered. Even when expired, it is better than a list configured long ago.
    list: Option<Vec<String>>,
    expires: Timestamp,
    query: ProviderQuery,
    /// The relay of the last stable session, or of the call's first one, or the one to which this
    /// call moved since to meet a peer. An incident's first attempt goes there, as long as the list
    /// names it; otherwise it goes to the first relay of the list.
    home: Option<String>,
}

impl RelayList {
    pub(crate) fn new(config: &DirectoryConfig, now: Timestamp) -> Self {
        let mut list = Self { expires: now, ..Self::default() };
        if let Some(known) = &config.remembered
            && known.age < config.lifetime
        {
            list.list = Some(known.relays.clone());
            list.expires = now + (config.lifetime - known.age);
        }
        list
    }

    pub(crate) fn relays<'a>(&'a self, config: &'a Config) -> &'a [String] {
        self.list.as_deref().unwrap_or(&config.relays)
    }

    /// The relay of the `attempt`th attempt since the last stable session: home, then the others
    /// in turn.
    pub(crate) fn relay<'a>(&'a self, attempt: u32, config: &'a Config) -> &'a str {
        let relays = self.relays(config);
        let home = relays.iter().position(|relay| Some(relay) == self.home.as_ref());
        &relays[(home.unwrap_or(0) + attempt as usize) % relays.len()]
    }

    /// The relay of an incident's first attempt.
    pub(crate) fn home<'a>(&'a self, config: &'a Config) -> &'a str {
        self.relay(0, config)
    }

    /// Makes `relay` the home relay: a session with it was stable, or the others are on it.
    pub(crate) fn set_home(&mut self, relay: &str) {
        self.home = Some(relay.into());
    }

    /// Queries a list if none is valid. Returns how long to wait for it, if there is no list at
    /// all. A recovery does not wait.
    pub(crate) fn refresh(&mut self, cx: &mut Context<'_>) -> Option<Duration> {
        let config = &cx.config.directory;
        if !config.provider || (self.list.is_some() && cx.now < self.expires) {
            return None;
        }
        let wait = config.answer_timeout;
        if let Some(query_id) = self.query.open(wait, cx) {
            cx.out.push(Output::QueryDirectory { query: query_id });
        }
        self.list.is_none().then_some(wait)
    }

    /// The provider answered, with an empty list if it failed; returns whether the query is open.
    pub(crate) fn answered(
        &mut self,
        query_id: QueryId,
        mut relays: Vec<String>,
        cx: &mut Context<'_>,
    ) -> bool {
        if !self.query.is(query_id) {
            return false;
        }
        self.query.close();
        if !relays.is_empty() {
            relays.truncate(Config::MOST_RELAYS);
            self.list = Some(relays);
            self.expires = cx.now + cx.config.directory.lifetime;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::testing::TestBench;

    #[test]
    fn home_is_restored_once_a_list_names_it_again() {
        let mut bench = TestBench::default();
        bench.config.directory.provider = true;
        let mut list = RelayList::new(&bench.config.directory, Timestamp::ZERO);
        let mut answer = |list: &mut RelayList, now, relays: &[&str]| {
            bench.now = now;
            list.refresh(&mut bench.context());
            let Some(Output::QueryDirectory { query: query_id }) = bench.out.pop() else {
                panic!("queried")
            };
            let relays = relays.iter().map(|relay| String::from(*relay)).collect();
            assert!(list.answered(query_id, relays, &mut bench.context()));
        };
        let config = TestBench::default().config;
        list.set_home("north");
        let hour = config.directory.lifetime;
        answer(&mut list, Timestamp::ZERO, &["east", "west"]);
        assert_eq!(list.home(&config), "east");
        answer(&mut list, Timestamp::ZERO + hour, &["east", "north", "west"]);
        assert_eq!(list.home(&config), "north");
        assert_eq!(list.relay(1, &config), "west");
    }
}
