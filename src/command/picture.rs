//! An image file → RGB, within limits that are checked before any pixel is decoded.

use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    path::Path,
};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage, metadata::Orientation};

use super::CommandError;

/// Longest side in pixels.
const LONGEST: u32 = 16_384;

/// Most pixels: 120 million, as no camera of today has more.
const MOST: u64 = 120_000_000;

/// Which kind of image a file's first bytes say it is; `None` for what is no image (or can't be read).
pub(super) fn kind(path: &Path) -> Option<ImageFormat> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(16).read_to_end(&mut head).ok()?;
    image::guess_format(&head).ok()
}

/// The pixels of an image file, turned upright as its Exif data says.
///
/// # Errors
/// [`CommandError::Picture`] names the file: unreadable, damaged or beyond the limits.
pub(super) fn read(path: &Path) -> Result<RgbImage, CommandError> {
    let wrong = |reason: String| CommandError::Picture { path: path.into(), reason };
    let damaged = |e: image::ImageError| {
        wrong(format!("cannot be decoded: {}; copy or export it again", one_line(&e.to_string())))
    };
    let open = || -> Result<ImageReader<BufReader<File>>, CommandError> {
        let mut file = BufReader::new(File::open(path).map_err(|e| wrong(format!("cannot be opened: {e}")))?);
        file.rewind().map_err(|e| wrong(format!("cannot be read: {e}")))?;
        ImageReader::new(file).with_guessed_format().map_err(|e| wrong(format!("cannot be read: {e}")))
    };
    let (width, height) = open()?.into_dimensions().map_err(damaged)?;
    if width > LONGEST || height > LONGEST || u64::from(width) * u64::from(height) > MOST {
        return Err(wrong(format!(
            "{width}×{height} pixels are too many; at most {LONGEST} a side and {} million in all: scale it down",
            MOST / 1_000_000
        )));
    }
    let mut reader = open()?;
    // The size is checked above; what decoding may take beside the pixels is bounded here.
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

fn limits() -> image::Limits {
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(LONGEST);
    limits.max_image_height = Some(LONGEST);
    // 16 bits of four channels each.
    limits.max_alloc = Some(MOST * 8);
    limits
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
