//! Small real originals with plans, for tests here and in `generate`.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::path::Path;

use image::RgbImage;

use super::*;
use crate::rank::{RankRow, rank};
use crate::recipe::Recipe;
use crate::source::Original;

/// The left half is the region; both halves are copied.
pub(crate) struct LeftHalf;

impl Fusion for LeftHalf {
    fn fuse(&self, roi: &RgbImage, background: &RgbImage) -> Result<RgbImage, String> {
        let pick = |x, y| *if x < roi.width() / 2 { roi } else { background }.get_pixel(x, y);
        Ok(RgbImage::from_fn(roi.width(), roi.height(), pick))
    }
}

impl Masks for LeftHalf {
    fn fusion(&self, _planned: &PlannedOriginal, _recipe: &Recipe) -> Result<Box<dyn Fusion>, String> {
        Ok(Box::new(Self))
    }
}

/// Writes a plan.
pub(crate) fn write(
    path: &Path,
    recipe: &Recipe,
    planned: &[PlannedOriginal],
    shards: u32,
) -> Result<PlanWritten, PlanError> {
    let mut writer = PlanWriter::create(path, recipe, planned.len(), shards)?;
    planned.iter().try_for_each(|original| writer.push(original))?;
    writer.finish(|_| Ok(()))
}

/// Rows of usable masks.
pub(crate) fn masks(originals: &[Original]) -> Vec<MaskRow> {
    let mask = |original: &Original| MaskRow {
        original: original.id.clone(),
        source: "folder-00000000".into(),
        path: format!("masks/{}_binary_mask.png", original.id),
        mask_sha256: "ab".repeat(32),
        verdict: "ok".into(),
    };
    originals.iter().map(mask).collect()
}

/// Pictures of 40×24 in `folder`, ranked and planned with all region patterns.
pub(crate) fn planned(folder: &Path, count: u32) -> Vec<PlannedOriginal> {
    let recipe = Recipe::miqd();
    let (mut originals, mut ranks): (Vec<Original>, Vec<RankRow>) = (Vec::new(), Vec::new());
    for i in 0..count {
        let file = folder.join(format!("picture.{i:02}.png"));
        let rgb = RgbImage::from_fn(40, 24, |x, y| {
            image::Rgb([(x * 6 + i) as u8, (y * 10 + 3 * i) as u8, ((x * y + i) % 251) as u8])
        });
        rgb.save(&file).unwrap();
        let original = Original::describe(&file, i as i32, "CC0-1.0").unwrap();
        for distortion in recipe.distortions() {
            ranks.extend(rank(recipe, &original, &rgb, distortion).unwrap());
        }
        originals.push(original);
    }
    let masks = masks(&originals);
    join(&Inputs { recipe, originals: &originals, masks: &masks, ranks: &ranks, work: folder }).unwrap().originals
}
