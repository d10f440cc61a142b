//! Credentials for relays (requirement R32 of `docs/REQUIREMENTS.md`).
//!
//! A provider of the application hands out a [`Credential`] for a relay. Its [`Token`] is presented
//! to that relay in SETUP. The value is a [`Secret`], which no log or journal contains.

mod secret;
mod token;

pub use secret::Secret;
pub use token::{Credential, Token};
