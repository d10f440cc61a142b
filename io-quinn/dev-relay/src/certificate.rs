//! The certificate of a development relay.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The names under which callers reach a development relay.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A self-signed certificate for loopback, and its key, both in PEM.
pub struct Certificate {
    certificate: String,
    key: String,
}

/// The paths of a certificate and its key.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The certificate, in PEM. Callers use it as their certificate authority.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

impl Certificate {
    /// Creates a fresh certificate with a fresh key.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub fn generate() -> anyhow::Result<Self> {
        let names = NAMES.map(str::to_owned).to_vec();
        let made =
            rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
        Ok(Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.certificate
    }

    /// Writes `cert.pem` and `key.pem` into a folder. Only the owner of the file can read the key.
    ///
    /// # Errors
    ///
    /// If the files cannot be written.
    pub fn save(&self, folder: &Path) -> anyhow::Result<CertificateFiles> {
        let files = CertificateFiles::in_folder(folder);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        write_private(&files.key, self.key.as_bytes())?;
        fs::write(&files.certificate, &self.certificate)
            .with_context(|| format!("cannot write {}", files.certificate.display()))?;
        Ok(files)
    }
}

impl CertificateFiles {
    /// The paths that [`Certificate::save`] writes to.
    pub fn in_folder(folder: &Path) -> Self {
        Self { certificate: folder.join("cert.pem"), key: folder.join("key.pem") }
    }

    /// Whether both files exist.
    pub fn exist(&self) -> bool {
        self.certificate.is_file() && self.key.is_file()
    }
}

fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let write = || options.open(path)?.write_all(content);
    write().with_context(|| format!("cannot write {}", path.display()))
}
