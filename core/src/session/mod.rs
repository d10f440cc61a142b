//! A session that is up: its path, our namespace on its relay, and its credential.

mod credential_renewal;
mod migration;
mod path_liveness;
mod session;

pub(crate) use credential_renewal::CredentialRenewal;
pub(crate) use path_liveness::Counters;
pub(crate) use session::{MovedFrom, Session};
