//! Average precision of one picture, boxes and masks: nanoseconds a call, and the same answers through pycocotools if
//! `REFERENCE` names a Python that has it (numpy 2.4.6, pycocotools 2.0.11). One core; medians of rounds that alternate;
//! both sides' values are compared.
//!
//! `REFERENCE=venv/bin/python cargo bench -p miqa-offline --bench agree`

use std::ffi::OsStr;
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use miqa_offline::agree::{Annotation, Detection, Matching, Overlap, Precision, Reference, Runs, canonical, precision};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const ROUNDS: usize = 5;
/// Pictures of a size, so that the branches are not learnt by heart.
const PICTURES: usize = 12;

/// Splitmix64: the pictures are the same everywhere.
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % u64::from(n)) as u32
    }
}

/// A picture's objects and what a model found there.
struct Picture {
    truth: Vec<Annotation>,
    found: Vec<Detection>,
}

/// An ellipse in a box: as many runs as columns, like most objects.
fn ellipse([x, y, w, h]: [u32; 4]) -> Runs {
    let bitmap: Vec<bool> = (0..WIDTH * HEIGHT)
        .map(|at| {
            let (px, py) = (f64::from(at % WIDTH) + 0.5, f64::from(at / WIDTH) + 0.5);
            let (dx, dy) = ((px - f64::from(x)) / f64::from(w) - 0.5, (py - f64::from(y)) / f64::from(h) - 0.5);
            dx * dx + dy * dy <= 0.25
        })
        .collect();
    Runs::from_bitmap(WIDTH, HEIGHT, &bitmap).expect("the size is right")
}

/// Of the detections of a class that is there two thirds lie near an object.
fn picture(objects: u32, classes: u32, detections: u32, draws: &mut Draws) -> Picture {
    let detection = |class: u32, score: u32, bbox: [u32; 4]| Detection {
        class: class as u16,
        score: score as f32 / 1000.0,
        bbox: bbox.map(|v| v as f32),
        mask: Some(ellipse(bbox)),
    };
    let anywhere = |draws: &mut Draws| {
        let [w, h] = [20 + draws.below(200), 20 + draws.below(200)];
        [draws.below(WIDTH - w), draws.below(HEIGHT - h), w, h]
    };
    let truth: Vec<Annotation> =
        (0..objects).map(|_| Annotation::of(&detection(draws.below(classes), 0, anywhere(draws)))).collect();
    let mut found: Vec<Detection> = (0..detections)
        .map(|_| {
            let score = draws.below(1000);
            if draws.below(3) == 0 {
                return detection(draws.below(80), score, anywhere(draws));
            }
            let near = &truth[draws.below(objects) as usize];
            let bbox = near.bbox.map(|v| (v as u32 + draws.below(12)).saturating_sub(6));
            detection(u32::from(near.class), score, [bbox[0], bbox[1], bbox[2].max(4), bbox[3].max(4)])
        })
        .collect();
    canonical(&mut found);
    Picture { truth, found }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Nanoseconds a call, over all pictures until a tenth of a second has passed.
fn nanoseconds(pictures: &[Picture], mut work: impl FnMut(&Picture) -> Precision) -> f64 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed().as_secs_f64() < 0.1 {
        for picture in pictures {
            black_box(work(black_box(picture)));
            calls += 1;
        }
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

/// The pictures as agree_reference.py reads them.
fn json(pictures: &[Picture]) -> String {
    let text = |mask: &Option<Runs>| {
        serde_json::to_string(&mask.as_ref().expect("all have masks").text()).expect("text is JSON")
    };
    let mut out = String::from("[");
    for (i, Picture { truth, found }) in pictures.iter().enumerate() {
        let found: Vec<String> = found
            .iter()
            .map(|d| format!("[{},{},{:?},{}]", d.class, f64::from(d.score), d.bbox, text(&d.mask)))
            .collect();
        let truth: Vec<String> =
            truth.iter().map(|t| format!("[{},{:?},{},false]", t.class, t.bbox, text(&t.mask))).collect();
        let comma = if i > 0 { "," } else { "" };
        write!(out, "{comma}{{\"found\":[{}],\"truth\":[{}]}}", found.join(","), truth.join(",")).expect("to memory");
    }
    out + "]"
}

/// Nanoseconds a picture of COCOeval and of its C parts alone, and the mean of ap.
fn reference(python: &OsStr, file: &Path, kind: &str) -> [f64; 3] {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/agree_reference.py");
    let size = [HEIGHT, WIDTH].map(|v| v.to_string());
    let output =
        Command::new(python).arg(script).arg(file).arg(kind).args(size).output().expect("REFERENCE can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    let values: Vec<f64> = text.split_whitespace().filter_map(|v| v.parse().ok()).collect();
    values.try_into().unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

fn main() {
    let python = std::env::var_os("REFERENCE");
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let sizes = [(3, 2, 10), (7, 3, 30), (7, 3, 100), (20, 5, 100), (40, 10, 300)];
    for (objects, classes, detections) in sizes {
        let mut draws = Draws(u64::from(objects * 1000 + detections));
        let pictures: Vec<Picture> = (0..PICTURES).map(|_| picture(objects, classes, detections, &mut draws)).collect();
        let file = folder.path().join(format!("{objects}-{detections}.json"));
        std::fs::write(&file, json(&pictures)).expect("the folder takes files");
        for (overlap, kind) in [(Overlap::Boxes, "bbox"), (Overlap::Masks, "segm")] {
            let (mut ours, mut fresh, mut with_reference) = (Vec::new(), Vec::new(), Vec::new());
            let (mut theirs, mut compiled, mut ap) = (Vec::new(), Vec::new(), f64::NAN);
            let mut matching = Matching::default();
            for _ in 0..ROUNDS {
                ours.push(nanoseconds(&pictures, |p| matching.precision(&p.found, &p.truth, overlap)));
                fresh.push(nanoseconds(&pictures, |p| precision(&p.found, &p.truth, overlap)));
                let clean = Reference::of(&pictures[0].found, 0.3, overlap);
                with_reference.push(nanoseconds(&pictures, |p| matching.consistency(&p.found, &clean)));
                if let Some(python) = &python {
                    let [all, parts, mean] = reference(python, &file, kind);
                    theirs.push(all);
                    compiled.push(parts);
                    ap = mean;
                }
            }
            let (ours, fresh, with_reference) = (median(ours), median(fresh), median(with_reference));
            println!(
                "{objects:2} objects of {classes:2} classes, {detections:3} detections, {overlap:?}: {ours:8.0} ns, \
                 {fresh:8.0} without kept memory, {with_reference:8.0} for consistency"
            );
            if python.is_some() {
                let values = pictures.iter().map(|p| precision(&p.found, &p.truth, overlap).ap);
                let differ = (values.sum::<f64>() / PICTURES as f64 - ap).abs();
                assert!(differ < 1e-6, "mean of ap differs by {differ}");
                let (theirs, compiled) = (median(theirs), median(compiled));
                println!(
                    "    COCOeval {:.2} ms, ratio {:.0}; its compiled overlaps alone {compiled:.0} ns, ratio {:.1}",
                    theirs / 1e6,
                    theirs / ours,
                    compiled / ours
                );
            }
        }
    }
    if python.is_none() {
        println!("pycocotools not run: set REFERENCE to a Python that has it");
    }
}
