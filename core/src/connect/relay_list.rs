//! Which relays there are (R32): a list that was remembered or answered, valid for an hour; else
//! what the configuration names.

use crate::config::DirectoryConfig;
use crate::connect::provider_query::ProviderQuery;
use crate::context::Context;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::api::id::QueryId;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::config::Config;

/// The relays of a call, and which of them it calls home.
#[derive(Clone, Debug, Default)]
pub(crate) struct RelayList {
    /// Remembered or answered; even when it has expired, better than a list written long ago.
    list: Option<Vec<String>>,
    expires: Timestamp,
    query: ProviderQuery,
    /// Where the last session was that was stable or the first of its call, or where we came to meet somebody since: an
    /// incident's first attempt goes there, as long as the list names it. Else it goes to whichever is named first.
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

    /// Where an incident's first attempt goes.
    pub(crate) fn home<'a>(&'a self, config: &'a Config) -> &'a str {
        self.relay(0, config)
    }

    /// `relay` is where we belong: a session with it has proven stable, or the others are there.
    pub(crate) fn set_home(&mut self, relay: &str) {
        self.home = Some(relay.into());
    }

    /// Asks for a list if there is none that is valid; how long to wait for it, because there is
    /// none at all. A call that is being recovered does not wait.
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

    /// The provider answered, with nothing if it failed; whether that was asked.
    pub(crate) fn answered(
        &mut self,
        query_id: QueryId,
        mut relays: Vec<String>,
        cx: &Context<'_>,
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
    fn home_is_where_it_was_once_a_list_names_it_again() {
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
            assert!(list.answered(query_id, relays, &bench.context()));
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
