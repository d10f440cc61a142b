//! The TLS certificate of a run's relays.

use std::sync::Arc;

use holdline_quinn::Trust;
use moq_native_ietf::tls;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;

use super::relay_address::relay_name;

/// The relays' TLS configuration, and the trust that participants need for it. The key is an
/// Ed25519 one, because its signatures are deterministic.
pub(crate) struct Certificate {
    pub(crate) relays: tls::Config,
    pub(crate) trust: Trust,
}

impl Certificate {
    /// Generates a certificate for so many relays. The key comes from the run's randomness.
    pub(crate) fn generate(relays: u64) -> anyhow::Result<Self> {
        let names: Vec<String> = (0..relays as usize).map(relay_name).collect();
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let certificate = CertificateParams::new(names)?.self_signed(&key)?;
        let trust = Trust::pem(certificate.pem().as_bytes()).map_err(anyhow::Error::msg)?;

        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = [&rustls::version::TLS13];
        // A relay that dials no other one still needs a client configuration.
        let client = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let relays = tls::Config { client, server: Some(server), fingerprints: Vec::new() };
        Ok(Self { relays, trust })
    }
}
