//! The certificate authorities that a relay is verified against. Verification is always on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The certificate authorities that may sign a relay's certificate.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Arc<RootCertStore>,
}

/// Why certificates cannot be used as authorities.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read or holds no usable certificate in PEM.
    #[error("cannot read certificates from {path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The text holds no usable certificate in PEM.
    #[error("cannot read certificates: {problem}")]
    Pem {
        /// What is wrong with it.
        problem: String,
    },
    /// The host has no certificate authorities that can be read.
    #[error("cannot read the certificates that this host trusts: {0}")]
    Host(String),
}

impl Trust {
    /// The certificate authorities that the host trusts.
    ///
    /// # Errors
    ///
    /// [`TrustError::Host`] if none can be read.
    pub fn host() -> Result<Self, TrustError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(found.certs);
        if usable == 0 {
            let problems: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
            let problem =
                if problems.is_empty() { "none found".into() } else { problems.join("; ") };
            return Err(TrustError::Host(problem));
        }
        Ok(Self { roots: Arc::new(roots) })
    }

    /// Only the certificates in a PEM file: those of a private authority, or the self-signed one of
    /// a development relay.
    ///
    /// # Errors
    ///
    /// [`TrustError::File`] if the file cannot be read or holds no usable certificate.
    pub fn pem_file(path: &Path) -> Result<Self, TrustError> {
        let refuse = |problem: String| TrustError::File { path: path.to_owned(), problem };
        let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
        Self::from_pem(&pem).map_err(refuse)
    }

    /// Only the certificates in a PEM text, which may hold several.
    ///
    /// # Errors
    ///
    /// [`TrustError::Pem`] if the text holds no certificate, or one that cannot be used.
    pub fn pem(pem: &[u8]) -> Result<Self, TrustError> {
        Self::from_pem(pem).map_err(|problem| TrustError::Pem { problem })
    }

    fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        if roots.is_empty() {
            return Err("it holds no certificate in PEM".into());
        }
        Ok(Self { roots: Arc::new(roots) })
    }

    /// No authority at all: every verification fails.
    pub(crate) fn none() -> Self {
        Self { roots: Arc::new(RootCertStore::empty()) }
    }

    /// The number of authorities.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.roots.len()).unwrap_or(u32::MAX)
    }

    /// TLS 1.3 with these authorities, and the ALPN of each version of MoQ that we support.
    pub(crate) fn client_config(&self) -> Result<QuicClientConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| error.to_string())?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        tls.alpn_protocols = moq_transport::setup::SUPPORTED_ALPNS
            .iter()
            .map(|alpn| alpn.as_bytes().to_vec())
            .collect();
        QuicClientConfig::try_from(tls).map_err(|error| error.to_string())
    }
}
