//! What a relay is shown to let a call in (R32).

mod secret;
mod token;

pub use secret::Secret;
pub use token::{Credential, Token};
