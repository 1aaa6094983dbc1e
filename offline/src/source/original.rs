//! One original and the table of all of them.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use image::RgbImage;
use sha2::{Digest, Sha256};

use super::PixelHash;
use crate::columns;
use crate::recipe::Orientation;
use crate::table::{self, TableError};

/// Why originals could not be listed or loaded.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file could not be opened or decoded.
    #[error("image {0}, or leave it out of the folder")]
    Image(#[from] miqa::picture::PictureError),
    /// The file's name can't become an id or be kept in a table.
    #[error("image {path:?}: its name can't be an id, {reason}; rename it, or leave it out of the folder")]
    Name {
        /// The picture's file.
        path: PathBuf,
        /// What is wrong with the name.
        reason: &'static str,
    },
    /// The pixels are not those that `select` saw.
    #[error(
        "image {path} has changed since `select`: pixels {found}, the table says {expected}; run `select` and what follows again"
    )]
    Changed {
        /// The picture's file.
        path: PathBuf,
        /// Hash in the sources table.
        expected: PixelHash,
        /// Hash of the file's pixels now.
        found: PixelHash,
    },
    /// A list of labels or annotations could not be understood.
    #[error("{path}: {reason}")]
    List {
        /// The list's file.
        path: PathBuf,
        /// What is wrong, with its line where known.
        reason: String,
    },
    /// Two files share one stem, which is the id of an original.
    #[error("originals `{first}` and `{second}` have the same id `{id}` (their file stem): rename one of them")]
    SameId {
        /// The id both would have.
        id: String,
        /// The one that was there.
        first: String,
        /// The one that came later.
        second: String,
    },
    /// The sources table itself.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// An undistorted picture: one row of `sources.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct Original {
    /// File stem; unique in a work folder.
    pub id: String,
    /// Where the file lies.
    pub path: String,
    /// ImageNet-1k class 0..=999, or -1 if unknown.
    pub class: i32,
    /// Identity of the pixels: the key of everything random about this original's variants.
    pub pixel_sha256: PixelHash,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Licence of the picture, as the user or the annotations state it.
    pub licence: String,
}

columns!(Original { id, path, class, pixel_sha256, width, height, licence });

impl Original {
    /// Decodes the file at `path` as it is stored and describes it; its id is the file stem.
    ///
    /// # Errors
    /// The file can't be read or decoded.
    pub fn describe(path: &Path, class: i32, licence: &str) -> Result<Self, SourceError> {
        Self::describe_as(path, class, licence, Orientation::Ignore)
    }

    /// Decodes the file at `path`, turned or not, and describes it; its id is the file stem.
    ///
    /// # Errors
    /// The file can't be read or decoded, or its name can't be an id.
    pub fn describe_as(path: &Path, class: i32, licence: &str, orientation: Orientation) -> Result<Self, SourceError> {
        let refuse = |reason| SourceError::Name { path: path.to_owned(), reason };
        // Tables hold text: another path would not be found again.
        let text = path.to_str().ok_or_else(|| refuse("it is no UTF-8"))?;
        let id = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        if !is_id(id) {
            return Err(refuse("an id names a folder, so it holds no control characters and no backslash"));
        }
        let rgb = decode_as(path, orientation)?;
        Ok(Self {
            id: id.to_owned(),
            path: text.to_owned(),
            class,
            pixel_sha256: PixelHash::of(&rgb),
            width: rgb.width(),
            height: rgb.height(),
            licence: licence.to_owned(),
        })
    }

    /// The original's pixels, turned as they were when it was described: their hash tells.
    ///
    /// # Errors
    /// The file can't be decoded, or it has changed since it was described.
    pub fn load(&self) -> Result<RgbImage, SourceError> {
        let path = Path::new(&self.path);
        let rgb = decode(path)?;
        let found = PixelHash::of(&rgb);
        if found != self.pixel_sha256 {
            let turned = decode_as(path, Orientation::Apply)?;
            if PixelHash::of(&turned) == self.pixel_sha256 {
                return Ok(turned);
            }
            return Err(SourceError::Changed { path: path.to_owned(), expected: self.pixel_sha256, found });
        }
        Ok(rgb)
    }
}

/// Whether an id can name a folder and start a file name, here and in an archive.
#[must_use]
pub fn is_id(id: &str) -> bool {
    !id.is_empty() && id != "." && id != ".." && !id.contains(|c: char| c == '/' || c == '\\' || c.is_control())
}

/// Decodes a picture to RGB8 as [`miqa::picture`] does; EXIF orientation is ignored.
///
/// # Errors
/// The file is missing, truncated, of an unknown format or beyond the limits.
pub fn decode(path: &Path) -> Result<RgbImage, SourceError> {
    decode_as(path, Orientation::Ignore)
}

/// Decodes a picture to RGB8 as [`miqa::picture`] does.
///
/// # Errors
/// As [`decode`].
pub fn decode_as(path: &Path, orientation: Orientation) -> Result<RgbImage, SourceError> {
    Ok(miqa::picture::read(path, orientation)?)
}

/// Refuses two originals of one id.
///
/// # Errors
/// [`SourceError::SameId`] with both paths.
pub fn check_unique(originals: &[Original]) -> Result<(), SourceError> {
    let mut seen: HashMap<&str, &Original> = HashMap::new();
    for original in originals {
        if let Some(first) = seen.insert(&original.id, original) {
            return Err(SourceError::SameId {
                id: original.id.clone(),
                first: first.path.clone(),
                second: original.path.clone(),
            });
        }
    }
    Ok(())
}

/// Footer note that holds the number of shards of a sources table.
const SHARDS: &str = "miqa.shards";

/// The number of shards that a sources table states; 1 unless `select` was told otherwise.
///
/// # Errors
/// The table is missing.
pub fn read_shards(path: &Path) -> Result<u32, SourceError> {
    let stated = table::read_note(path, SHARDS)?.and_then(|text| text.parse().ok());
    Ok(stated.unwrap_or(1).max(1))
}

/// SHA-256, in hexadecimal digits, over ids and pixels, in the order of ids: the identity of a sources table.
#[must_use]
pub fn sources_id(originals: &[Original]) -> String {
    let mut sorted: Vec<&Original> = originals.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    let mut hash = Sha256::new();
    for original in sorted {
        hash.update((original.id.len() as u64).to_le_bytes());
        hash.update(original.id.as_bytes());
        hash.update(original.pixel_sha256.0);
    }
    PixelHash(hash.finalize().into()).to_string()
}

/// Reads `sources.parquet`.
///
/// # Errors
/// The table is missing or of another shape.
pub fn read_sources(path: &Path) -> Result<Vec<Original>, SourceError> {
    Ok(table::read(path)?)
}

/// Writes `sources.parquet`, to be worked on in one shard.
///
/// # Errors
/// Two originals share an id, or the file can't be written.
pub fn write_sources(path: &Path, originals: &[Original]) -> Result<(), SourceError> {
    write_sources_in(path, originals, 1)
}

/// Writes `sources.parquet`, to be worked on in `shards` shards.
///
/// # Errors
/// As [`write_sources`].
pub fn write_sources_in(path: &Path, originals: &[Original], shards: u32) -> Result<(), SourceError> {
    check_unique(originals)?;
    Ok(table::write_noted(path, originals, &[(SHARDS, shards.to_string())])?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn an_original_is_its_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("red.png");
        RgbImage::from_pixel(5, 3, image::Rgb([200, 1, 2])).save(&path).unwrap();
        let original = Original::describe(&path, 7, "CC0-1.0").unwrap();
        assert_eq!((original.id.as_str(), original.class, original.width, original.height), ("red", 7, 5, 3));
        assert_eq!(original.load().unwrap().dimensions(), (5, 3));

        RgbImage::from_pixel(5, 3, image::Rgb([200, 1, 3])).save(&path).unwrap();
        assert!(matches!(original.load(), Err(SourceError::Changed { .. })));

        let table = folder.path().join("sources.parquet");
        write_sources(&table, std::slice::from_ref(&original)).unwrap();
        assert_eq!(read_sources(&table).unwrap(), std::slice::from_ref(&original));
        assert_eq!(read_shards(&table).unwrap(), 1);
        write_sources_in(&table, std::slice::from_ref(&original), 7).unwrap();
        assert_eq!(read_shards(&table).unwrap(), 7);
        let twice = write_sources(&table, &[original.clone(), original]).unwrap_err().to_string();
        assert!(twice.contains("the same id `red`"), "{twice}");
    }

    #[test]
    fn a_turned_jpeg_is_turned_or_not_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turned.jpg");
        let upright = RgbImage::from_fn(24, 16, |x, y| image::Rgb([x as u8 * 9, y as u8 * 11, 40]));
        let mut jpeg = Vec::new();
        image::codecs::jpeg::JpegEncoder::new(&mut jpeg).encode_image(&upright).unwrap();
        // An Exif segment after the start marker: one entry, orientation (0x112) 6, a quarter turn clockwise.
        let exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        jpeg.splice(2..2, exif.iter().copied());
        std::fs::write(&path, jpeg).unwrap();
        let stored = Original::describe(&path, -1, "").unwrap();
        let turned = Original::describe_as(&path, -1, "", Orientation::Apply).unwrap();
        assert_eq!((stored.width, stored.height, turned.width, turned.height), (24, 16, 16, 24));
        let (stored, turned) = (stored.load().unwrap(), turned.load().unwrap());
        assert_eq!(image::imageops::rotate90(&stored), turned);
    }

    #[test]
    #[cfg(unix)]
    fn names_that_can_be_no_id_are_refused_before_anything_is_made_of_them() {
        use std::os::unix::ffi::OsStrExt;

        let folder = tempfile::tempdir().unwrap();
        for name in [b"a\nb.png".as_slice(), b"a\\b.png", b"a\xffb.png", b"..png"] {
            let path = folder.path().join(OsStr::from_bytes(name));
            RgbImage::new(2, 2).save(folder.path().join("plain.png")).unwrap();
            std::fs::rename(folder.path().join("plain.png"), &path).unwrap();
            let found = Original::describe(&path, -1, "");
            assert!(matches!(found, Err(SourceError::Name { .. })), "{path:?}");
            assert!(!found.unwrap_err().to_string().contains('\n'));
        }
        for name in ["two.dots.v1.png", "näme with spaces & \"quote\" %41.png", "-dash.png"] {
            let path = folder.path().join(name);
            RgbImage::new(2, 2).save(&path).unwrap();
            assert_eq!(Original::describe(&path, -1, "").unwrap().id, name.strip_suffix(".png").unwrap());
        }
    }

    #[test]
    fn undecodable_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("good.png");
        RgbImage::new(64, 64).save(&good).unwrap();
        let whole = std::fs::read(&good).unwrap();
        for (name, bytes) in [("empty.png", &[][..]), ("cut.png", &whole[..whole.len() / 2]), ("text.jpg", b"hello")] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let text = decode(&path).unwrap_err().to_string();
            assert!(text.contains(name) && !text.contains('\n'), "{text}");
        }
    }
}
