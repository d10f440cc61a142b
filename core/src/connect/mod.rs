//! What connecting needs, and what outlives the attempts: relays, credentials, the retry budget.

mod credentials;
mod provider_query;
mod relay_list;
mod resources;
mod retry_budget;

pub(crate) use credentials::{CredentialStatus, CredentialVersion};
pub(crate) use resources::ConnectResources;
pub(crate) use retry_budget::RetryBudget;
