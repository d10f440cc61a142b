//! One open query to a provider of the application.

use core::time::Duration;

use crate::api::id::QueryId;
use crate::api::time::Timestamp;
use crate::context::Context;

/// At most one query at a time, however many parts wait for its answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProviderQuery(Option<Open>);

#[derive(Clone, Copy, Debug)]
struct Open {
    id: QueryId,
    /// When a provider that has not answered is queried again.
    abandoned_at: Timestamp,
}

impl ProviderQuery {
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Opens a query, unless one is open that the provider may still answer.
    pub(crate) fn open(&mut self, timeout: Duration, cx: &mut Context<'_>) -> Option<QueryId> {
        if self.0.is_some_and(|open| cx.now < open.abandoned_at) {
            return None;
        }
        let id = QueryId(cx.mint.next());
        self.0 = Some(Open { id, abandoned_at: cx.now + timeout });
        Some(id)
    }

    pub(crate) fn is(&self, id: QueryId) -> bool {
        self.0.is_some_and(|open| open.id == id)
    }

    pub(crate) fn close(&mut self) {
        self.0 = None;
    }
}
