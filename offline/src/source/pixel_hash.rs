//! The identity of a picture: SHA-256 of its size and RGB8 pixels.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::DataType;
use image::RgbImage;
use sha2::{Digest, Sha256};

use crate::table::Column;

/// SHA-256 over width and height (each u32, little endian) and the interleaved RGB8 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PixelHash(pub [u8; 32]);

impl PixelHash {
    /// The hash of a picture.
    #[must_use]
    pub fn of(rgb: &RgbImage) -> Self {
        let mut hash = Sha256::new();
        hash.update(rgb.width().to_le_bytes());
        hash.update(rgb.height().to_le_bytes());
        hash.update(rgb.as_raw());
        Self(hash.finalize().into())
    }

    /// The first eight hexadecimal digits: enough to tell versions of one file apart in names.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for PixelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no SHA-256: it takes 64 hexadecimal digits")]
pub struct NotAHash(String);

impl FromStr for PixelHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotAHash(text.to_owned());
        if text.len() != 64 || !text.is_ascii() {
            return Err(refuse());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| refuse())?;
        }
        Ok(Self(bytes))
    }
}

impl Column for PixelHash {
    const NULLABLE: bool = false;

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values.map(ToString::to_string)))
    }

    fn values(array: &dyn Array) -> Option<Vec<Self>> {
        String::values(array)?.iter().map(|text| text.parse().ok()).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn size_is_part_of_the_identity() {
        let flat = |w, h| RgbImage::from_pixel(w, h, image::Rgb([7, 8, 9]));
        assert_eq!(PixelHash::of(&flat(4, 2)), PixelHash::of(&flat(4, 2)));
        assert_ne!(PixelHash::of(&flat(4, 2)), PixelHash::of(&flat(2, 4)));
    }

    #[test]
    fn text_round_trip_and_refusals() {
        let hash = PixelHash::of(&RgbImage::new(1, 1));
        assert_eq!(hash.to_string().parse::<PixelHash>().unwrap(), hash);
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(63), &"é".repeat(32)] {
            assert!(bad.parse::<PixelHash>().is_err(), "{bad}");
        }
    }
}
