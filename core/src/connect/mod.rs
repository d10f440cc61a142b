//! From no session to a session: which relay, with which credential, how often and for how long.

mod attempts;
mod credentials;
mod dial;
mod relay_list;
mod retry_budget;

pub(crate) use attempts::{ConnectAttempts, Incident, Progress};
pub(crate) use credentials::{CredentialStatus, CredentialVersion, Credentials};
pub(crate) use dial::Dial;
pub(crate) use relay_list::RelayList;
pub(crate) use retry_budget::RetryBudget;
