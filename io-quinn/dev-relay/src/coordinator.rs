//! The coordinator of a standalone relay: it routes between its own sessions, and knows no other
//! relay.

use async_trait::async_trait;
use moq_native_ietf::Client;
use moq_relay_ietf::{
    Coordinator, CoordinatorContext, CoordinatorError, CoordinatorResult, NamespaceOrigin,
    NamespaceRegistration, ScopeConfig,
};
use moq_transport::coding::TrackNamespace;

use crate::guard::Guard;

/// A coordinator without other relays. Every path has the same scope, and so the same access rules.
#[derive(Default)]
pub(crate) struct StandaloneCoordinator {
    scope: ScopeConfig,
}

impl StandaloneCoordinator {
    pub(crate) fn guarded(guard: &Guard) -> Self {
        Self { scope: guard.scope_config() }
    }
}

#[async_trait]
impl Coordinator for StandaloneCoordinator {
    async fn get_scope_config(&self, _scope: Option<&str>) -> CoordinatorResult<ScopeConfig> {
        Ok(self.scope.clone())
    }

    async fn register_namespace(
        &self,
        _scope: Option<&str>,
        _namespace: &TrackNamespace,
        _context: &CoordinatorContext,
    ) -> CoordinatorResult<NamespaceRegistration> {
        Ok(NamespaceRegistration::new(()))
    }

    async fn unregister_namespace(
        &self,
        _scope: Option<&str>,
        _namespace: &TrackNamespace,
    ) -> CoordinatorResult<()> {
        Ok(())
    }

    async fn lookup(
        &self,
        _scope: Option<&str>,
        _namespace: &TrackNamespace,
    ) -> CoordinatorResult<(NamespaceOrigin, Option<Client>)> {
        Err(CoordinatorError::NamespaceNotFound)
    }
}
