//! A small published set, whole and with every flaw.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::fs;

use image::{GrayImage, Rgb, RgbImage};

use super::*;
use crate::import::layout::published_sets;

/// An original with 250 variants, mask and labels below `root/miqa_cls`; the mask beside it, as in the published archives.
fn original(root: &Path, id: &str) {
    let set = root.join("miqa_cls");
    for folder in [&format!("images/{id}"), "labels", "src_images"] {
        fs::create_dir_all(set.join(folder)).unwrap();
    }
    fs::create_dir_all(root.join("imagenet_val_binary_mask")).unwrap();
    let picture = |value: u8| RgbImage::from_pixel(6, 4, Rgb([value; 3]));
    picture(100).save(set.join(format!("src_images/{id}.png"))).unwrap();
    GrayImage::new(6, 4).save(root.join(format!("imagenet_val_binary_mask/{id}_binary_mask.png"))).unwrap();
    let mut table = format!("image,c,a\n{id}.png,1,1\n");
    for distortion in PUBLISHED_DISTORTIONS {
        for pair in Pattern::ALL.iter().flat_map(|pattern| pattern.pairs(5)) {
            let name = VariantName { original: id.into(), distortion: distortion.into(), pair };
            picture(100 + pair.roi).save(set.join(format!("images/{id}/{name}.png"))).unwrap();
            table += &format!("{name}.png,0.{}{},0.5\n", pair.roi, pair.background);
        }
    }
    fs::write(set.join(format!("labels/{id}_mmos.csv")), table).unwrap();
}

fn mapping(folder: &Path) -> Mapping {
    let path = folder.join("map.toml");
    fs::write(&path, "[tables.mmos]\npicture = \"image\"\nconsistency = \"c\"\naccuracy = \"a\"\n").unwrap();
    Mapping::read(&path).unwrap()
}

#[test]
fn a_whole_set_and_all_its_flaws() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    original(root, "n_1");
    let mapping = mapping(root);
    let sets = published_sets(root).unwrap();
    assert_eq!((sets.len(), sets[0].task.name()), (1, "classification"));
    let whole = import(&sets[0], &mapping, "CC0-1.0");
    assert_eq!((whole.rows.len(), whole.originals.len(), whole.labels.len()), (251, 1, 51));
    let report = &whole.report;
    assert_eq!((report.flaws(), report.complete, report.variants, report.labelled), (0, 1, 250, 251), "{report:?}");
    assert_eq!(report.labelled_regions, 200);
    let row = whole.rows.iter().find(|row| row.sample == "n_1_snow_bg_stronger_fg2_bg5").unwrap();
    assert_eq!((row.pattern.as_str(), row.roi_level, row.background_level), ("background_dominated", 2, 5));
    assert_eq!((row.consistency, row.accuracy, row.composite), (Some(0.25), Some(0.5), None));
    assert!(row.mask.ends_with("n_1_binary_mask.png") && (row.width, row.height) == (6, 4));
    assert_eq!((whole.labels[0].distortion.as_str(), whole.labels[0].row), (CLEAN, CLEAN_ROW));
    let level_5 = whole.labels.iter().find(|row| row.sample == "n_1_fog_5").unwrap();
    assert_eq!((level_5.level, level_5.row, level_5.consistency), (5, 11, 0.55));
    // A difference of 5 everywhere.
    assert!((level_5.psnr - 20.0 * 51.0_f64.log10()).abs() < 1e-9);

    let set = root.join("miqa_cls");
    fs::remove_file(set.join("images/n_1/n_1_fog_3.png")).unwrap();
    RgbImage::new(4, 6).save(set.join("images/n_1/n_1_fog_4.png")).unwrap();
    fs::write(set.join("images/n_1/n_1_fog_5.png"), b"\x89PNG").unwrap();
    fs::write(set.join("images/n_1/n_1_haze_1.png"), b"").unwrap();
    fs::write(set.join("images/n_1/other_fog_1.png"), b"").unwrap();
    fs::write(set.join("images/n_1/Thumbs.db"), b"").unwrap();
    fs::write(set.join("images/loose.png"), b"").unwrap();
    fs::create_dir(set.join("images/m")).unwrap();
    RgbImage::new(9, 9).save(set.join("src_images/unused.png")).unwrap();
    let set = published_sets(root).unwrap().remove(0);
    let flawed = import(&set, &mapping, "");
    let report = &flawed.report;
    assert_eq!(report.missing_variants["n_1"], Missing { count: 1, first: vec!["n_1_fog_3".into()] });
    assert_eq!((report.missing_variants["m"].count, report.missing_variants["m"].first.len()), (250, NAMED));
    assert_eq!((&report.missing_sources, &report.missing_masks), (&vec!["m".to_owned()], &vec!["m".to_owned()]));
    assert_eq!(report.sources_without_variants, ["unused"]);
    assert_eq!(report.labels_without_picture, ["n_1_fog_3"]);
    for (file, part) in [
        ("n_1_fog_4.png", "4×6, its original 6×4"),
        ("n_1_haze_1.png", "none of the ten distortions"),
        ("other_fog_1.png", "of `other`"),
        ("Thumbs.db", "no picture"),
        ("loose.png", "images/ itself"),
    ] {
        let found = report.odd.iter().find(|odd| odd.place.ends_with(file)).unwrap();
        assert!(found.reason.contains(part), "{found:?}");
    }
    assert!(report.odd.iter().any(|odd| odd.place.ends_with("n_1_fog_5.png")));
    assert_eq!(flawed.labels.len(), 51 - 3);
}

#[test]
fn folders_that_are_no_set() {
    let folder = tempfile::tempdir().unwrap();
    let text = published_sets(folder.path()).unwrap_err().to_string();
    assert!(text.contains("miqa_cls/") && text.contains(&folder.path().display().to_string()), "{text}");
    // A set without src_images, labels and masks is one still.
    original(folder.path(), "a");
    let set = folder.path().join("miqa_cls");
    fs::remove_dir_all(set.join("labels")).unwrap();
    fs::remove_dir_all(set.join("src_images")).unwrap();
    let sets = published_sets(&set).unwrap();
    let imported = import(&sets[0], &Mapping::default(), "");
    assert_eq!((imported.rows.len(), imported.originals.len(), imported.labels.len()), (250, 0, 0));
    assert_eq!((imported.report.missing_sources.len(), imported.report.missing_masks.len()), (1, 1));
    assert!(imported.report.odd.is_empty() && imported.rows.iter().all(|row| row.width == 6));
}
