//! The command `holdline`, run as a user runs it.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use holdline_dev_relay::ReservedPort;

pub fn holdline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdline"));
    command.stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
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
        .expect("the file is written");
    }
    wav.finalize().expect("completed");
}

/// The path of a sample of speech in this repository.
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
    /// The relay ends when it is closed, even if this process is killed.
    _stdin: Option<ChildStdin>,
    pub url: String,
    pub ca: String,
    state: PathBuf,
    /// Keeps the port while the relay is down.
    port: Option<ReservedPort>,
}

impl RelayProcess {
    /// A relay that can restart.
    pub fn start(state: &Path) -> Self {
        let port = ReservedPort::reserve().expect("a port");
        let mut relay = Self::start_on(state, &port.address().to_string());
        relay.port = Some(port);
        relay
    }

    /// A relay on the address of `--bind`.
    pub fn start_on(state: &Path, bind: &str) -> Self {
        let mut child = holdline()
            .env("XDG_STATE_HOME", state)
            .args(["relay", "--while-stdin", "--bind", bind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the relay starts");
        let mut lines = BufReader::new(child.stdout.take().expect("the stream is piped")).lines();
        let mut line = || lines.next().expect("a line").expect("UTF-8");
        let url = line()
            .strip_prefix("relay listening on ")
            .expect("the line with the address")
            .to_owned();
        let ca = line().rsplit_once("--ca ").expect("the line with the certificate").1.to_owned();
        Self { _stdin: child.stdin.take(), child, url, ca, state: state.to_owned(), port: None }
    }

    /// Kills the relay with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("the relay is killed");
        self.child.wait().expect("the relay has ended");
    }

    /// Starts the relay again on the same port, with the same certificate.
    pub fn restart(&mut self) {
        let port = self.port.take().expect("a relay on a port of its own");
        *self = Self::start_on(&self.state, &port.address().to_string());
        self.port = Some(port);
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
