//! A still picture's file → RGB, within limits that are checked before any pixel is decoded.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage, metadata};
use serde::Deserialize;

/// Longest side in pixels.
const LONGEST: u32 = 16_384;

/// Most pixels: 120 million, as no camera of today has more.
const MOST: u64 = 120_000_000;

/// What becomes of the orientation that the Exif data state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    /// Pixels as they are stored.
    #[default]
    Ignore,
    /// The picture is turned upright.
    Apply,
}

/// A picture that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}", path = path.display())]
pub struct PictureError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and the next step.
    pub reason: String,
}

/// Which kind of picture a file's first bytes say it is; `None` for what is no picture (or can't be read).
#[must_use]
pub fn kind(path: &Path) -> Option<ImageFormat> {
    use std::io::Read as _;
    let mut head = Vec::new();
    std::fs::File::open(path).ok()?.take(16).read_to_end(&mut head).ok()?;
    image::guess_format(&head).ok()
}

/// The pixels of a PNG or JPEG file, 8-bit RGB: grey is repeated, 16 bits are rounded to 8, CMYK is converted, alpha is
/// dropped. The format comes from the content.
///
/// # Errors
/// The file is unreadable, cut short, damaged or beyond the limits.
pub fn read(path: &Path, orientation: Orientation) -> Result<RgbImage, PictureError> {
    let wrong = |reason: String| PictureError { path: path.into(), reason };
    let damaged = |e: image::ImageError| {
        wrong(format!("cannot be decoded: {}; copy or export it again", one_line(&e.to_string())))
    };
    let bytes =
        std::fs::read(path).map_err(|e| wrong(format!("cannot be read: {e}; check its path and permissions")))?;
    let reader = || {
        ImageReader::new(Cursor::new(bytes.as_slice()))
            .with_guessed_format()
            .map_err(|e| wrong(format!("cannot be read: {e}")))
    };
    let mut limited = reader()?;
    let format = limited.format();
    let (width, height) = reader()?.into_dimensions().map_err(damaged)?;
    if width > LONGEST || height > LONGEST || u64::from(width) * u64::from(height) > MOST {
        return Err(wrong(format!(
            "{width}×{height} pixels are too many; at most {LONGEST} a side and {} million in all: scale it down",
            MOST / 1_000_000
        )));
    }
    // The decoder fills up what is missing of a JPEG with grey and says nothing.
    if format == Some(ImageFormat::Jpeg) && !jpeg_has_end(&bytes) {
        return Err(wrong("is cut short (a JPEG without its end marker); copy or export it again".into()));
    }
    // The size is checked above; what decoding may take beside the pixels is bounded here.
    limited.limits(limits());
    let mut decoder = limited.into_decoder().map_err(damaged)?;
    let turn = match orientation {
        Orientation::Ignore => metadata::Orientation::NoTransforms,
        Orientation::Apply => decoder.orientation().unwrap_or(metadata::Orientation::NoTransforms),
    };
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(turn);
    Ok(picture.into_rgb8())
}

/// Whether an end marker follows the first scan (T.81, B.1.1.3: inside a scan FF is always followed by 00 or a restart
/// marker). Segments before it, such as an embedded thumbnail with an end of its own, are stepped over.
fn jpeg_has_end(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        match marker {
            START_OF_SCAN => return bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]),
            // Fill bytes may stand before a marker.
            0xff => at += 1,
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    false
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_that_was_cut_anywhere_is_refused() {
        let whole = include_bytes!("../tests/fixtures/pictures/000000208901.jpg");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.jpg");
        let read_cut = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read(&path, Orientation::Ignore)
        };
        assert!(read_cut(whole).is_ok());
        // Some cameras leave bytes after the end.
        assert!(read_cut(&[&whole[..], b"\0\0\0"].concat()).is_ok());
        for share in [1, 10, 50, 90, 99] {
            let error = read_cut(&whole[..whole.len() * share / 100]).unwrap_err().to_string();
            assert!(error.contains("picture.jpg") && error.contains("again") && !error.contains('\n'), "{error}");
        }
        assert!(read_cut(&whole[..whole.len() - 2]).unwrap_err().to_string().contains("cut short"));
    }

    #[test]
    fn unusual_kinds_become_rgb_as_said() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/odd");
        let slopes = |x: u32, y: u32| [x * 7, y * 9, (x + y) * 4].map(|v| v as u8);
        let far = |file: &str, expected: &dyn Fn(u32, u32) -> [u8; 3]| {
            let rgb = read(&folder.join(file), Orientation::Ignore).unwrap();
            assert_eq!(rgb.dimensions(), (32, 24), "{file}");
            let differences = rgb
                .enumerate_pixels()
                .flat_map(|(x, y, pixel)| pixel.0.into_iter().zip(expected(x, y)).map(|(a, b)| a.abs_diff(b)));
            differences.max().unwrap_or(0)
        };
        assert_eq!(far("alpha.png", &slopes), 0, "alpha is dropped");
        let sixteen = |x: u32, y: u32| [((x * 2000 + y * 13) as f64 / 257.0).round() as u8; 3];
        assert_eq!(far("deep.png", &sixteen), 0, "16 bits are rounded");
        assert!(far("cmyk.jpg", &slopes) <= 24, "CMYK is converted: {}", far("cmyk.jpg", &slopes));
        let luma = |x: u32, y: u32| {
            let [r, g, b] = slopes(x, y).map(f64::from);
            [(0.299 * r + 0.587 * g + 0.114 * b).round() as u8; 3]
        };
        assert!(far("grey.jpg", &luma) <= 4, "grey is repeated: {}", far("grey.jpg", &luma));
        assert!(far("palette.png", &slopes) <= 60, "a palette is looked up: {}", far("palette.png", &slopes));
    }
}
