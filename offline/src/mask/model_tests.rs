//! The two model sources with a tiny graph written here: redness as saliency, mean colours of patches as descriptors.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::path::Path;

use image::RgbImage;
use miqa::engine::{Device, Runtime};

use super::co_segmentation::CoSegmenter;
use super::models::{MaskModels, VoteKind};
use super::saliency::SaliencyMasks;
use super::{Mask, OriginalMasks};
use crate::export::onnx::{Attribute, Element, Extent, Graph, Tensor, ValueInfo};
use crate::export::tiny::{model, node};
use crate::source::{Original, PixelHash};

const SIDE: usize = 64;
const PATCH: usize = 4;
const GRID: usize = SIDE / PATCH;

/// Writes `tiny.onnx`: output `redness` [1, 1, 64, 64]; inside the graph `patches` [1, 257, 3] with a first token of noughts.
pub(crate) fn write_tiny_model(folder: &Path) {
    let fixed = |lengths: &[usize]| lengths.iter().map(|&l| Extent::Fixed(l as i64)).collect::<Vec<_>>();
    let graph = Graph {
        name: "tiny".to_owned(),
        nodes: vec![
            node("Conv", &["image", "red_minus_rest"], "redness", Vec::new()),
            node(
                "AveragePool",
                &["image"],
                "pooled",
                vec![
                    Attribute::of_ints("kernel_shape", &[PATCH as i64, PATCH as i64]),
                    Attribute::of_ints("strides", &[PATCH as i64, PATCH as i64]),
                ],
            ),
            node("Reshape", &["pooled", "flat"], "columns", Vec::new()),
            node("Transpose", &["columns"], "cells", vec![Attribute::of_ints("perm", &[0, 2, 1])]),
            node("Concat", &["first", "cells"], "patches", vec![Attribute::of_int("axis", 1)]),
        ],
        initialisers: vec![
            Tensor::floats("red_minus_rest", &[1, 3, 1, 1], &[1.0, -0.5, -0.5]),
            Tensor::ints("flat", &[1, 3, (GRID * GRID) as i64]),
            Tensor::floats("first", &[1, 1, 3], &[0.0; 3]),
        ],
        inputs: vec![ValueInfo::tensor("image", Element::F32, &fixed(&[1, 3, SIDE, SIDE]))],
        outputs: vec![ValueInfo::tensor("redness", Element::F32, &fixed(&[1, 1, SIDE, SIDE]))],
    };
    std::fs::write(folder.join("tiny.onnx"), model(graph).to_bytes()).unwrap();
}

const INPUT: &str = "name = \"image\"\nsize = 64\nlayout = \"nchw\"\ncolour = \"rgb\"\nelement = \"f32\"\nmean = [127.0, 127.0, 127.0]\nstd = [64.0, 64.0, 64.0]\ninterpolation = \"bilinear\"\n";

/// A list with both sections for the tiny model.
pub(crate) fn tiny_models() -> String {
    let file = "name = \"tiny\"\nfile = \"tiny.onnx\"\nsource = \"this test\"\nlicence = \"CC0-1.0\"\n";
    format!(
        "[saliency]\n{file}output = \"redness\"\nthreshold = 0.5\n[saliency.input]\n{INPUT}\
         [saliency.clean_up]\nsmallest = 0.01\nof_largest = 0.1\nholes = 0.01\n\
         [co_segmentation]\n{file}descriptors = \"patches\"\nprefix = 1\npatch = {PATCH}\ncontext = 0\n\
         vote = {{ kind = \"map\", output = \"redness\" }}\nsalient = 0.5\nvotes = 0.5\nelbow = 0.8\nclusters = 6\n\
         rounds = 20\ngroup = 3\nseed = 0\n[co_segmentation.input]\n{INPUT}\
         [co_segmentation.clean_up]\nsmallest = 0.01\nof_largest = 0.1\nholes = 0.01\n"
    )
}

/// A red disk with a few black specks on a striped ground of blue and green, and where the disk is.
pub(crate) fn red_disk(width: u32, height: u32, centre: (i64, i64), radius: i64) -> (RgbImage, Mask) {
    let inside = |x: u32, y: u32| (i64::from(x) - centre.0).pow(2) + (i64::from(y) - centre.1).pow(2) < radius.pow(2);
    let picture = RgbImage::from_fn(width, height, |x, y| {
        image::Rgb(match inside(x, y) {
            true => [225, 40 + (x % 7) as u8, 30],
            false if (x / 16 + y / 24).is_multiple_of(2) => [20, 60, 190],
            false => [30, 150, 90 + (y % 9) as u8],
        })
    });
    (picture, Mask::from_fn(width, height, inside))
}

/// Intersection over union.
pub(crate) fn overlap(a: &Mask, b: &Mask) -> f64 {
    let pairs = || a.pixels().iter().zip(b.pixels());
    let both = pairs().filter(|(a, b)| **a > 0 && **b > 0).count();
    both as f64 / pairs().filter(|(a, b)| **a > 0 || **b > 0).count() as f64
}

fn saved(folder: &Path, id: &str, picture: &RgbImage) -> Original {
    let path = folder.join(format!("{id}.png"));
    picture.save(&path).unwrap();
    Original::describe(&path, 1, "CC0-1.0").unwrap()
}

fn set_up(folder: &Path) -> (Runtime, MaskModels) {
    write_tiny_model(folder);
    std::fs::write(folder.join("masks.toml"), tiny_models()).unwrap();
    let models = MaskModels::read(Some(&folder.join("masks.toml"))).unwrap();
    (Runtime::open(Device::Cpu).unwrap(), models)
}

#[test]
fn saliency_marks_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (runtime, models) = set_up(folder.path());
    let folders = [folder.path().to_owned()];
    let mut masks = SaliencyMasks::open(&runtime, models.saliency().unwrap(), &folders).unwrap();
    let (picture, disk) = red_disk(200, 150, (120, 70), 40);
    let mask = masks.mask(&saved(folder.path(), "disk", &picture)).unwrap().unwrap();
    assert!(overlap(&mask, &disk) > 0.95, "{}", overlap(&mask, &disk));
    // No contrast, no mask.
    assert_eq!(masks.of_picture(&RgbImage::from_pixel(50, 40, image::Rgb([99; 3]))).unwrap().area(), 0);
}

#[test]
fn co_segmentation_finds_what_the_pictures_share() {
    let folder = tempfile::tempdir().unwrap();
    let (runtime, models) = set_up(folder.path());
    let folders = [folder.path().to_owned()];
    let mut model = CoSegmenter::open(&runtime, models.co_segmentation().unwrap(), &folders).unwrap();
    let disks = [red_disk(200, 150, (120, 70), 40), red_disk(120, 160, (50, 60), 33), red_disk(160, 160, (90, 99), 50)];
    let mut originals: Vec<Original> =
        disks.iter().enumerate().map(|(i, (picture, _))| saved(folder.path(), &format!("p{i}"), picture)).collect();
    let key = PixelHash([9; 32]);
    let found = model.masks(&originals.iter().collect::<Vec<_>>(), &key);
    for (found, (_, disk)) in found.iter().zip(&disks) {
        let share = overlap(found.as_ref().unwrap(), disk);
        assert!(share > 0.8, "{share}");
    }
    // A broken picture has its error, and the others their masks.
    originals[1].path = folder.path().join("gone.png").to_string_lossy().into_owned();
    let found = model.masks(&originals.iter().collect::<Vec<_>>(), &key);
    assert!(found[1].as_ref().unwrap_err().to_string().contains("gone.png"));
    assert!([0, 2].iter().all(|&i| overlap(found[i].as_ref().unwrap(), &disks[i].1) > 0.8));
}

#[test]
fn wrong_entries_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (runtime, models) = set_up(folder.path());
    let folders = [folder.path().to_owned()];
    let (picture, _) = red_disk(80, 60, (30, 30), 20);
    let original = saved(folder.path(), "a", &picture);

    let mut entry = models.saliency().unwrap().clone();
    entry.output = "brightness".into();
    let text = SaliencyMasks::open(&runtime, &entry, &folders).err().unwrap().to_string();
    assert!(text.contains("`tiny`") && text.contains("`brightness`"), "{text}");
    entry.output = "pooled".into();
    let text = SaliencyMasks::open(&runtime, &entry, &folders).unwrap().of_picture(&picture).unwrap_err().to_string();
    assert!(text.contains("[1, 3, 16, 16]") && text.contains("no map"), "{text}");
    entry.file = "none.onnx".into();
    assert!(SaliencyMasks::open(&runtime, &entry, &folders).err().unwrap().to_string().contains("none.onnx"));

    let mut entry = models.co_segmentation().unwrap().clone();
    entry.prefix = 0;
    let text = CoSegmenter::open(&runtime, &entry, &folders).unwrap().masks(&[&original], &PixelHash([0; 32]));
    let text = text[0].as_ref().unwrap_err().to_string();
    assert!(text.contains("`patches` has shape [1, 257, 3]"), "{text}");
    entry.prefix = 1;
    entry.vote.kind = VoteKind::Attention;
    let text = CoSegmenter::open(&runtime, &entry, &folders).unwrap().masks(&[&original], &PixelHash([0; 32]));
    assert!(text[0].as_ref().unwrap_err().to_string().contains("can't vote"));
}
