//! The command as a user runs it.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

pub fn holdline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdline"));
    command.stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// One second of silence with a click in it.
pub fn write_wav(path: &str, bits: u16, format: hound::SampleFormat, channels: u16) {
    let spec = hound::WavSpec {
        channels,
        sample_rate: 8_000,
        bits_per_sample: bits,
        sample_format: format,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("created");
    for sample in 0..8_000 * i32::from(channels) {
        match format {
            hound::SampleFormat::Float => {
                wav.write_sample(if sample == 99 { 0.5_f32 } else { 0.0 })
            }
            hound::SampleFormat::Int => wav.write_sample(if sample == 99 { 77_i32 } else { 0 }),
        }
        .expect("written");
    }
    wav.finalize().expect("completed");
}

/// Sample speech of this repository.
pub fn speech(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name)
}

pub fn samples(wav: &Path) -> (hound::WavSpec, Vec<i16>) {
    let mut wav = hound::WavReader::open(wav).expect("a WAV");
    (wav.spec(), wav.samples::<i16>().map(|sample| sample.expect("a sample")).collect())
}

/// `holdline relay` as a process of its own, killed when dropped.
pub struct RelayProcess {
    child: Child,
    /// The relay ends with it, even if this process is killed.
    _stdin: Option<ChildStdin>,
    pub url: String,
    pub ca: String,
    state: PathBuf,
}

impl RelayProcess {
    pub fn start(state: &Path, bind: &str) -> Self {
        let mut child = holdline()
            .env("XDG_STATE_HOME", state)
            .args(["relay", "--while-stdin", "--bind", bind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the relay starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        let url =
            line().strip_prefix("relay listening on ").expect("says where it listens").to_owned();
        let ca = line().rsplit_once("--ca ").expect("says where its certificate is").1.to_owned();
        Self { _stdin: child.stdin.take(), child, url, ca, state: state.to_owned() }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// On the same port, with the same certificate.
    pub fn restart(&mut self) {
        let bind = self.url.trim_start_matches("moqt://").to_owned();
        *self = Self::start(&self.state.clone(), &bind);
    }

    /// `holdline call` through this relay.
    pub fn call(&self, name: &str) -> Command {
        let mut command = holdline();
        command.args([
            "call", "--relay", &self.url, "--ca", &self.ca, "--room", "room", "--name", name,
        ]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port for a relay that is to come back on it, below the range from which the system gives
/// callers their own.
pub fn lasting_port(offset: u16) -> String {
    let start = 20_000 + (std::process::id() % 1_000) as u16 * 10 + offset;
    (0..)
        .map(|n| start + n * 17)
        .find(|port| std::net::UdpSocket::bind(("127.0.0.1", *port)).is_ok())
        .map(|port| format!("127.0.0.1:{port}"))
        .expect("a port")
}
