//! `miqa-offline clip`: a video with degraded stretches.

use std::path::PathBuf;

use super::CommandError;
use crate::clip::{self, ClipError, Stretch};

/// Arguments of `clip`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Video to degrade (H.264 or whatever GStreamer decodes to 8-bit 4:2:0).
    #[arg(long)]
    input: PathBuf,
    /// MP4 file to write; the stretches are listed beside it in a file of the same name ending in .json.
    #[arg(long)]
    output: PathBuf,
    /// One stretch, in order: clean:SECONDSs or DISTORTION:ROW:SECONDSs with a parameter row of 0 to 11.
    #[arg(long = "stretch", required = true, value_name = "STRETCH")]
    stretches: Vec<Stretch>,
    /// x264's rate factor: lower is better and larger.
    #[arg(long, default_value_t = 18, value_parser = clap::value_parser!(u32).range(0..=51))]
    quality: u32,
}

/// Writes the clip and the list of its stretches.
///
/// # Errors
/// Unreadable or too short input, a missing GStreamer element, or an output that can't be written.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let made = clip::make(&args.input, &args.output, &args.stretches, args.quality).map_err(classify)?;
    let list = args.output.with_extension("json");
    let mut text = serde_json::to_string_pretty(&made).map_err(CommandError::unexpected)?;
    text.push('\n');
    std::fs::write(&list, text).map_err(|source| classify(ClipError::Io { path: list.clone(), source }))?;
    let size = std::fs::metadata(&args.output).map_or(0, |file| file.len());
    println!(
        "{}: {} frames, {:.2} MB; stretches in {}",
        args.output.display(),
        made.frames,
        size as f64 / 1e6,
        list.display()
    );
    Ok(())
}

fn classify(error: ClipError) -> CommandError {
    match error {
        ClipError::Stretch { .. } | ClipError::NoStretch | ClipError::TooShort { .. } => CommandError::usage(error),
        ClipError::Element(_) | ClipError::Pipeline(_) => CommandError::unexpected(error),
        _ => CommandError::data(error),
    }
}
