//! Small real originals with plans, for tests here and in `generate`.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::path::Path;

use image::RgbImage;

use super::*;
use crate::mask::{Mask, MaskRow};
use crate::rank::{RankRow, rank};
use crate::recipe::Recipe;
use crate::source::Original;

/// The left half is the region.
pub(crate) fn left_half() -> Mask {
    Mask::from_fn(40, 24, |x, _| x < 20)
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

/// Rows of usable masks, which need not lie there.
pub(crate) fn masks(originals: &[Original]) -> Vec<MaskRow> {
    let mask = |original: &Original| MaskRow {
        original: original.id.clone(),
        source: "folder-00000000".into(),
        path: format!("masks/{}_binary_mask.png", original.id),
        mask_sha256: "ab".repeat(32),
        area_share: 0.5,
        verdict: "ok".into(),
    };
    originals.iter().map(mask).collect()
}

/// Pictures of 40×24 in `folder`, ranked and planned with all region patterns.
pub(crate) fn planned(folder: &Path, count: u32) -> Vec<PlannedOriginal> {
    planned_at(folder, count, (40, 24))
}

/// As [`planned`], at another size.
pub(crate) fn planned_at(folder: &Path, count: u32, (width, height): (u32, u32)) -> Vec<PlannedOriginal> {
    let recipe = Recipe::miqd();
    let (mut originals, mut ranks): (Vec<Original>, Vec<RankRow>) = (Vec::new(), Vec::new());
    for i in 0..count {
        let file = folder.join(format!("picture.{i:02}.png"));
        let rgb = RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x * 6 + i) as u8, (y * 10 + 3 * i) as u8, ((x * y + i) % 251) as u8])
        });
        rgb.save(&file).unwrap();
        let original = Original::describe(&file, i as i32, "CC0-1.0").unwrap();
        for distortion in recipe.distortions() {
            ranks.extend(rank(recipe, &original, &rgb, distortion).unwrap());
        }
        originals.push(original);
    }
    let mask = Mask::from_fn(width, height, |x, _| x < width / 2);
    let record = |original| MaskRow::record(folder, original, "folder-0", Some(&mask)).unwrap();
    let masks: Vec<MaskRow> = originals.iter().map(record).collect();
    join(&Inputs { recipe, originals: &originals, masks: &masks, ranks: &ranks, work: folder }).unwrap().originals
}
