//! `miqa-offline scenes`: originals that look like what cameras see: squares out of videos and out of pictures.
//!
//! Pictures of one object each teach a model that a dull scene is a bad picture. Frames of fixed cameras and cuts without
//! an object have no class, but classifiers can be consistent on them, which is all that a gate asks.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::{RgbImage, imageops};
use miqa::{preprocess, source};
use sha2::{Digest, Sha256};

use super::CommandError;
use crate::source::{decode, part_id};

/// Arguments of `scenes`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for the cuts, PNG files named `<whole>~<part>`
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder of pictures: one square of each, half of its shorter side long, at a place that follows from its name
    #[arg(long, value_name = "DIR")]
    images: Vec<PathBuf>,
    /// Video: the squares at both ends of each frame taken
    #[arg(long, value_name = "FILE")]
    video: Option<PathBuf>,
    /// First second of the video that is used
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    from: f64,
    /// Seconds at which to end; without it the video's end
    #[arg(long, value_name = "SECONDS")]
    to: Option<f64>,
    /// Seconds between frames taken
    #[arg(long, default_value_t = 0.8, value_name = "SECONDS")]
    every: f64,
}

/// Runs `scenes`.
///
/// # Errors
/// 2: nothing to cut, or the folder can't be made; 65: a video or picture can't be decoded.
pub fn run(args: &Args) -> Result<(), CommandError> {
    if args.images.is_empty() && args.video.is_none() {
        return Err(CommandError::usage("nothing to cut; give --images DIR or --video FILE".to_owned()));
    }
    fs::create_dir_all(&args.out)
        .map_err(|e| CommandError::usage(format!("can't make folder {}: {e}", args.out.display())))?;
    let mut count = 0;
    for folder in &args.images {
        count += cut_pictures(folder, &args.out)?;
    }
    if let Some(video) = &args.video {
        count += cut_video(video, args)?;
    }
    println!("scenes: {count} squares in {}", args.out.display());
    Ok(())
}

/// One square of each JPEG or PNG file.
fn cut_pictures(folder: &Path, out: &Path) -> Result<usize, CommandError> {
    let entries = fs::read_dir(folder)
        .map_err(|e| CommandError::usage(format!("can't read folder {}: {e}", folder.display())))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| ["jpg", "jpeg", "JPEG", "png"].iter().any(|known| e == *known)));
    files.sort();
    for file in &files {
        let picture = decode(file).map_err(CommandError::data)?;
        let stem = stem(file);
        let side = (picture.width().min(picture.height()) / 2).max(1);
        let hash = Sha256::digest(stem.as_bytes());
        let place = |at: usize, room: u32| u32::from(u16::from_le_bytes([hash[at], hash[at + 1]])) % (room + 1);
        let (x, y) = (place(0, picture.width() - side), place(2, picture.height() - side));
        write(&imageops::crop_imm(&picture, x, y, side, side).to_image(), out, &part_id(&stem, "cut"))?;
    }
    Ok(files.len())
}

/// The squares at both ends of a frame every so often.
fn cut_video(video: &Path, args: &Args) -> Result<usize, CommandError> {
    let stem = stem(video);
    let (mut due, mut count) = (Duration::from_secs_f64(args.from.max(0.0)), 0);
    let every = Duration::from_secs_f64(args.every.max(0.04));
    for frame in source::frames(video).map_err(CommandError::data)? {
        let frame = frame.map_err(CommandError::data)?;
        let at = frame.pts.unwrap_or_default();
        if args.to.is_some_and(|to| at.as_secs_f64() >= to) {
            break;
        }
        if at < due {
            continue;
        }
        due = at + every;
        let picture = preprocess::to_rgb(&frame).map_err(CommandError::data)?;
        let side = picture.width().min(picture.height());
        let ends = [(0, 0), (picture.width() - side, picture.height() - side)];
        for (i, (x, y)) in ends.into_iter().enumerate() {
            let square = imageops::crop_imm(&picture, x, y, side, side).to_image();
            write(&square, &args.out, &part_id(&stem, &format!("{}ms-{i}", at.as_millis())))?;
            count += 1;
        }
    }
    Ok(count)
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn write(square: &RgbImage, out: &Path, id: &str) -> Result<(), CommandError> {
    let path = out.join(format!("{id}.png"));
    square.save(&path).map_err(|e| CommandError::unexpected(format!("can't write {}: {e}", path.display())))
}
