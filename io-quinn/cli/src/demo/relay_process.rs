//! A relay that runs as a process of its own, so that it can be killed.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use holdline_dev_relay::{CertificateFiles, ReservedPort};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::relay::LISTENING;

pub(crate) struct RelayProcess {
    child: Child,
    port: ReservedPort,
}

impl RelayProcess {
    pub(crate) async fn start(files: &CertificateFiles) -> anyhow::Result<Self> {
        let port = ReservedPort::reserve()?;
        Ok(Self { child: spawn(port.address(), files).await?, port })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Kills the relay with SIGKILL: it closes no connection and keeps no state.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the relay cannot be killed")
    }

    pub(crate) async fn restart(&mut self, files: &CertificateFiles) -> anyhow::Result<()> {
        self.child = spawn(self.address(), files).await?;
        Ok(())
    }
}

/// Starts the relay and waits until it announces its address.
async fn spawn(address: SocketAddr, files: &CertificateFiles) -> anyhow::Result<Child> {
    let program =
        std::env::current_exe().context("cannot find this program to run as the relay")?;
    let mut child = Command::new(program)
        .args(["relay", "--while-stdin", "--bind", &address.to_string()])
        .arg("--cert")
        .arg(&files.certificate)
        .arg("--key")
        .arg(&files.key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the relay cannot be started")?;
    let stdout = child.stdout.take().context("the relay has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line())
        .await
        .context("the relay does not say that it listens")??
        .context("the relay ended at once")?;
    anyhow::ensure!(line.starts_with(LISTENING), "the relay says \"{line}\"");
    Ok(child)
}
