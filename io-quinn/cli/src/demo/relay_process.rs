//! A relay that runs as a process of its own, so that it can be killed.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use holdline_dev_relay::CertificateFiles;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::relay::LISTENING;

/// Ports below the range of ephemeral ports. From that range, a caller's socket could get the
/// relay's port while the relay is down.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

pub(crate) struct RelayProcess {
    child: Child,
    port: u16,
}

impl RelayProcess {
    pub(crate) async fn start(files: &CertificateFiles) -> anyhow::Result<Self> {
        let port = free_port()?;
        Ok(Self { child: spawn(port, files).await?, port })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Kills the relay with SIGKILL: it closes no connection and keeps no state.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the relay cannot be killed")
    }

    pub(crate) async fn restart(&mut self, files: &CertificateFiles) -> anyhow::Result<()> {
        self.child = spawn(self.port, files).await?;
        Ok(())
    }
}

/// Starts the relay and waits until it announces its address.
async fn spawn(port: u16, files: &CertificateFiles) -> anyhow::Result<Child> {
    let program =
        std::env::current_exe().context("cannot find this program to run as the relay")?;
    let mut child = Command::new(program)
        .args(["relay", "--while-stdin", "--bind", &format!("127.0.0.1:{port}")])
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

fn free_port() -> anyhow::Result<u16> {
    let span = u32::from(PORTS.end - PORTS.start);
    let start = std::process::id() % span;
    (0..span)
        .filter_map(|step| u16::try_from((start + step) % span).ok())
        .map(|offset| PORTS.start + offset)
        .find(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free UDP port on loopback")
}
