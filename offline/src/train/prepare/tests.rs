#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use miqa::engine::{Card, Device};
use miqa::preprocess::{View, from_rgb};

use super::*;
use crate::export::region::tests::{pictures, tiny_encoder};
use crate::export::session::IMAGE_BYTES;
use crate::hex::sha256_hex;
use crate::label::score::ScoreRow;
use crate::label::weights::Lambda;
use crate::label::zoo::Task;
use crate::label::{LabelRow, labels_of, read_labels};
use crate::plan::{Plan, PlannedOriginal, fixture};
use crate::recipe::Recipe as GenerationRecipe;
use crate::source::{SplitRow, TEST, TRAIN, read_sources};
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
                sample: if level == 0 { original.id.clone() } else { format!("{}_{distortion}_{level}", original.id) },
                original: original.id.clone(),
                distortion: distortion.to_owned(),
                level,
                background_level: None,
                row,
                background_row: None,
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
    let (encoders, mut region) = tiny_encoder();
    let bytes = encoders.classifier.to_bytes();
    std::fs::write(work.join(&region.encoder), &bytes).unwrap();
    region.sha256 = sha256_hex(&bytes);
    (folder, Recipe { region, ..Recipe::read(None).unwrap() })
}

#[test]
fn crops_and_features_are_what_serving_sees() {
    let (folder, recipe) = work();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let (stop, zoo) = (AtomicBool::new(true), [folder.path().to_owned()]);
    let folders = [Folder { work: folder.path(), plan: None }];
    let request = Request {
        folders: &folders,
        recipe: &recipe,
        teacher: None,
        zoo: &zoo,
        store_crops: false,
        workers: 2,
        stop: &stop,
    };
    assert_eq!(prepare(&request, &runtime).unwrap(), None, "asked to stop before it began");
    stop.store(false, Ordering::Relaxed);
    let prepared = prepare(&request, &runtime).unwrap().unwrap();

    let data = Dataset::open(folder.path()).unwrap();
    assert_eq!((data.rows.len(), data.prepared.region), (6, prepared.region));
    assert_eq!((data.prepared.held_out, data.fold(TEST).len()), (1, 0), "what judges is left aside");
    let region = Model::read(&Layout::of(folder.path()).region()).unwrap();
    let mut session = ImageSession::open(&runtime, "region", &region, 1).unwrap();
    let originals = read_sources(&folder.path().join("sources.parquet")).unwrap();
    for (i, row) in data.rows.iter().enumerate() {
        let original = originals.iter().find(|o| o.id == row.original).unwrap();
        let parameters = [("none", -1), ("darkness", 4), ("jpeg_compression", 11)];
        let (_, parameter) = parameters.iter().find(|(name, _)| *name == row.distortion).unwrap();
        let pixels = original.load().unwrap();
        let variant = match usize::try_from(*parameter) {
            Err(_) => pixels,
            Ok(parameter) => {
                let distortion = crate::distort::find(&row.distortion).unwrap();
                let recipe = GenerationRecipe::miqd();
                crate::render::candidate(recipe, &pixels, &original.pixel_sha256, distortion, parameter).unwrap()
            }
        };
        let crop = from_rgb(&variant, View::Centre).unwrap();
        assert!(*data.crop(i).unwrap() == *crop.as_bytes(), "crop of {}", row.sample);
        let mirror =
            image::imageops::flip_horizontal(&image::RgbImage::from_raw(SIDE, SIDE, crop.as_bytes().to_vec()).unwrap());
        for (flipped, bytes) in [(false, crop.as_bytes()), (true, mirror.as_raw())] {
            let served = session.run(bytes).unwrap();
            for (cached, served) in data.features(i, flipped).iter().zip(&served["features"]) {
                // A batch of two may be summed in another order than a single picture.
                assert!((cached - served).abs() < 1e-3, "{}: {cached} {served}", row.sample);
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
        let folders = [Folder { work: folder.path(), plan: None }];
        let request = Request {
            folders: &folders,
            recipe,
            teacher: None,
            zoo: &zoo,
            store_crops: false,
            workers: 1,
            stop: &stop,
        };
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

    // An original less and one more: the others' crops and raw features stay where they are.
    let labels = folder.path().join("labels.parquet");
    let all = read_labels(&labels).unwrap();
    let less: Vec<LabelRow> = all.iter().filter(|row| row.original != "p2").cloned().collect();
    table::write(&labels, &less).unwrap();
    assert_eq!(run(&recipe).unwrap().samples, 3);
    mark(&layout.crops());
    std::fs::remove_file(folder.path().join("p1.png")).unwrap();
    table::write(&labels, &all).unwrap();
    assert_eq!(run(&recipe).unwrap().features_key, first.features_key);
    let data = Dataset::open(folder.path()).unwrap();
    let mut places: Vec<u32> = data.rows.iter().filter_map(|row| row.crop).collect();
    places.sort_unstable();
    assert_eq!(places, (0..6).collect::<Vec<u32>>());
    for (i, row) in data.rows.iter().enumerate() {
        let kept = row.original != "p2";
        assert!(kept || !data.crop(i).unwrap().starts_with(b"mark"), "{} was made again", row.sample);
    }
    mark(&layout.crops());

    let mut other = recipe.clone();
    other.region.views[0].taps.pop();
    let second = run(&other).unwrap();
    assert!(second.region < first.region);
    assert!(marked(&layout.crops()) && !marked(&layout.features()));

    std::fs::remove_file(folder.path().join(&recipe.region.encoder)).unwrap();
    let message = run(&recipe).unwrap_err().to_string();
    assert!(message.contains("--zoo-dir"), "{message}");
}

/// Labels of a task for all pictures of each original of a plan; the numbers mean nothing. The first original is a test's.
fn label_plan(work: &Path, plan: &Plan, task: Task) {
    let source = crate::sample::SampleSource::Planned(Box::new(Plan::open(plan.path()).unwrap()));
    let (mut rows, mut split) = (Vec::new(), Vec::new());
    for (i, planned) in plan.iter().enumerate() {
        let planned = planned.unwrap();
        let original = planned.original.clone();
        rows.extend(crate::sample::Sample::of(planned).iter().map(|sample| {
            let scores = ScoreRow { sample: sample.id(&original.id), consistency: vec![1.0], ..ScoreRow::default() };
            crate::label::mmos::label(&original, sample, 20.0, &scores, &[1.0], Lambda::default())
        }));
        let fold = if i == 0 { TEST } else { TRAIN };
        split.push(SplitRow { original: original.id, fold: fold.to_owned() });
    }
    table::write_noted(&labels_of(work, task, None), &rows, &source.notes()).unwrap();
    table::write(&work.join("split.parquet"), &split).unwrap();
}

/// A plan of two originals in `folder`, six variants each: three of the 25 pairs of two distortions, to be quick.
fn small_plan(folder: &Path) -> (Plan, Vec<PlannedOriginal>) {
    let path = folder.join("plan.parquet");
    let mut planned = fixture::planned_at(folder, 2, (48, 36));
    for original in &mut planned {
        original.variants.retain(|variant| {
            ["fog", "contrast"].contains(&variant.distortion.as_str())
                && variant.pair.roi.max(variant.pair.background) == 2
        });
    }
    fixture::write(&path, GenerationRecipe::miqd(), &planned, 1).unwrap();
    (Plan::open(&path).unwrap(), planned)
}

#[test]
fn a_plan_is_prepared_without_storing_a_picture() {
    let (folder, recipe) = work();
    let (plan, planned) = small_plan(folder.path());
    label_plan(folder.path(), &plan, Task::Classification);
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let (stop, zoo) = (AtomicBool::new(false), [folder.path().to_owned()]);
    let folders = [Folder { work: folder.path(), plan: Some(&plan) }];
    let request = Request {
        folders: &folders,
        recipe: &recipe,
        teacher: None,
        zoo: &zoo,
        store_crops: false,
        workers: 2,
        stop: &stop,
    };
    let prepared = prepare(&request, &runtime).unwrap().unwrap();
    assert_eq!((prepared.samples, prepared.crops, prepared.held_out), (7, 0, 1));
    assert_eq!(prepare(&request, &runtime).unwrap(), Some(prepared));
    assert_eq!(std::fs::metadata(Layout::of(folder.path()).crops()).unwrap().len(), 0);

    let data = Dataset::open(folder.path()).unwrap();
    assert!(data.crop(0).unwrap_err().to_string().contains("--plan"));
    let data = data.with_pictures(folder.path(), &folders, None).unwrap();
    let mut fused = 0;
    for (i, row) in data.rows.iter().enumerate() {
        let original = planned.iter().find(|planned| planned.original.id == row.original).unwrap();
        let mut rendering = Rendering::open(GenerationRecipe::miqd(), original).unwrap();
        let picture = match original.variants.iter().find(|variant| variant.name == format!("{}.png", row.sample)) {
            None => rendering.original().clone(),
            Some(variant) => rendering.variant(variant).unwrap(),
        };
        assert!(*data.crop(i).unwrap() == *from_rgb(&picture, View::Centre).unwrap().as_bytes(), "{}", row.sample);
        fused += usize::from(row.background_level.is_some());
    }
    assert_eq!(fused, 2 * 2);

    let without = [Folder { plan: None, ..folders[0] }];
    let kept: Vec<Vec<u8>> = (0..data.rows.len()).map(|i| data.crop(i).unwrap().into_owned()).collect();
    let storing = Request { store_crops: true, ..request };
    assert_eq!(prepare(&storing, &runtime).unwrap().unwrap().crops, 7);
    let stored = Dataset::open(folder.path()).unwrap();
    let same = |i: usize| *stored.crop(i).unwrap() == *kept[i];
    assert!(stored.rows.iter().all(|row| row.crop.is_some()) && (0..7).all(same));
    assert_eq!(prepare(&request, &runtime).unwrap().unwrap().crops, 7, "what is stored stays");

    let without = Request { folders: &without, ..request };
    let text = prepare(&without, &runtime).unwrap_err().to_string();
    assert!(text.contains(plan.id().short()) && text.contains("--plan"), "{text}");
}

#[test]
fn folders_of_different_tasks_and_a_teacher_make_one_set() {
    let (objects, recipe) = work();
    let (boxes, video) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (plan, planned) = small_plan(boxes.path());
    label_plan(boxes.path(), &plan, Task::Detection);
    let summary =
        r#"{"labels-detection": {"models": [{"name": "yolo"}]}, "labels-detection-without-a": {"models": []}}"#;
    std::fs::write(boxes.path().join("labels.json"), summary).unwrap();
    // Frames that nobody labelled; the first is a test's, which is of no use.
    let (frames, _) = small_plan(video.path());
    label_plan(video.path(), &frames, Task::Detection);
    std::fs::remove_file(labels_of(video.path(), Task::Detection, None)).unwrap();

    let mut recipe = recipe;
    recipe.train.variants = Some(4);
    recipe.model.outputs = ["cls_consistency", "det_consistency", "level"].map(str::to_owned).into();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let (stop, zoo) = (AtomicBool::new(false), [objects.path().to_owned()]);
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny");
    let folders = [
        Folder { work: objects.path(), plan: None },
        Folder { work: boxes.path(), plan: Some(&plan) },
        Folder { work: video.path(), plan: Some(&frames) },
    ];
    let request = Request {
        folders: &folders,
        recipe: &recipe,
        teacher: Some(&tiny),
        zoo: &zoo,
        store_crops: false,
        workers: 2,
        stop: &stop,
    };
    let prepared = prepare(&request, &runtime).unwrap().unwrap();
    // Six stored; four variants of an original with its clean picture; the frame's five.
    assert_eq!((prepared.samples, prepared.crops, prepared.held_out), (6 + 5 + 5, 6, 2));
    assert_eq!(prepared.taught.as_ref().unwrap().heads, ["cls_consistency"]);

    assert_eq!(prepared.plans, [plan.id().clone(), frames.id().clone()]);
    assert_eq!(prepared.labellers["detection"], ["yolo"]);
    // The frame is one of the pictures with boxes again.
    assert_eq!(read_sources(&Layout::of(objects.path()).originals()).unwrap().len(), 2 + 1);

    let data = Dataset::open(objects.path()).unwrap();
    assert!(data.crop(6).is_err(), "its plan was not given");
    let data = data.with_pictures(objects.path(), &folders, Some(4)).unwrap();
    let card = Card::read(&tiny).unwrap();
    let mut teacher = miqa::engine::Model::open(&runtime, &card, 1).unwrap();
    for (i, row) in data.rows.iter().enumerate() {
        let labelled = (row.cls_consistency.is_some(), row.det_consistency.is_some());
        assert_eq!(labelled, (i < 6, (6..11).contains(&i)), "{i}: {}", row.sample);
        let crop = Rgb288::from_bytes(data.crop(i).unwrap().into_owned()).unwrap();
        let score = teacher.score(&[crop]).unwrap()[0].heads[1];
        assert!((data.taught(i, "cls_consistency").unwrap() - score).abs() < 1e-6, "{i}");
        assert_eq!(data.taught(i, "det_consistency"), None);
    }
    assert!(data.rows[11..].iter().all(|row| row.original == planned[1].original.id && row.fold == TRAIN));

    // The same again is found done; without a teacher the features stay.
    assert_eq!(prepare(&request, &runtime).unwrap(), Some(prepared));
    let raw = OpenOptions::new().read(true).write(true).open(Layout::of(objects.path()).file(RAW)).unwrap();
    raw.write_all_at(&7.5_f32.to_le_bytes(), 0).unwrap();
    let alone = prepare(&Request { teacher: None, ..request }, &runtime).unwrap().unwrap();
    let mut marked = [0; 4];
    raw.read_exact_at(&mut marked, 0).unwrap();
    assert_eq!((alone.taught, f32::from_le_bytes(marked)), (None, 7.5));
}
