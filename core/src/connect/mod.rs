//! Connecting: to which relay, with which credential, how often and for how long.

mod attempts;
mod credentials;
mod dial;
mod provider_query;
mod relay_list;
mod resources;
mod retry_budget;

pub(crate) use attempts::{ConnectAttempts, Incident, Progress};
pub(crate) use credentials::{CredentialStatus, CredentialVersion};
pub(crate) use dial::Dial;
pub(crate) use resources::ConnectResources;
pub(crate) use retry_budget::RetryBudget;
