//! The rows of a plan's table.

use super::planned::{Choice, PlannedMask, PlannedOriginal, PlannedVariant};
use crate::columns;
use crate::recipe::Pair;
use crate::source::{Original, PixelHash};

/// One variant as it stands in the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlanRow {
    pub(super) original: String,
    pub(super) class: i32,
    pub(super) pixel_sha256: PixelHash,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) licence: String,
    pub(super) path: String,
    pub(super) mask_source: Option<String>,
    pub(super) mask_path: Option<String>,
    pub(super) mask_sha256: Option<String>,
    pub(super) distortion: String,
    pub(super) pattern: String,
    pub(super) roi_level: u8,
    pub(super) background_level: u8,
    pub(super) roi_row: i16,
    pub(super) background_row: i16,
    pub(super) roi_psnr: f64,
    pub(super) background_psnr: f64,
    pub(super) seed: u64,
    pub(super) name: String,
    pub(super) shard: u32,
}

columns!(PlanRow {
    original,
    class,
    pixel_sha256,
    width,
    height,
    licence,
    path,
    mask_source,
    mask_path,
    mask_sha256,
    distortion,
    pattern,
    roi_level,
    background_level,
    roi_row,
    background_row,
    roi_psnr,
    background_psnr,
    seed,
    name,
    shard,
});

/// The rows of an original.
pub(super) fn rows_of(planned: &PlannedOriginal, seed: u64, shard: u32) -> impl Iterator<Item = PlanRow> + '_ {
    let PlannedOriginal { original, mask, variants } = planned;
    variants.iter().map(move |variant| PlanRow {
        original: original.id.clone(),
        class: original.class,
        pixel_sha256: original.pixel_sha256,
        width: original.width,
        height: original.height,
        licence: original.licence.clone(),
        path: original.path.clone(),
        mask_source: mask.as_ref().map(|mask| mask.source.clone()),
        mask_path: mask.as_ref().map(|mask| mask.path.clone()),
        mask_sha256: mask.as_ref().map(|mask| mask.sha256.clone()),
        distortion: variant.distortion.clone(),
        pattern: variant.pair.pattern().name().to_owned(),
        roi_level: variant.pair.roi,
        background_level: variant.pair.background,
        roi_row: variant.roi.row,
        background_row: variant.background.row,
        roi_psnr: variant.roi.psnr,
        background_psnr: variant.background.psnr,
        seed,
        name: variant.name.clone(),
        shard,
    })
}

/// The originals of rows that lie together.
pub(super) fn originals_of(rows: Vec<PlanRow>) -> Vec<PlannedOriginal> {
    let mut originals: Vec<PlannedOriginal> = Vec::new();
    for row in rows {
        let variant = PlannedVariant {
            distortion: row.distortion,
            pair: Pair { roi: row.roi_level, background: row.background_level },
            roi: Choice { row: row.roi_row, psnr: row.roi_psnr },
            background: Choice { row: row.background_row, psnr: row.background_psnr },
            name: row.name,
        };
        match originals.last_mut().filter(|last| last.original.id == row.original) {
            Some(last) => last.variants.push(variant),
            None => originals.push(PlannedOriginal {
                original: Original {
                    id: row.original,
                    path: row.path,
                    class: row.class,
                    pixel_sha256: row.pixel_sha256,
                    width: row.width,
                    height: row.height,
                    licence: row.licence,
                },
                mask: match (row.mask_source, row.mask_path, row.mask_sha256) {
                    (Some(source), Some(path), Some(sha256)) => Some(PlannedMask { source, path, sha256 }),
                    _ => None,
                },
                variants: vec![variant],
            }),
        }
    }
    originals
}
