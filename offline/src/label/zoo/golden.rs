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
                let rgb = crate::source::decode(&data.join("imagenet").join(file)).unwrap();
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
        assert!(share.of == 300 && share.of() >= 0.995, "{model}: {share:?}");
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
                let rgb = crate::source::decode(&data.join(format!("coco/val2017/{name}.jpg"))).unwrap();
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
        assert!(boxes.of > 100 && boxes.of() >= 0.99, "{model}: {boxes:?}");
        assert!(masks.of == 0 || masks.of() >= 0.97, "{model}: {masks:?}");
    }
}

/// Objects of a class are compared in the order of their scores: their boxes to a pixel, their masks to 0.97 of IoU.
fn compare(
    found: &[Detection],
    expected: &[Object],
    (width, height): (u32, u32),
    boxes: &mut Share,
    masks: &mut Share,
) {
    let mut seen: HashMap<u16, usize> = HashMap::new();
    for object in expected {
        let (numbers, mask) = match object {
            Object::Box(numbers) => (*numbers, None),
            Object::Mask(a, b, c, d, e, f, mask) => ([*a, *b, *c, *d, *e, *f], Some(mask)),
        };
        let class = u16::try_from(numbers[0]).unwrap();
        let place = seen.entry(class).or_default();
        let ours = found.iter().filter(|found| found.class == class).nth(*place);
        *place += 1;
        let near = |ours: &Detection| {
            let [left, top, width, height] = ours.bbox;
            let [x, y, w, h] = [2, 3, 4, 5].map(|at| numbers[at] as f32 / 10.0);
            let sides = [left - x, top - y, left + width - x - w, top + height - y - h];
            // Tenths are rounded twice.
            sides.iter().all(|side| side.abs() <= 1.1)
        };
        boxes.count(ours.is_some_and(near));
        if let (Some(text), Some(ours)) = (mask, ours.and_then(|ours| ours.mask.as_ref())) {
            let theirs = Runs::from_text(width, height, text).unwrap();
            let empty = theirs.area() == 0 && ours.area() == 0;
            masks.count(empty || theirs.iou(ours) >= 0.97);
        }
    }
}
