#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::path::PathBuf;

use miqa::engine::Device;

use super::*;
use crate::label::zoo::Channels;

#[test]
fn verdicts_follow_the_tolerance() {
    let measured = |measured| Measured {
        model: "a".into(),
        task: Task::Detection,
        claimed: 0.25,
        measured,
        pictures: 9,
        tolerance: 0.125,
    };
    for (value, verdict) in [
        (Ok(0.375), Verdict::Ok),
        (Ok(0.125), Verdict::Ok),
        (Ok(0.376), Verdict::Above),
        (Ok(0.124), Verdict::Failed),
        (Ok(f64::NAN), Verdict::Failed),
        (Err("its output `x` holds NaN at 0".to_owned()), Verdict::Failed),
    ] {
        assert_eq!(measured(value.clone()).verdict(), verdict, "{value:?}");
    }
    // So few pictures that none right would be within chance: nothing is said but of what gave no answer.
    let few = |measured_there| Measured { tolerance: 0.25, ..measured(measured_there) };
    for (value, verdict) in [
        (Ok(0.0), Verdict::TooFew),
        (Ok(1.0), Verdict::TooFew),
        (Ok(f64::NAN), Verdict::Failed),
        (Err("no".to_owned()), Verdict::Failed),
    ] {
        assert_eq!(few(value.clone()).verdict(), verdict, "{value:?}");
    }
}

#[test]
fn lists_of_labelled_pictures_are_searched() {
    let folder = tempfile::tempdir().unwrap();
    let find = |tasks: &[Task], limit| Pictures::find(folder.path(), tasks, limit);
    let text = find(&[Task::Segmentation], None).unwrap_err().to_string();
    assert!(text.contains("segmentation") && text.contains("instances.json"), "{text}");
    for name in ["a.png", "b.png"] {
        image::RgbImage::from_pixel(40, 30, image::Rgb([name.as_bytes()[0]; 3]))
            .save(folder.path().join(name))
            .unwrap();
    }
    std::fs::write(folder.path().join("labels.csv"), "file,class_index\na.png,3\nb.png,4\n").unwrap();
    let objects = r#"{"images": [{"id": 1, "file_name": "a.png"}], "annotations": []}"#;
    std::fs::write(folder.path().join("instances.json"), objects).unwrap();
    let found = find(&Task::ALL, Some(1)).unwrap();
    assert_eq!(Task::ALL.map(|task| found.of(task).len()), [1, 1, 1]);
    assert_eq!(found.of(Task::Classification)[0].class, 3);
    assert_eq!(find(&[Task::Classification], None).unwrap().of(Task::Classification).len(), 2);
    std::fs::write(folder.path().join("b.png"), b"no picture").unwrap();
    assert!(find(&[Task::Classification], None).unwrap_err().to_string().contains("labels.csv line 3"));
}

/// However few the pictures, a model that is as claimed does not fail.
#[test]
fn healthy_models_pass_on_few_pictures() {
    let Some(data) = std::env::var_os("MIQA_DATA").map(PathBuf::from) else {
        return println!("skipped: labelling models on few pictures (MIQA_DATA not set)");
    };
    let mut zoo = Zoo::read(&["builtin:cls".into(), "builtin:det".into()]).unwrap();
    zoo.models
        .retain(|model| ["mobilenet_v1_025", "squeezenet_v11", "yolox_nano", "fastestdet"].contains(&&*model.name));
    assert_eq!(zoo.models.len(), 4);
    let runtime = Runtime::open(Device::Cpu).unwrap();
    for limit in [1, 5, 12, 30] {
        let pictures = Pictures::find(&data, &[Task::Classification, Task::Detection], Some(limit)).unwrap();
        for model in &zoo.models {
            let measured = pictures.measure(&runtime, model, std::slice::from_ref(&data), 0.02, || ());
            let verdict = measured.verdict();
            println!("{} on {limit}: {measured:?}: {verdict}", model.name);
            assert_ne!(verdict, Verdict::Failed, "{measured:?}");
            assert!(limit > 1 || verdict == Verdict::TooFew, "{measured:?}");
        }
    }
}

/// A wrong order of channels or a wrong mean shows as a failed row; the entry as it is passes.
#[test]
fn wrong_preprocessing_fails() {
    let Some(data) = std::env::var_os("MIQA_DATA").map(PathBuf::from) else {
        return println!("skipped: labelling models with wrong preprocessing (MIQA_DATA not set)");
    };
    let zoo = Zoo::read(&["builtin:cls".into(), "builtin:det".into()]).unwrap();
    let model = |name: &str| zoo.models.iter().find(|model| model.name == name).unwrap().clone();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let pictures = Pictures::find(&data, &[Task::Classification, Task::Detection], None).unwrap();
    let verdict = |model: &ZooModel| {
        let measured = pictures.measure(&runtime, model, std::slice::from_ref(&data), 0.02, || ());
        println!("{}: {:?} of {}, ± {}", model.name, measured.measured, measured.claimed, measured.tolerance);
        measured.verdict()
    };
    for (name, spoil) in [
        ("mobilenet_v1_025", (|model| model.input.colour = Channels::Bgr) as fn(&mut ZooModel)),
        ("mobilenet_v1_025", |model| model.input.mean = [0.0; 3]),
        ("squeezenet_v11", |model| model.input.mean = [0.0; 3]),
        ("yolox_nano", |model| model.input.std = [255.0; 3]),
        ("picodet_s_416", |model| model.input.mean = [0.0; 3]),
    ] {
        let mut model = model(name);
        assert_ne!(verdict(&model), Verdict::Failed, "{name} as it is");
        spoil(&mut model);
        assert_eq!(verdict(&model), Verdict::Failed, "{name} spoilt");
    }
}
