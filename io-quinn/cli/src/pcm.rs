//! WAV files of 16-bit PCM, and the frames of 20 ms that carry their samples.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use bytes::{BufMut as _, Bytes, BytesMut};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::exit::Failure;

/// The number of frames in a second.
pub(crate) const FRAMES_PER_SECOND: u64 = 50;
/// The duration of a frame, in microseconds.
pub(crate) const FRAME_MICROS: u64 = 1_000_000 / FRAMES_PER_SECOND;

/// The format of the samples of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) sample_rate: u32,
    pub(crate) channels: u16,
}

impl Format {
    const HEADER: usize = 6;

    fn spec(self) -> WavSpec {
        WavSpec {
            channels: self.channels,
            sample_rate: self.sample_rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        }
    }
}

/// The samples of a WAV, divided into frames.
///
/// Each frame carries its format before its samples (sample rate as u32, channels as u16, samples
/// as i16, all little-endian), so that a recording can start at any frame.
pub(crate) struct Speech {
    pub(crate) frames: Vec<Bytes>,
}

impl Speech {
    pub(crate) fn read(argument: &str, path: &Path) -> Result<Self, Failure> {
        let refuse =
            |problem: String| Failure::unusable(argument, format!("{}: {problem}", path.display()));
        let file = File::open(path).map_err(|error| refuse(error.to_string()))?;
        Self::from_wav(std::io::BufReader::new(file)).map_err(refuse)
    }

    pub(crate) fn from_wav(wav: impl std::io::Read) -> Result<Self, String> {
        let wav =
            WavReader::new(wav).map_err(|error| format!("not a WAV file of PCM ({error})"))?;
        let spec = wav.spec();
        if spec.sample_format != SampleFormat::Int || spec.bits_per_sample != 16 {
            let kind = match spec.sample_format {
                SampleFormat::Int => "PCM",
                SampleFormat::Float => "floating point",
            };
            return Err(format!(
                "it is {}-bit {kind}; only 16-bit PCM can be sent",
                spec.bits_per_sample
            ));
        }
        if !(1..=2).contains(&spec.channels) {
            return Err(format!(
                "it has {} channels; only mono and stereo can be sent",
                spec.channels
            ));
        }
        if spec.sample_rate == 0 {
            return Err("its sample rate is 0".into());
        }
        let format = Format { sample_rate: spec.sample_rate, channels: spec.channels };
        let samples: Result<Vec<i16>, _> = wav.into_samples().collect();
        let samples = samples.map_err(|error| format!("it breaks off ({error})"))?;
        Ok(Self { frames: divide(format, &samples) })
    }
}

/// Frame `n` ends at the last whole sample before `n + 1` times 20 ms, so that a sample rate that
/// is no multiple of 50 drifts by less than one sample.
fn divide(format: Format, samples: &[i16]) -> Vec<Bytes> {
    let channels = usize::from(format.channels);
    let instants = samples.len() / channels;
    let boundary = |frame: u64| {
        let instant = frame * u64::from(format.sample_rate) / FRAMES_PER_SECOND;
        usize::try_from(instant).unwrap_or(usize::MAX).min(instants)
    };
    let mut frames = Vec::new();
    let (mut start, mut number) = (0, 1);
    while start < instants {
        let end = boundary(number);
        number += 1;
        if end == start {
            continue;
        }
        let samples = &samples[start * channels..end * channels];
        let mut frame = BytesMut::with_capacity(Format::HEADER + samples.len() * 2);
        frame.put_u32_le(format.sample_rate);
        frame.put_u16_le(format.channels);
        samples.iter().for_each(|sample| frame.put_i16_le(*sample));
        frames.push(frame.freeze());
        start = end;
    }
    frames
}

/// Parses a frame from the network: its format and its samples, or the problem with it.
pub(crate) fn parse(
    frame: &[u8],
) -> Result<(Format, impl Iterator<Item = i16> + '_), &'static str> {
    let (header, samples) = frame.split_at_checked(Format::HEADER).ok_or("it is too short")?;
    let [r0, r1, r2, r3, c0, c1] = header.try_into().unwrap_or([0; Format::HEADER]);
    let format = Format {
        sample_rate: u32::from_le_bytes([r0, r1, r2, r3]),
        channels: u16::from_le_bytes([c0, c1]),
    };
    if format.sample_rate == 0 || !(1..=2).contains(&format.channels) {
        return Err("its format cannot be");
    }
    if samples.len() % (2 * usize::from(format.channels)) != 0 {
        return Err("it breaks off in the middle of a sample");
    }
    Ok((format, samples.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]))))
}

/// A WAV file of the received frames. Its format is that of the first frame.
pub(crate) struct Recording {
    path: PathBuf,
    state: State,
}

enum State {
    Empty(File),
    Begun { format: Format, wav: WavWriter<BufWriter<File>>, frames: u64 },
}

impl Recording {
    /// Opens the file for writing. Its old content stays until the first frame is written.
    pub(crate) fn create(argument: &str, path: &Path) -> Result<Self, Failure> {
        let file =
            File::options().write(true).create(true).truncate(false).open(path).map_err(
                |error| Failure::unusable(argument, format!("{}: {error}", path.display())),
            )?;
        Ok(Self { path: path.to_owned(), state: State::Empty(file) })
    }

    /// Appends a frame. If that fails, the recording stays as it was.
    pub(crate) fn write(&mut self, frame: &[u8]) -> Result<(), Failure> {
        let refuse = |path: &Path, problem: &dyn std::fmt::Display| {
            Failure::DidNotHold(format!(
                "a frame cannot be written to {}: {problem}",
                path.display()
            ))
        };
        let (format, samples) = parse(frame).map_err(|problem| refuse(&self.path, &problem))?;
        if let State::Empty(file) = &self.state {
            file.set_len(0)?;
            let file = BufWriter::new(file.try_clone()?);
            let wav = WavWriter::new(file, format.spec()).map_err(|e| refuse(&self.path, &e))?;
            self.state = State::Begun { format, wav, frames: 0 };
        }
        let State::Begun { format: begun, wav, frames } = &mut self.state else {
            return Ok(());
        };
        if *begun != format {
            return Err(refuse(&self.path, &"its format is not that of the frames before it"));
        }
        for sample in samples {
            wav.write_sample(sample).map_err(|error| refuse(&self.path, &error))?;
        }
        *frames += 1;
        // The header is brought up to date once a second, in case this process is killed.
        if *frames % FRAMES_PER_SECOND == 0 {
            wav.flush().map_err(|error| refuse(&self.path, &error))?;
        }
        Ok(())
    }

    /// Completes the file. If no frame was written, a new file becomes a valid, empty WAV, and an
    /// old file stays as it was.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let incomplete = |error: hound::Error| {
            Failure::DidNotHold(format!("{} cannot be completed: {error}", self.path.display()))
        };
        match self.state {
            State::Begun { wav, .. } => wav.finalize().map_err(incomplete),
            State::Empty(file) if file.metadata()?.len() > 0 => Ok(()),
            State::Empty(file) => {
                let format = Format { sample_rate: 16_000, channels: 1 };
                WavWriter::new(BufWriter::new(file), format.spec())
                    .and_then(WavWriter::finalize)
                    .map_err(incomplete)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_in_one_frame_at_any_rate() {
        for (sample_rate, channels) in
            [(8_000, 1), (11_025, 2), (16_000, 1), (22_050, 1), (44_100, 2), (48_000, 2), (30, 1)]
        {
            let format = Format { sample_rate, channels };
            let samples: Vec<i16> = (0..20_011 * i32::from(channels)).map(|n| n as i16).collect();
            let frames = divide(format, &samples);
            let mut back = Vec::new();
            for frame in &frames {
                let (parsed, samples) = parse(frame).expect("a valid frame");
                assert_eq!(parsed, format);
                back.extend(samples);
            }
            assert_eq!(back, samples, "{format:?}");
            let seconds = 20_011.0 / f64::from(sample_rate);
            let most = (seconds * 50.0).ceil() as usize;
            assert!(frames.len() <= most, "{format:?}: {} frames in {seconds} s", frames.len());
        }
    }

    #[test]
    fn an_invalid_frame_is_refused() {
        for (frame, problem) in [
            (&[][..], "too short"),
            (&[0, 0, 0, 0, 1, 0], "format"),
            (&[1, 0, 0, 0, 0, 0], "format"),
            (&[1, 0, 0, 0, 3, 0], "format"),
            (&[1, 0, 0, 0, 1, 0, 7], "middle of a sample"),
            (&[1, 0, 0, 0, 2, 0, 7, 7], "middle of a sample"),
        ] {
            let error = parse(frame).err().expect("refused");
            assert!(error.contains(problem), "{frame:?}: {error}");
        }
    }
}
