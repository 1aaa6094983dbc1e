//! What the models say against plain onnxruntime with Pillow and a decoding of its own (tests/golden/make_zoo.py).

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use miqa::engine::{Device, Runtime};
use rayon::prelude::*;
use serde::Deserialize;

use super::{Task, Zoo, ZooModel};
use crate::agree::{Detection, Runs};
use crate::label::decode::Answer;
use crate::label::model::Models;

#[derive(Deserialize)]
struct Golden {
    /// The first class for each of the first pictures of the list, by model.
    classes: HashMap<String, Vec<u16>>,
    /// Objects by model and picture.
    objects: HashMap<String, HashMap<String, Vec<Object>>>,
}

/// Class, score in thousandths, left, top, width and height in tenths of a pixel, perhaps run lengths.
#[derive(Deserialize)]
#[serde(untagged)]
enum Object {
    Box([i32; 6]),
    Mask(i32, i32, i32, i32, i32, i32, String),
}

/// How many of how many agree.
#[derive(Debug, Default, Clone, Copy)]
struct Share {
    agreeing: usize,
    of: usize,
}

impl Share {
    fn count(&mut self, agrees: bool) {
        self.of += 1;
        self.agreeing += usize::from(agrees);
    }

    fn of(self) -> f64 {
        self.agreeing as f64 / self.of.max(1) as f64
    }
}

/// A picture: as Pillow decoded it where MIQA_PIXELS has it (`make_zoo.py DATA CONVERTED PIXELS`), else from its JPEG file.
fn picture(jpeg: &Path) -> image::RgbImage {
    let pixels = std::env::var_os("MIQA_PIXELS").map(PathBuf::from);
    let png = pixels.map(|folder| folder.join(jpeg.file_stem().unwrap()).with_extension("png"));
    crate::source::decode(png.as_deref().unwrap_or(jpeg)).unwrap()
}

/// What share must agree. Of the same pixels all do; our JPEG decoder and Pillow's differ by a level, which turns near ties.
fn share_of(of_same_pixels: f64, otherwise: f64) -> f64 {
    if std::env::var_os("MIQA_PIXELS").is_some() { of_same_pixels } else { otherwise }
}

/// The data folder, the folders with models, and the models whose files are there.
fn set_up(lists: &[PathBuf]) -> Option<(PathBuf, Vec<PathBuf>, Vec<ZooModel>)> {
    let Some(data) = std::env::var_os("MIQA_DATA").map(PathBuf::from) else {
        println!("skipped: answers of the labelling models (MIQA_DATA not set)");
        return None;
    };
    let mut folders = vec![data.clone()];
    folders.extend(std::env::var_os("MIQA_ZOO").map(PathBuf::from));
    let (there, missing): (Vec<ZooModel>, Vec<ZooModel>) = Zoo::read(lists)
        .unwrap()
        .models
        .into_iter()
        .partition(|model| super::files::find(&model.file, &folders).is_some());
    for model in missing {
        println!("skipped: `{}` ({} is not in MIQA_DATA or MIQA_ZOO)", model.name, model.file);
    }
    assert!(!there.is_empty(), "MIQA_DATA has no models");
    Some((data, folders, there))
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../tests/golden/zoo.json")).unwrap()
}

fn open(model: &ZooModel, folders: &[PathBuf]) -> Models {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    Models::open(&runtime, &Zoo { models: vec![model.clone()] }, folders).unwrap()
}

#[test]
fn first_classes_are_those_of_the_reference() {
    let Some((data, folders, models)) = set_up(&[]) else { return };
    let golden = golden().classes;
    let list = std::fs::read_to_string(data.join("imagenet/labels.csv")).unwrap();
    let files: Vec<&str> = list.lines().skip(1).map(|line| line.split(',').next().unwrap()).take(300).collect();
    let shares: Vec<(String, Share)> = models
        .par_iter()
        .map(|model| {
            let mut share = Share::default();
            let mut opened = open(model, &folders);
            for (file, expected) in files.iter().zip(&golden[&model.name]) {
                let rgb = picture(&data.join("imagenet").join(file));
                let [Answer::Classes(top)] = opened.answer(&rgb).unwrap()[..] else { panic!("no classes") };
                share.count(top[0].0 == *expected);
            }
            (model.name.clone(), share)
        })
        .collect();
    for (model, share) in &shares {
        println!("{model}: {} of {} first classes", share.agreeing, share.of);
    }
    for (model, share) in shares {
        assert!(share.of == 300 && share.of() >= share_of(0.995, 0.98), "{model}: {share:?}");
    }
}

#[test]
fn boxes_and_masks_are_those_of_the_reference() {
    let segmenter = Path::new(env!("CARGO_MANIFEST_DIR")).join("zoo/seg.toml");
    let Some((data, folders, models)) = set_up(&["builtin:det".into(), segmenter]) else { return };
    let golden = golden().objects;
    let compared: Vec<(String, Share, Share)> = models
        .par_iter()
        .map(|model| {
            let mut opened = open(model, &folders);
            let (mut boxes, mut masks) = (Share::default(), Share::default());
            // The second entry of a model is the same model.
            let pictures = &golden[model.name.trim_end_matches("_boxes")];
            let mut names: Vec<&String> = pictures.keys().collect();
            names.sort();
            for name in names {
                let rgb = picture(&data.join(format!("coco/val2017/{name}.jpg")));
                let [Answer::Objects(found)] = &opened.answer(&rgb).unwrap()[..] else { panic!("no objects") };
                compare(found, &pictures[name], rgb.dimensions(), &mut boxes, &mut masks);
            }
            assert_eq!(masks.of > 0, model.task == Task::Segmentation, "{}", model.name);
            (model.name.clone(), boxes, masks)
        })
        .collect();
    for (model, boxes, masks) in &compared {
        println!("{model}: {} of {} boxes, {} of {} masks", boxes.agreeing, boxes.of, masks.agreeing, masks.of);
    }
    for (model, boxes, masks) in compared {
        assert!(boxes.of > 100 && boxes.of() >= share_of(0.99, 0.8), "{model}: {boxes:?}");
        assert!(masks.of == 0 || masks.of() >= share_of(0.99, 0.8), "{model}: {masks:?}");
    }
}

/// Each object of the reference finds one of ours of its class whose box is the same to a pixel, and whose mask has 0.97 of
/// IoU with its own.
fn compare(
    found: &[Detection],
    expected: &[Object],
    (width, height): (u32, u32),
    boxes: &mut Share,
    masks: &mut Share,
) {
    let mut left: Vec<&Detection> = found.iter().collect();
    for object in expected {
        let (numbers, mask) = match object {
            Object::Box(numbers) => (*numbers, None),
            Object::Mask(a, b, c, d, e, f, mask) => ([*a, *b, *c, *d, *e, *f], Some(mask)),
        };
        let class = u16::try_from(numbers[0]).unwrap();
        let off = |ours: &Detection| {
            let [left, top, width, height] = ours.bbox;
            let [x, y, w, h] = [2, 3, 4, 5].map(|at| numbers[at] as f32 / 10.0);
            let sides = [left - x, top - y, left + width - x - w, top + height - y - h];
            sides.iter().fold(0.0, |most: f32, side| most.max(side.abs()))
        };
        let of_class = left.iter().enumerate().filter(|(_, ours)| ours.class == class);
        let nearest = of_class.min_by(|a, b| off(a.1).total_cmp(&off(b.1)));
        // Tenths are rounded twice.
        let Some((at, ours)) = nearest.map(|(at, ours)| (at, *ours)).filter(|(_, ours)| off(ours) <= 1.1) else {
            boxes.count(false);
            continue;
        };
        boxes.count((ours.score - numbers[1] as f32 / 1000.0).abs() <= 0.02);
        left.swap_remove(at);
        if let (Some(text), Some(ours)) = (mask, &ours.mask) {
            let theirs = Runs::from_text(width, height, text).unwrap();
            let empty = theirs.area() == 0 && ours.area() == 0;
            masks.count(empty || theirs.iou(ours) >= 0.97);
        }
    }
}
