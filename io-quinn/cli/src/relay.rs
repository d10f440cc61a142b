//! `holdline relay`: runs a real relay for development.

use std::io::Read as _;
use std::net::UdpSocket;
use std::path::PathBuf;

use anyhow::Context as _;
use holdline_dev_relay::{Certificate, CertificateFiles, Relay};

use crate::args::RelayArgs;
use crate::exit::Failure;
use crate::say::say;
use crate::signals;

/// The start of the line that announces the address of the relay. The demo reads it.
pub(crate) const LISTENING: &str = "relay listening on ";

pub(crate) async fn run(args: RelayArgs) -> Result<(), Failure> {
    let (files, given) = match (args.cert, args.key) {
        (Some(certificate), Some(key)) => (CertificateFiles { certificate, key }, true),
        _ => (saved_certificate()?, false),
    };
    for (argument, file) in [("--cert", &files.certificate), ("--key", &files.key)] {
        std::fs::File::open(file)
            .map_err(|error| Failure::unusable(argument, format!("{}: {error}", file.display())))?;
    }
    // Bound first, so that the error names the argument; the relay binds it right after.
    UdpSocket::bind(args.bind)
        .map_err(|error| Failure::unusable("--bind", format!("{}: {error}", args.bind)))?;
    let relay = Relay::start(args.bind, &files)
        .map_err(|error| Failure::Unusable(format!("the relay cannot start: {error:#}")))?;
    say!("{LISTENING}moqt://{}", relay.address());
    if !given {
        say!("give callers its certificate: --ca {}", files.certificate.display());
    }
    let join = tokio::task::spawn_blocking(|| relay.join());
    tokio::select! {
        ended = join => match ended {
            Ok(ended) => ended.map_err(|error| Failure::DidNotHold(format!("the relay failed: {error:#}"))),
            Err(error) => Err(Failure::DidNotHold(error.to_string())),
        },
        () = signals::wait_for_stop() => std::process::exit(0),
        () = end_of_stdin(args.while_stdin) => std::process::exit(0),
    }
}

async fn end_of_stdin(wanted: bool) {
    if !wanted {
        return std::future::pending().await;
    }
    let (closed, wait) = tokio::sync::oneshot::channel::<()>();
    // A thread of its own, because a blocking read cannot be cancelled when the relay ends first.
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(closed);
    });
    let _ = wait.await;
}

/// The certificate of the last run, so that callers keep using the same file after a restart.
fn saved_certificate() -> Result<CertificateFiles, Failure> {
    let folder = state_folder().join("relay");
    let files = CertificateFiles::in_folder(&folder);
    if files.exist() {
        return Ok(files);
    }
    let made = Certificate::generate().and_then(|certificate| certificate.save(&folder));
    Ok(made.context("cannot keep a certificate; give one with --cert and --key")?)
}

/// The folder for state that outlives the program (XDG Base Directory Specification).
fn state_folder() -> PathBuf {
    let given = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("XDG_STATE_HOME")
        .or_else(|| given("HOME").map(|home| home.join(".local/state")))
        .unwrap_or_else(std::env::temp_dir)
        .join("holdline")
}
