//! Masks: which pixels of an original are its region of interest.
//!
//! Four sources give them: a [`folder`] of files, [`coco`] annotations, a [`saliency`] model, and [`co_segmentation`] of
//! the originals of one category. The first three work an original at a time ([`OriginalMasks`]), the last a group at a
//! time ([`groups`]). [`row`] keeps what came of it; nothing is ever fused through an empty or full mask unnoticed.
//!
//! A mask of a model may differ in a few pixels between machines, as ONNX Runtime's kernels do. That is why variants
//! depend on the mask's SHA-256 and not on how it was made.

mod binary;
pub mod clean_up;
pub mod clusters;
pub mod co_segmentation;
pub mod coco;
mod dense;
pub mod descriptors;
mod error;
pub mod folder;
pub mod groups;
#[cfg(test)]
pub(crate) mod model_tests;
pub mod models;
mod polygon;
pub mod refine;
pub mod row;
mod runs;
pub mod saliency;
pub mod upscale;

use std::path::PathBuf;
use std::str::FromStr;

pub use binary::{INSIDE, Mask, Verdict};
pub use error::MaskError;
pub use row::{MaskRow, read_masks};
pub use runs::{Runs, RunsError};

use crate::hex::hex;
use crate::source::Original;

/// A source that works an original at a time.
pub trait OriginalMasks {
    /// The mask of an original; `None` if the source has none.
    ///
    /// # Errors
    /// The source is broken here, or the mask has another size than the original.
    fn mask(&mut self, original: &Original) -> Result<Option<Mask>, MaskError>;
}

/// Where masks come from: `folder:DIR`, `coco:FILE`, `saliency` or `cosegment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskChoice {
    /// Files `<id>_binary_mask.png` in a folder.
    Folder(PathBuf),
    /// The instances of a COCO annotation file.
    Coco(PathBuf),
    /// A saliency model.
    Saliency,
    /// Co-segmentation of the originals of one category.
    CoSegmentation,
}

impl MaskChoice {
    /// Name in tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Folder(_) => "folder",
            Self::Coco(_) => "coco",
            Self::Saliency => "saliency",
            Self::CoSegmentation => "cosegment",
        }
    }
}

impl FromStr for MaskChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("folder", path)) if !path.is_empty() => Ok(Self::Folder(path.into())),
            Some(("coco", path)) if !path.is_empty() => Ok(Self::Coco(path.into())),
            None if text == "saliency" => Ok(Self::Saliency),
            None if text == "cosegment" => Ok(Self::CoSegmentation),
            _ => Err("it takes folder:DIR, coco:FILE, saliency or cosegment".to_owned()),
        }
    }
}

/// The first eight hexadecimal digits of a hash.
fn short_hex(hash: &[u8]) -> String {
    hex(&hash[..4])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::source::PixelHash;

    /// An original that is nowhere but in memory.
    pub(crate) fn original(id: &str, width: u32, height: u32) -> Original {
        Original {
            id: id.to_owned(),
            path: String::new(),
            class: -1,
            pixel_sha256: PixelHash([0; 32]),
            width,
            height,
            licence: String::new(),
        }
    }

    #[test]
    fn choices() {
        assert_eq!("folder:a/b:c".parse(), Ok(MaskChoice::Folder("a/b:c".into())));
        assert_eq!("coco:x.json".parse(), Ok(MaskChoice::Coco("x.json".into())));
        assert_eq!("saliency".parse(), Ok(MaskChoice::Saliency));
        assert_eq!("cosegment".parse(), Ok(MaskChoice::CoSegmentation));
        for wrong in ["", "folder", "folder:", "coco:", "saliency:x", "grabcut"] {
            assert!(wrong.parse::<MaskChoice>().is_err_and(|e| e.contains("cosegment")), "{wrong}");
        }
    }
}
