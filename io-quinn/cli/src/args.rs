//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr as _;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use holdline_quinn::RelayUrl;
use holdline_quinn::config::RetryPolicy;

/// Calls over MoQ that survive their network.
#[derive(Debug, Parser)]
#[command(name = "holdline", version, disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run a relay for development.
    Relay(RelayArgs),
    /// Take part in a call: send a WAV at real speed, record the other side.
    Call(CallArgs),
    /// Feed a recorded call through the core, and compare every decision.
    Replay(ReplayArgs),
    /// Watch a two-way call survive the crash of its relay (about 25 s).
    Demo(DemoArgs),
    /// Test, before a call, whether one can be made through a relay: 5 s at most.
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct RelayArgs {
    /// Where to listen (UDP).
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4443")]
    pub(crate) bind: SocketAddr,
    /// The certificate, in PEM. Without one, a self-signed one for loopback is made and kept.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The certificate's key, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// End when standard input does: for a parent that may be killed.
    #[arg(long, hide = true)]
    pub(crate) while_stdin: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CallArgs {
    /// The relay, as moqt://host:port. Give more than one to have somewhere to go.
    #[arg(long, value_name = "URL", required = true, value_parser = relay_url)]
    pub(crate) relay: Vec<String>,
    /// The room to meet in.
    #[arg(long, value_name = "ROOM", value_parser = name)]
    pub(crate) room: String,
    /// Your name in the room.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: String,
    /// Send this: a WAV of 16-bit PCM, mono or stereo, any sample rate.
    #[arg(long, value_name = "FILE.wav")]
    pub(crate) send: Option<PathBuf>,
    /// Listen to this participant.
    #[arg(long, value_name = "PEER", value_parser = name)]
    pub(crate) from: Option<String>,
    /// Record the other side to this WAV.
    #[arg(long, value_name = "FILE.wav", requires = "from")]
    pub(crate) out: Option<PathBuf>,
    /// How hard and how long to try to come back.
    #[arg(long, value_name = "POLICY", default_value = "interactive", value_parser = PossibleValuesParser::new(RetryPolicy::NAMES))]
    pub(crate) policy: String,
    /// Believe the certificates in this PEM file instead of the host's authorities.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Record everything that decides the call, so that it can be replayed. Media is not kept.
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) journal: Option<PathBuf>,
    /// Print one JSON object at the end, and nothing else.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The relay, as moqt://host:port.
    #[arg(value_name = "URL", value_parser = relay_url)]
    pub(crate) relay: String,
    /// Believe the certificates in this PEM file instead of the host's authorities.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Print one JSON object at the end, and nothing else.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The journal of a call.
    #[arg(value_name = "JOURNAL.jsonl")]
    pub(crate) journal: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The seed of the calls' randomness and of the moment of the crash.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print one JSON object at the end, and nothing else.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Parses the command line, or prints in one line what is wrong with it.
pub(crate) fn parse() -> Result<Command, ExitCode> {
    match Args::try_parse() {
        Ok(args) => Ok(args.command),
        Err(error) => {
            let asked_for =
                matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            if asked_for || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                let _ = error.print();
                return Err(ExitCode::from(if asked_for { 0 } else { 2 }));
            }
            eprintln!("holdline: {}", one_line(&error.to_string()));
            Err(ExitCode::from(2))
        }
    }
}

/// The part of clap's message that names the problem, without the usage below it.
fn one_line(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let wrong = message.split("\n\nUsage:").next().unwrap_or(message);
    let wrong = wrong.split("\n\nFor more information").next().unwrap_or(wrong);
    wrong.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn relay_url(given: &str) -> Result<String, String> {
    RelayUrl::from_str(given).map(|_| given.to_owned()).map_err(|error| error.to_string())
}

fn name(given: &str) -> Result<String, String> {
    holdline_quinn::config::validate_name("the name", given)
        .map(|()| given.to_owned())
        .map_err(|error| error.to_string())
}
