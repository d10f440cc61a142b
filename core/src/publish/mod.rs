//! Our own tracks: what is sent, what is retained of it, and the answers to FETCH.

mod fetch_responder;
mod history;
mod publication;
mod track;

pub(crate) use fetch_responder::{FetchRequestId, FetchResponses};
pub(crate) use publication::Publication;
pub(crate) use track::PublishedTrack;
