//! Inputs, outputs and all that they carry: plain data that decides nothing and imports nothing
//! above this folder.

pub mod credential;
pub(crate) mod deadline;
pub mod error;
pub(crate) mod event;
pub mod id;
pub(crate) mod input;
pub(crate) mod limits;
pub mod media;
pub(crate) mod namespace;
pub(crate) mod output;
pub mod pre_call;
pub mod quality;
pub(crate) mod state_name;
pub mod stats;
pub(crate) mod time;
