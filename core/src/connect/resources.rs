//! The resources of connecting: what outlives a series of attempts.

use crate::api::time::Timestamp;
use crate::config::Config;
use crate::connect::credentials::Credentials;
use crate::connect::relay_list::RelayList;
use crate::connect::retry_budget::RetryBudget;

/// The relays, the credentials and the retry budgets of a call.
#[derive(Clone, Debug)]
pub(crate) struct ConnectResources {
    pub(crate) relays: RelayList,
    pub(crate) credentials: Credentials,
    /// Used by incidents, and by setting the call up.
    pub(crate) retry_budget: RetryBudget,
    /// Used by planned changes: they never make a recovery shorter.
    pub(crate) planned_budget: RetryBudget,
}

impl ConnectResources {
    pub(crate) fn new(config: &Config, now: Timestamp) -> Self {
        Self {
            relays: RelayList::new(&config.directory, now),
            credentials: Credentials::default(),
            retry_budget: RetryBudget::default(),
            planned_budget: RetryBudget::default(),
        }
    }
}
