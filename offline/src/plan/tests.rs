//! Plans from made-up tables, and one from real pictures.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixture::{left_half, masks, planned, write};
use super::*;
use crate::distort::DISTORTIONS;
use crate::mask::MaskRow;
use crate::rank::RankRow;
use crate::recipe::{Pattern, Recipe};
use crate::render::{FusionWeight, candidate, fuse};
use crate::source::{Original, PixelHash};

/// Originals that exist on paper only.
fn originals(count: usize) -> Vec<Original> {
    let original = |i: usize| Original {
        id: format!("image_{i:05}"),
        path: format!("images/image_{i:05}.jpg"),
        class: (i % 1000) as i32,
        pixel_sha256: PixelHash([(i % 251) as u8; 32]),
        width: 640,
        height: 480,
        licence: "CC BY 4.0".into(),
    };
    (0..count).map(original).collect()
}

/// Ranks in the order of the rows.
fn ranks(recipe: &Recipe, originals: &[Original]) -> Vec<RankRow> {
    let levels = [(1, 1), (5, 2), (8, 3), (10, 4), (12, 5)];
    let mut rows = Vec::new();
    for original in originals {
        for distortion in recipe.names() {
            rows.extend((1..=12_u8).map(|rank| RankRow {
                original: original.id.clone(),
                distortion: distortion.to_owned(),
                row: i16::from(rank) - 1,
                psnr: 40.0 - f64::from(rank) * 1.37,
                rank,
                level: levels.iter().find_map(|&(of, level)| (of == rank).then_some(level)),
            }));
        }
    }
    rows
}

struct Tables {
    recipe: Recipe,
    originals: Vec<Original>,
    masks: Vec<MaskRow>,
    ranks: Vec<RankRow>,
}

impl Tables {
    fn of(count: usize) -> Self {
        let (recipe, originals) = (Recipe::miqd().clone(), originals(count));
        Self { masks: masks(&originals), ranks: ranks(&recipe, &originals), originals, recipe }
    }

    fn join(&self) -> Result<Planned, PlanError> {
        let Self { recipe, originals, masks, ranks } = self;
        join(&Inputs { recipe, originals, masks, ranks, work: Path::new("work") })
    }

    fn write(&self, path: &Path, shards: u32) -> PlanWritten {
        write(path, &self.recipe, &self.join().unwrap().originals, shards).unwrap()
    }
}

#[test]
fn shuffled_tables_make_the_same_file_and_shards_are_no_part_of_the_identity() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut tables = Tables::of(70);
    let whole = tables.write(&path("a"), 1);
    assert_eq!((whole.originals, whole.variants), (70, 70 * 25 * DISTORTIONS.len() as u64));
    tables.originals.reverse();
    tables.masks.rotate_left(31);
    tables.ranks.reverse();
    assert_eq!(tables.write(&path("b"), 1), whole);
    assert_eq!(std::fs::read(path("a")).unwrap(), std::fs::read(path("b")).unwrap());

    assert_eq!(tables.write(&path("c"), 7), whole);
    let plan = Plan::open(&path("c")).unwrap();
    assert_eq!((plan.id(), plan.shards(), plan.originals()), (&whole.id, 7, 70));
    plan.check().unwrap();
    let mut positions: Vec<usize> = (0..7).flat_map(|shard| plan.positions(shard)).collect();
    assert_eq!(positions, (0..70).collect::<Vec<_>>());
    positions.retain(|&position| shard_of(position, 70, 7) == 6);
    assert_eq!(positions, (60..70).collect::<Vec<_>>());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "no partial file is left");
}

#[test]
fn what_bytes_depend_on_is_the_identity() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan");
    let of = |change: &dyn Fn(&mut Tables)| {
        let mut tables = Tables::of(3);
        change(&mut tables);
        tables.write(&path, 1).id
    };
    let base = of(&|_| ());
    let seeded = Recipe::parse(&Recipe::miqd().text().replacen("seed = 0", "seed = 1", 1), "x").unwrap();
    for (what, id) in [
        ("pixels", of(&|t| t.originals[1].pixel_sha256.0[0] ^= 1)),
        ("width", of(&|t| t.originals[1].width += 1)),
        ("licence", of(&|t| t.originals[1].licence.push('x'))),
        ("mask", of(&|t| t.masks[0].mask_sha256 = "cd".repeat(32))),
        ("no mask", of(&|t| t.masks[0].verdict = "empty".into())),
        ("candidate", of(&|t| t.ranks[0].row = 1)),
        ("recipe", of(&|t| t.recipe = seeded.clone())),
        ("originals", of(&|t| t.originals.truncate(2))),
    ] {
        assert_ne!(id, base, "{what}");
    }
    assert_eq!(of(&|t| t.originals[1].path = "elsewhere.jpg".into()), base);
    assert_eq!(of(&|t| t.ranks.iter_mut().for_each(|row| row.psnr += 1e-13)), base);
}

#[test]
fn originals_and_variants_are_found_without_reading_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan");
    let mut tables = Tables::of(150);
    tables.originals[3].id = "image_00002_fog".into();
    for row in tables.ranks.iter_mut().filter(|row| row.original == "image_00003") {
        row.original = "image_00002_fog".into();
    }
    tables.write(&path, 4);
    let plan = Plan::open(&path).unwrap();
    let expected = tables.join().unwrap().originals;
    assert_eq!(plan.iter().collect::<Result<Vec<_>, _>>().unwrap(), expected);
    for (position, planned) in expected.iter().enumerate().step_by(17) {
        assert_eq!(plan.original(position).unwrap(), *planned);
        assert_eq!(plan.find(&planned.original.id), Some(position));
        assert_eq!(plan.entry(position), Some((&*planned.original.id, planned.variants.len() as u32)));
    }
    for name in ["image_00002_fog_3.png", "image_00149_darkness_fg_stronger_fg4_bg2", "image_00002_fog_fog_2.png"] {
        let (planned, number) = plan.variant(name).unwrap();
        assert_eq!(planned.variants[number].name.trim_end_matches(".png"), name.trim_end_matches(".png"));
    }
    assert!(plan.variant("image_00002_haze_3.png").unwrap_err().to_string().contains("`image_00002_haze_3.png`"));
    assert!(plan.original(150).is_err() && plan.find("image").is_none());

    std::fs::write(&path, b"PAR1 no plan").unwrap();
    assert!(matches!(Plan::open(&path), Err(PlanError::NoPlan { .. })));
}

#[test]
fn the_25_variants_of_a_distortion_have_the_authors_names() {
    let planned = Tables::of(1).join().unwrap().originals.remove(0);
    let fog: Vec<_> = planned.variants.iter().filter(|variant| variant.distortion == "fog").collect();
    let count = |pattern| fog.iter().filter(|variant| variant.pair.pattern() == pattern).count();
    assert_eq!(Pattern::ALL.map(count), [5, 10, 10]);
    assert_eq!(fog[0].name, "image_00000_fog_1.png");
    assert_eq!(fog[5].name, "image_00000_fog_fg_stronger_fg2_bg1.png");
    assert_eq!(fog[24].name, "image_00000_fog_bg_stronger_fg4_bg5.png");
    assert_eq!((fog[24].roi.row, fog[24].background.row), (9, 11));
}

#[test]
fn gaps_are_named_and_nonsense_is_refused() {
    let mut tables = Tables::of(4);
    tables.masks.remove(2);
    tables.ranks.retain(|row| row.original != "image_00001" || row.level != Some(4) || row.distortion != "fog");
    let planned = tables.join().unwrap();
    assert_eq!(planned.left_out[0].original, "image_00001");
    assert!(planned.left_out[0].reason.contains("level 4 of `fog`"), "{}", planned.left_out[0].reason);
    assert_eq!(planned.without_mask, 1);
    let uniform = planned.originals.iter().find(|planned| planned.original.id == "image_00002").unwrap();
    assert_eq!(uniform.variants.len(), 5 * DISTORTIONS.len());

    let refused = |change: &dyn Fn(&mut Tables)| {
        let mut tables = Tables::of(2);
        change(&mut tables);
        tables.join().unwrap_err().to_string()
    };
    assert!(refused(&|t| t.originals[1].id = "image_00000".into()).contains("the same id"));
    assert!(refused(&|t| t.originals[1].id = "..".into()).contains("`..`"));
    assert!(refused(&|t| t.ranks.clear()).contains("not ranked"));
    let twice = |t: &mut Tables| {
        let row = RankRow { row: 7, ..t.ranks[0].clone() };
        t.ranks.push(row);
    };
    assert!(refused(&twice).contains("two candidates for level 1"));
    let folder = tempfile::tempdir().unwrap();
    for shards in [0, 3] {
        let planned = Tables::of(2).join().unwrap().originals;
        let refused = write(&folder.path().join("x"), Recipe::miqd(), &planned, shards).unwrap_err();
        assert!(matches!(refused, PlanError::Shards { .. }));
    }
}

#[test]
fn differences_are_counted_and_plans_that_agree_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let open = |name: &str| Plan::open(&path(name)).unwrap();
    let merged = |a: &str, b: &str| merge::<PlanError>(&open(a), &open(b), &path("merged"), 3, |_| Ok(()));
    let whole = Tables::of(9);
    let id = whole.write(&path("whole"), 2).id;
    let mut part = Tables::of(9);
    part.originals.truncate(6);
    part.originals[0].path = "elsewhere".into();
    part.write(&path("first"), 1);
    part.originals = originals(9).split_off(4);
    part.write(&path("last"), 1);

    assert!(compare(&open("whole"), &open("whole")).unwrap().to_string().is_empty());
    let findings = compare(&open("whole"), &open("first")).unwrap();
    assert!(!findings.same_identity());
    let text = findings.to_string();
    assert!(text.contains("only in the first: 3 (image_00006, image_00007, image_00008)"), "{text}");
    assert!(text.contains("files lie elsewhere") && text.contains("shards: 2 and 1"), "{text}");

    assert_eq!(merged("first", "last").unwrap().id, id);
    assert_eq!(merged("last", "first").unwrap().id, id);
    open("merged").check().unwrap();

    // Uniform variants planned before the masks fit the plan with masks.
    let mut bare = Tables::of(9);
    bare.masks.clear();
    bare.write(&path("bare"), 1);
    assert_eq!(merged("bare", "whole").unwrap().id, id);

    part.originals[0].pixel_sha256.0[5] ^= 1;
    part.ranks
        .iter_mut()
        .filter(|row| row.original == "image_00005" && row.level == Some(2))
        .for_each(|row| row.row = 5);
    part.write(&path("other"), 1);
    let conflict = merged("first", "other").unwrap_err().to_string();
    assert!(conflict.contains("image_00004") && conflict.contains("image_00005_"), "{conflict}");
    let seeded = Recipe::parse(&Recipe::miqd().text().replacen("seed = 0", "seed = 1", 1), "x").unwrap();
    Tables { recipe: seeded, ..Tables::of(9) }.write(&path("seeded"), 1);
    assert!(matches!(merged("whole", "seeded"), Err(PlanError::Recipes { .. })));
}

#[test]
fn pictures_come_straight_from_the_original_and_candidates_are_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe::miqd();
    let planned = planned(folder.path(), 1).remove(0);
    let original = &planned.original;
    let rgb = original.load().unwrap();
    let weight = FusionWeight::of(&left_half(), recipe.softening()).unwrap();
    let mut rendering = Rendering::open(recipe, &planned).unwrap();
    for variant in &planned.variants {
        let picture = rendering.variant(variant).unwrap();
        let distortion = crate::distort::find(&variant.distortion).unwrap();
        let level =
            |choice: Choice| candidate(recipe, &rgb, &original.pixel_sha256, distortion, choice.row as usize).unwrap();
        let (roi, background) = (level(variant.roi), level(variant.background));
        let uniform = variant.pair.pattern() == Pattern::Uniform;
        let expected = if uniform { roi } else { fuse(&weight, &roi, &background).unwrap() };
        assert_eq!(*picture, expected, "{}", variant.name);
        if variant.pair.pattern() == Pattern::Uniform {
            assert!(Arc::ptr_eq(&picture, &rendering.variant(variant).unwrap()), "made twice");
        }
    }
    let mut other = planned.clone();
    other.mask.as_mut().unwrap().sha256 = "ab".repeat(32);
    let mut without = planned.clone();
    without.mask = None;
    for refused in [&other, &without] {
        let refused = Rendering::open(recipe, refused).err().unwrap().to_string();
        assert!(refused.contains("`picture.00`") && refused.contains("mask"), "{refused}");
    }
    let mut bare = planned.clone();
    bare.variants.retain(|variant| variant.pair.pattern() == Pattern::Uniform);
    assert!(Rendering::open(recipe, &bare).unwrap().variant(&bare.variants[0]).is_ok());
    std::fs::write(&original.path, b"gone").unwrap();
    assert!(Rendering::open(recipe, &bare).is_err());
}

/// Issue: written in under 60 s once ranks are known, opened in under 1 s. Ignored in debug runs; run it with
/// `cargo test --release -p miqa-offline --lib -- --ignored ten_thousand`.
#[test]
#[ignore = "takes a minute in a debug build"]
fn ten_thousand_originals_are_planned_and_opened_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan");
    let tables = Tables::of(10_000);
    let start = Instant::now();
    let written = tables.write(&path, 100);
    let wrote = start.elapsed();
    let start = Instant::now();
    let plan = Plan::open(&path).unwrap();
    let opened = start.elapsed();
    let start = Instant::now();
    plan.original(7_777).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!(
        "{} variants: written in {wrote:?} ({bytes} bytes), opened in {opened:?}, one original in {:?}",
        written.variants,
        start.elapsed()
    );
    assert!(wrote < Duration::from_secs(60) && opened < Duration::from_secs(1));
}

#[test]
fn an_open_plan_stays_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("plan.parquet"), folder.path().join("other.parquet"));
    let tables = Tables::of(70);
    tables.write(&path, 2);
    Tables::of(60).write(&other, 2);
    let plan = Plan::open(&path).unwrap();
    let before: Vec<_> = plan.iter().map(Result::unwrap).collect();
    // What a shard holds is what its positions hold.
    for shard in 0..2 {
        let of_shard: Vec<_> = plan.of_shard(shard).map(Result::unwrap).collect();
        assert!(of_shard == before[plan.positions(shard)], "shard {shard}");
    }
    // Another one in its place is not read.
    std::fs::rename(&other, &path).unwrap();
    assert_ne!(Plan::open(&path).unwrap().id(), plan.id());
    assert!(plan.iter().map(Result::unwrap).eq(before));
    assert_eq!(plan.original(69).unwrap().original.id, "image_00069");
    // One that is written over is refused.
    let plan = Plan::open(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    std::fs::write(&path, bytes).unwrap();
    let refused = plan.original(3).unwrap_err();
    assert!(matches!(refused, PlanError::Changed { .. }) && refused.to_string().contains("plan.parquet"), "{refused}");
}
