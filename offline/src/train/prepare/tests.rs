#![expect(clippy::unwrap_used, reason = "tests")]

use miqa::engine::Device;

use super::*;
use crate::export::region::tests::{pictures, tiny_encoder};
use crate::export::session::IMAGE_BYTES;
use crate::source::{SplitRow, TEST, TRAIN, write_sources};
use crate::train::dataset::Dataset;

/// A work folder with three originals, clean and in two variants each.
fn work() -> (tempfile::TempDir, Recipe) {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    let (mut originals, mut labels, mut split) = (Vec::new(), Vec::new(), Vec::new());
    for (i, bytes) in pictures(3).chunks(IMAGE_BYTES).enumerate() {
        let path = work.join(format!("p{i}.png"));
        image::RgbImage::from_raw(SIDE, SIDE, bytes.to_vec()).unwrap().save(&path).unwrap();
        let original = Original::describe(&path, if i == 2 { -1 } else { 7 }, "CC0").unwrap();
        for (distortion, level, row) in [("none", 0, -1), ("darkness", 2, 4), ("jpeg_compression", 5, 11)] {
            labels.push(LabelRow {
                sample: render::sample_id(&original.id, distortion, level),
                original: original.id.clone(),
                distortion: distortion.to_owned(),
                level,
                row,
                psnr: 30.0,
                class: original.class,
                consistency: 1.0 - f32::from(level) / 5.0,
                accuracy: (i < 2).then_some(0.5),
                composite: (i < 2).then_some(0.25),
            });
        }
        let fold = if i == 0 { TEST } else { TRAIN };
        split.push(SplitRow { original: original.id.clone(), fold: fold.to_owned() });
        originals.push(original);
    }
    write_sources(&work.join("sources.parquet"), &originals).unwrap();
    table::write(&work.join("labels.parquet"), &labels).unwrap();
    table::write(&work.join("split.parquet"), &split).unwrap();
    let (encoder, mut region) = tiny_encoder();
    let bytes = encoder.to_bytes();
    std::fs::write(work.join(&region.encoder), &bytes).unwrap();
    region.sha256 = hex(&Sha256::digest(&bytes));
    (folder, Recipe { region, ..Recipe::read(None).unwrap() })
}

#[test]
fn crops_and_features_are_what_serving_sees() {
    let (folder, recipe) = work();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let (stop, zoo) = (AtomicBool::new(true), [folder.path().to_owned()]);
    let request = Request { work: folder.path(), recipe: &recipe, zoo: &zoo, workers: 2, stop: &stop };
    assert_eq!(prepare(&request, &runtime).unwrap(), None, "asked to stop before it began");
    stop.store(false, Ordering::Relaxed);
    let prepared = prepare(&request, &runtime).unwrap().unwrap();

    let data = Dataset::open(folder.path()).unwrap();
    assert_eq!((data.rows.len(), data.prepared.region), (9, prepared.region));
    assert_eq!(data.fold(TEST).len(), 3);
    let region = Model::read(&Layout::of(folder.path()).region()).unwrap();
    let mut session = ImageSession::open(&runtime, "region", &region, 1).unwrap();
    let originals = read_sources(&folder.path().join("sources.parquet")).unwrap();
    for (i, row) in data.rows.iter().enumerate() {
        let original = originals.iter().find(|o| o.id == row.original).unwrap();
        let parameters = [("none", -1), ("darkness", 4), ("jpeg_compression", 11)];
        let (_, parameter) = parameters.iter().find(|(name, _)| *name == row.distortion).unwrap();
        let variant = render::sample(
            crate::recipe::Recipe::miqd(),
            original,
            &original.load().unwrap(),
            &row.distortion,
            *parameter,
        )
        .unwrap();
        let crop = from_rgb(&variant, View::Centre).unwrap();
        assert!(data.crop(i) == crop.as_bytes(), "crop of {}", row.sample);
        let mirror =
            image::imageops::flip_horizontal(&image::RgbImage::from_raw(SIDE, SIDE, crop.as_bytes().to_vec()).unwrap());
        for (flipped, bytes) in [(false, crop.as_bytes()), (true, mirror.as_raw())] {
            let served = session.run(bytes).unwrap();
            for (cached, served) in data.features(i, flipped).iter().zip(&served["features"]) {
                // A batch of two may be summed in another order than a single picture.
                assert!((cached - served).abs() < 1e-3, "{}: {cached} {served}", row.sample);
            }
            if !flipped {
                assert!((row.confidence - served["confidence"][0]).abs() < 1e-5);
            }
        }
    }
    let training = data.fold(TRAIN);
    for k in 0..prepared.region {
        let mean = training.iter().map(|&i| data.features(i, false)[k]).sum::<f32>() / training.len() as f32;
        assert!(mean.abs() < 0.02, "feature {k} has mean {mean} over the training fold");
    }
}

#[test]
fn only_what_changed_is_done_again() {
    let (folder, recipe) = work();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let (stop, zoo) = (AtomicBool::new(false), [folder.path().to_owned()]);
    let run = |recipe: &Recipe| {
        let request = Request { work: folder.path(), recipe, zoo: &zoo, workers: 1, stop: &stop };
        prepare(&request, &runtime).map(Option::unwrap)
    };
    let first = run(&recipe).unwrap();
    let layout = Layout::of(folder.path());
    // What is not made again keeps the marks left here.
    let mark = |path: &Path| OpenOptions::new().write(true).open(path).unwrap().write_all_at(b"mark", 0).unwrap();
    let marked = |path: &Path| std::fs::read(path).unwrap().starts_with(b"mark");
    mark(&layout.crops());
    mark(&layout.features());
    assert_eq!(run(&recipe).unwrap(), first);
    assert!(marked(&layout.features()));

    let mut other = recipe.clone();
    other.region.views[0].taps.pop();
    let second = run(&other).unwrap();
    assert!(second.region < first.region);
    assert!(marked(&layout.crops()) && !marked(&layout.features()));

    std::fs::remove_file(folder.path().join(&recipe.region.encoder)).unwrap();
    let message = run(&recipe).unwrap_err().to_string();
    assert!(message.contains("--zoo-dir"), "{message}");
}
