//! A mask: which pixels of an original are its region of interest.

use std::fs;
use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageReader};
use sha2::{Digest, Sha256};

use super::MaskError;
use crate::source::PixelHash;

/// Value of a pixel inside the region of interest.
pub const INSIDE: u8 = 255;

/// Pixels of 0 (background) or 255 (region of interest), row by row.
#[derive(Clone, PartialEq, Eq)]
pub struct Mask {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask {}×{}, share {:.3}", self.width, self.height, self.area_share())
    }
}

/// What a mask is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has an inside and an outside.
    Ok,
    /// No pixel is inside: there is no region to degrade.
    Empty,
    /// Every pixel is inside: there is no background to degrade.
    Full,
    /// The source has no mask of this original.
    Missing,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Empty, Self::Full, Self::Missing];

    /// Name in tables and output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Empty => "empty",
            Self::Full => "full",
            Self::Missing => "missing",
        }
    }
}

impl Mask {
    /// The mask whose pixel (x, y) is inside where `inside` says so.
    #[must_use]
    pub fn from_fn(width: u32, height: u32, mut inside: impl FnMut(u32, u32) -> bool) -> Self {
        let mut pixels = Vec::with_capacity(width as usize * height as usize);
        for y in 0..height {
            pixels.extend((0..width).map(|x| if inside(x, y) { INSIDE } else { 0 }));
        }
        Self { width, height, pixels }
    }

    /// `None` if the number of pixels is not width × height, or one of them is neither 0 nor 255.
    #[must_use]
    pub fn from_pixels(width: u32, height: u32, pixels: Vec<u8>) -> Option<Self> {
        let fits = pixels.len() == width as usize * height as usize;
        (fits && pixels.iter().all(|&pixel| pixel == 0 || pixel == INSIDE)).then_some(Self { width, height, pixels })
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels, 0 or 255, row by row.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Adds the inside of `other`, which must have the same size.
    pub fn unite(&mut self, other: &Self) {
        debug_assert_eq!((self.width, self.height), (other.width, other.height));
        self.pixels.iter_mut().zip(&other.pixels).for_each(|(pixel, other)| *pixel |= other);
    }

    /// Number of pixels inside.
    #[must_use]
    pub fn area(&self) -> usize {
        self.pixels.iter().filter(|&&pixel| pixel == INSIDE).count()
    }

    /// Share of the pixels that are inside, 0..=1; 0 for a mask without pixels.
    #[must_use]
    pub fn area_share(&self) -> f64 {
        self.area() as f64 / self.pixels.len().max(1) as f64
    }

    /// [`Verdict::Ok`], or why no region can be told from the other.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.area() {
            0 => Verdict::Empty,
            area if area == self.pixels.len() => Verdict::Full,
            _ => Verdict::Ok,
        }
    }

    /// SHA-256 over width and height (each u32, little endian) and the pixels: the mask's part in a variant's identity.
    #[must_use]
    pub fn sha256(&self) -> PixelHash {
        let mut hash = Sha256::new();
        hash.update(self.width.to_le_bytes());
        hash.update(self.height.to_le_bytes());
        hash.update(&self.pixels);
        PixelHash(hash.finalize().into())
    }

    /// Reads a picture whose pixels are all black or white.
    ///
    /// # Errors
    /// [`MaskError::Picture`]: the file can't be decoded, or has other values than 0 and 255.
    pub fn read(path: &Path) -> Result<Self, MaskError> {
        let refuse = |reason: String| MaskError::Picture { path: path.to_owned(), reason };
        let picture = ImageReader::open(path)
            .and_then(ImageReader::with_guessed_format)
            .map_err(|e| refuse(e.to_string()))?
            .decode()
            .map_err(|e| refuse(e.to_string()))?
            .into_luma8();
        let (width, height) = picture.dimensions();
        let pixels = picture.into_raw();
        if let Some(at) = pixels.iter().position(|&pixel| pixel != 0 && pixel != INSIDE) {
            let (x, y) = (at % width as usize, at / width as usize);
            return Err(refuse(format!("pixel ({x}, {y}) is {}, a mask has 0 and 255 only", pixels[at])));
        }
        Ok(Self { width, height, pixels })
    }

    /// Writes an 8-bit grey PNG, whole or not at all; makes the folder if it is missing.
    ///
    /// # Errors
    /// [`MaskError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), MaskError> {
        let refuse = |reason: String| MaskError::Write { path: path.to_owned(), reason };
        let mut png = Vec::new();
        PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::NoFilter)
            .write_image(&self.pixels, self.width, self.height, ExtendedColorType::L8)
            .map_err(|e| refuse(e.to_string()))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| refuse(e.to_string()))?;
        }
        let mut partial = path.file_name().unwrap_or_default().to_owned();
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = path.with_file_name(partial);
        fs::write(&partial, png).and_then(|()| fs::rename(&partial, path)).map_err(|e| refuse(e.to_string()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn verdicts_and_identity() {
        let some = Mask::from_fn(4, 2, |x, y| x == 1 && y == 1);
        assert_eq!((some.area(), some.area_share(), some.verdict()), (1, 0.125, Verdict::Ok));
        assert_eq!(Mask::from_fn(4, 2, |_, _| false).verdict(), Verdict::Empty);
        assert_eq!(Mask::from_fn(4, 2, |_, _| true).verdict(), Verdict::Full);
        assert_ne!(some.sha256(), Mask::from_fn(4, 2, |x, y| x == 2 && y == 1).sha256());
        // The size counts, not only the pixels.
        assert_ne!(Mask::from_fn(4, 2, |_, _| true).sha256(), Mask::from_fn(2, 4, |_, _| true).sha256());
        assert!(Mask::from_pixels(2, 1, vec![0, 1]).is_none() && Mask::from_pixels(2, 2, vec![0; 3]).is_none());
    }

    #[test]
    fn files_survive_the_round_trip_and_grey_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/mask.png");
        let mask = Mask::from_fn(13, 7, |x, y| (x * y) % 3 == 1);
        mask.write(&path).unwrap();
        assert_eq!(Mask::read(&path).unwrap(), mask);
        let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["mask.png"]);

        image::GrayImage::from_fn(3, 3, |x, y| image::Luma([if (x, y) == (2, 1) { 254 } else { 255 }]))
            .save(&path)
            .unwrap();
        let text = Mask::read(&path).unwrap_err().to_string();
        assert!(text.contains("mask.png") && text.contains("(2, 1) is 254"), "{text}");
        assert!(Mask::read(&folder.path().join("none.png")).is_err());
    }
}
