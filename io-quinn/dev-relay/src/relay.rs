//! The relay, which runs on a thread of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use moq_native_ietf::{quic, tls};
use moq_relay_ietf::{RelayConfig, SessionConfig};
use tokio::sync::oneshot;

use crate::certificate::CertificateFiles;
use crate::coordinator::StandaloneCoordinator;
use crate::guard::Guard;

/// A running relay. Dropping it stops it at once, as a crash would.
pub struct Relay {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Relay {
    /// Starts a relay on `bind`, with a certificate from files. It accepts connections when this
    /// returns.
    ///
    /// # Errors
    ///
    /// If the certificate cannot be used, or the address is in use.
    pub fn start(bind: SocketAddr, files: &CertificateFiles) -> anyhow::Result<Self> {
        Self::start_with(bind, files, StandaloneCoordinator::default())
    }

    /// Starts a relay that only accepts sessions with a token signed by `guard`.
    ///
    /// # Errors
    ///
    /// The same as [`Relay::start`].
    pub fn start_guarded(
        bind: SocketAddr,
        files: &CertificateFiles,
        guard: &Guard,
    ) -> anyhow::Result<Self> {
        Self::start_with(bind, files, StandaloneCoordinator::guarded(guard))
    }

    fn start_with(
        bind: SocketAddr,
        files: &CertificateFiles,
        coordinator: StandaloneCoordinator,
    ) -> anyhow::Result<Self> {
        let tls = tls::Args {
            cert: vec![files.certificate.clone()],
            key: vec![files.key.clone()],
            // A standalone relay dials no other. Without a root, those of the host would be read.
            root: vec![files.certificate.clone()],
            disable_verify: false,
        }
        .load()
        .context("cannot use the certificate")?;
        let (started, wait) = std::sync::mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        // The relay's future is not `Send`, so it gets a thread of its own.
        let thread = std::thread::Builder::new().name("relay".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let relay = match listen(bind, tls, coordinator) {
                    Ok((relay, address)) => {
                        let _ = started.send(Ok(address));
                        relay
                    }
                    Err(error) => {
                        let _ = started.send(Err(error));
                        return Ok(());
                    }
                };
                tokio::select! {
                    ended = relay.run() => ended,
                    _ = stopped => Ok(()),
                }
            })
        })?;
        let address = wait.recv().context("the relay's thread ended before it had started")??;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// The address on which the relay accepts connections.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the relay ends by itself, which happens only if it fails.
    ///
    /// # Errors
    ///
    /// The failure of the relay.
    pub fn join(mut self) -> anyhow::Result<()> {
        let keep = self.stop.take();
        let ended = self.thread.take().map(JoinHandle::join);
        drop(keep);
        match ended {
            Some(Ok(ended)) => ended,
            Some(Err(_)) | None => anyhow::bail!("the relay panicked"),
        }
    }
}

/// Stops the relay at once, without closing its sessions, as a crash would.
impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(
    bind: SocketAddr,
    tls: tls::Config,
    coordinator: StandaloneCoordinator,
) -> anyhow::Result<(moq_relay_ietf::Relay, SocketAddr)> {
    let config = quic::Config::new(bind, None, tls.clone())
        .with_context(|| format!("cannot listen on {bind}"))?;
    let address = config.socket.local_addr()?;
    let endpoint = quic::Endpoint::new(config)?;
    let relay = RelayConfig {
        bind: None,
        endpoints: vec![endpoint],
        tls,
        qlog_dir: None,
        mlog_dir: None,
        announce: None,
        node: None,
        coordinator: Arc::new(coordinator),
        session: SessionConfig::default(),
        connection_tagger: None,
    }
    .build()?;
    Ok((relay, address))
}
