//! A recorder: writes every frame of one participant's track to a file, and reports gaps.
//!
//! ```sh
//! cargo run --bin holdline -- relay        # prints the path of its certificate
//! cargo run -p holdline-quinn --example recorder -- \
//!     moqt://127.0.0.1:4443 CERT.pem ROOM alice audio alice.frames
//! cargo run --bin holdline -- call --relay moqt://127.0.0.1:4443 --ca CERT.pem --room ROOM \
//!     --name alice --send io-quinn/cli/assets/alice.wav
//! ```
//!
//! The file holds, for each frame, the capture time in microseconds (u64), the length of the
//! payload (u32), both little-endian, and the payload. The recorder ends when the participant
//! finishes the track.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use futures::StreamExt as _;
use holdline_quinn::stats::Outcome;
use holdline_quinn::{Call, CallConfig, ReceivedFrame, Track, Trust};

const USAGE: &str = "usage: recorder RELAY CERTIFICATE ROOM PARTICIPANT TRACK FILE";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [relay, certificate, room, participant, track, path] = &args[..] else {
        anyhow::bail!(USAGE);
    };
    let mut file = BufWriter::new(File::create(path).with_context(|| path.clone())?);

    let trust = Trust::pem_file(Path::new(certificate))?;
    // Without an idle timeout, the recorder waits for the participant as long as it takes.
    let config = CallConfig::new(relay, room, "recorder").trust(trust).idle_timeout(None);
    let call = Call::connect(config)?;

    // A lossless track waits until missing frames are fetched. A frame is lost only when its
    // publisher no longer retains it, and then the next frame reports the gap.
    let mut frames = call.subscribe(participant, Track::audio(track).lossless())?;
    let (mut written, mut missing) = (0_u64, 0);
    while let Some(frame) = frames.next().await {
        if let Some(gap) = frame.gap {
            missing += gap.frames;
            eprintln!(
                "gap: {} frames are missing before frame {} ({:?})",
                gap.frames, frame.number.sequence, gap.reason
            );
        }
        write_frame(&mut file, &frame)?;
        written += 1;
    }
    file.flush()?;

    // The stream has ended because the track was finished, or because the call failed.
    let summary = call.close().await;
    println!("{written} frames in {path}, {missing} missing, {} dropped", frames.overrun());
    match summary.outcome {
        Outcome::Failed(error) => Err(error.into()),
        Outcome::Completed | Outcome::Idle => Ok(()),
    }
}

fn write_frame(file: &mut impl Write, frame: &ReceivedFrame) -> anyhow::Result<()> {
    file.write_all(&frame.captured_at.to_le_bytes())?;
    file.write_all(&u32::try_from(frame.payload.len())?.to_le_bytes())?;
    file.write_all(&frame.payload)?;
    Ok(())
}
