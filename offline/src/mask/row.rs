//! The table of masks: what each original's region of interest is, or why it has none.

use std::path::Path;

use super::{Mask, MaskError, Verdict};
use crate::columns;
use crate::source::Original;
use crate::table::{self, TableError};

/// One row of `masks.parquet`.
#[derive(Debug, Clone, PartialEq)]
pub struct MaskRow {
    /// Id of the original.
    pub original: String,
    /// Where the mask comes from, with a fingerprint of its settings: `coco-1a2b3c4d`.
    pub source: String,
    /// The mask's PNG file below the work folder; empty if there is none.
    pub path: String,
    /// SHA-256 of the mask's size and pixels ([`Mask::sha256`]); empty if there is none.
    pub mask_sha256: String,
    /// Share of the pixels that are inside, 0..=1.
    pub area_share: f64,
    /// `ok`, `empty`, `full` or `missing`: only `ok` can be fused through.
    pub verdict: String,
}

columns!(MaskRow { original, source, path, mask_sha256, area_share, verdict });

impl MaskRow {
    /// Writes an original's mask under `work` and describes it.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn record(work: &Path, original: &Original, source: &str, mask: Option<&Mask>) -> Result<Self, MaskError> {
        let row = |path: String, mask_sha256: String, area_share: f64, verdict: Verdict| Self {
            original: original.id.clone(),
            source: source.to_owned(),
            path,
            mask_sha256,
            area_share,
            verdict: verdict.name().to_owned(),
        };
        let Some(mask) = mask else { return Ok(row(String::new(), String::new(), 0.0, Verdict::Missing)) };
        // Masks of several sources lie beside each other: a row of an earlier run still means the file it names.
        let path = format!("masks/{source}/{}{}", original.id, super::folder::SUFFIX);
        mask.write(&work.join(&path))?;
        Ok(row(path, mask.sha256().to_string(), mask.area_share(), mask.verdict()))
    }

    /// Whether variants can be fused through this mask.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.verdict == Verdict::Ok.name()
    }

    /// The mask, read from below `work`.
    ///
    /// # Errors
    /// [`MaskError::Unusable`] unless the verdict is `ok`; the file is missing, broken or another one than recorded.
    pub fn load(&self, work: &Path) -> Result<Mask, MaskError> {
        if !self.is_usable() {
            return Err(MaskError::Unusable { original: self.original.clone(), verdict: self.verdict.clone() });
        }
        let path = work.join(&self.path);
        let mask = Mask::read(&path)?;
        if mask.sha256().to_string() != self.mask_sha256 {
            return Err(MaskError::Changed { path });
        }
        Ok(mask)
    }
}

/// Reads `masks.parquet`.
///
/// # Errors
/// The table is missing or of another shape.
pub fn read_masks(path: &Path) -> Result<Vec<MaskRow>, TableError> {
    table::read(path)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::mask::tests::original;

    #[test]
    fn only_usable_and_unchanged_masks_are_given_out() {
        let work = tempfile::tempdir().unwrap();
        let record = |mask: Option<&Mask>| MaskRow::record(work.path(), &original("a", 6, 5), "test-0", mask).unwrap();
        let half = Mask::from_fn(6, 5, |x, _| x < 3);
        let row = record(Some(&half));
        assert_eq!((row.area_share, row.verdict.as_str()), (0.5, "ok"));
        assert_eq!(row.load(work.path()).unwrap(), half);
        for (mask, verdict) in [
            (Some(Mask::from_fn(6, 5, |_, _| false)), "empty"),
            (Some(Mask::from_fn(6, 5, |_, _| true)), "full"),
            (None, "missing"),
        ] {
            let refused = record(mask.as_ref()).load(work.path()).unwrap_err().to_string();
            assert!(refused.contains(verdict) && refused.contains("`a`"), "{refused}");
        }
        // The full mask lies there now.
        assert!(matches!(row.load(work.path()), Err(MaskError::Changed { .. })));
    }
}
