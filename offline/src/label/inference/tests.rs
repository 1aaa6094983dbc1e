#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::path::PathBuf;

use image::RgbImage;
use miqa::engine::{Device, Runtime};

use super::*;
use crate::export::onnx::{Attribute, Element, Extent, Graph, Model, Opset, Tensor as Weights, ValueInfo};
use crate::export::tiny::node;
use crate::label::ask::{Ask, OneByOne};
use crate::label::decode::Answer;
use crate::label::model::Models;

/// What the tiny model does with its batch.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Takes any number of pictures.
    Any,
    /// Takes one.
    One,
    /// Takes any number and mixes them up: each is judged beside the mean of all.
    Mixing,
    /// Takes any number and roots what is dark, which is no number.
    Rooting,
}

/// A classifier that goes by the mean colours of the halves of a picture of 8×8.
fn classifier(kind: Kind) -> Vec<u8> {
    let halves = vec![Attribute::of_ints("kernel_shape", &[8, 4]), Attribute::of_ints("strides", &[8, 4])];
    let mut nodes =
        vec![node("AveragePool", &["image"], "means", halves), node("Reshape", &["means", "flat"], "row", vec![])];
    let weights: Vec<f32> = (0..6_000_u32).map(|i| (i * 7_919 % 4_001) as f32 / 2_000.0 - 1.0).collect();
    // A length of 0 is that of the input.
    let mut initialisers = vec![Weights::ints("flat", &[0, 6]), Weights::floats("weights", &[6, 1000], &weights)];
    let row = match kind {
        Kind::Any | Kind::One => "row",
        Kind::Mixing => {
            let axes = vec![Attribute::of_ints("axes", &[0])];
            nodes.push(node("ReduceMean", &["row"], "mean", axes));
            nodes.push(node("Sub", &["row", "mean"], "beside", vec![]));
            // A picture alone would leave nothing but zeros.
            nodes.push(node("Add", &["beside", "bias"], "mixed", vec![]));
            initialisers.push(Weights::floats("bias", &[6], &[0.5, -0.25, 0.125, 1.0, -1.0, 0.75]));
            "mixed"
        }
        Kind::Rooting => {
            nodes.push(node("Add", &["row", "least"], "lessened", vec![]));
            nodes.push(node("Sqrt", &["lessened"], "roots", vec![]));
            initialisers.push(Weights::floats("least", &[1], &[1.9]));
            "roots"
        }
    };
    nodes.push(node("MatMul", &[row, "weights"], "classes", vec![]));
    let first = || if kind == Kind::One { Extent::Fixed(1) } else { Extent::Named("n".to_owned()) };
    let graph = Graph {
        name: "tiny".to_owned(),
        nodes,
        initialisers,
        inputs: vec![ValueInfo::tensor(
            "image",
            Element::F32,
            &[first(), Extent::Fixed(3), Extent::Fixed(8), Extent::Fixed(8)],
        )],
        outputs: vec![ValueInfo::tensor("classes", Element::F32, &[first(), Extent::Fixed(1000)])],
    };
    let opset_import = vec![Opset { domain: String::new(), version: 14 }];
    Model { ir_version: 8, producer_name: "test".to_owned(), graph: Some(graph), opset_import, metadata: Vec::new() }
        .to_bytes()
}

struct Place {
    folder: tempfile::TempDir,
    zoo: Zoo,
}

impl Place {
    /// A zoo of such models: `m0`, `m1`, …
    fn new(kinds: &[Kind]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut list = String::new();
        for (number, kind) in kinds.iter().enumerate() {
            std::fs::write(folder.path().join(format!("{number}.onnx")), classifier(*kind)).unwrap();
            list += &format!(
                "[[model]]\nname = \"m{number}\"\ntask = \"classification\"\nfamily = \"f\"\narchitecture = \"means\"\n\
                 file = \"{number}.onnx\"\nsource = \"this test\"\nlicence = \"CC0-1.0\"\nperformance = 0.5\n\
                 classes = \"imagenet-1k\"\ndecoder = {{ kind = \"logits\" }}\n[model.input]\nname = \"image\"\nsize = 8\n\
                 layout = \"nchw\"\ncolour = \"{}\"\nelement = \"f32\"\nmean = [127.0, 127.0, 127.0]\n\
                 std = [64.0, 64.0, 64.0]\ninterpolation = \"bilinear\"\n",
                if number % 2 == 0 { "rgb" } else { "bgr" }
            );
        }
        let path = folder.path().join("zoo.toml");
        std::fs::write(&path, list).unwrap();
        let zoo = Zoo::read(&[path]).unwrap();
        Self { folder, zoo }
    }

    fn folders(&self) -> Vec<PathBuf> {
        vec![self.folder.path().to_owned()]
    }

    fn start(&self, size: BatchSize) -> Inference<'_> {
        Inference::start(&runtime(), &self.zoo, &self.folders(), size).unwrap()
    }

    fn alone(&self) -> OneByOne {
        OneByOne::new(Models::open(&runtime(), &self.zoo, &self.folders()).unwrap())
    }
}

fn runtime() -> Runtime {
    Runtime::open(Device::Cpu).unwrap()
}

fn picture(number: u32) -> RgbImage {
    let pixel = |x: u32, y: u32| {
        image::Rgb([(x * 5 + number * 31) as u8, (y * 7 + 60 + number * 13) as u8, ((x * y) / 3 + number * 57) as u8])
    };
    RgbImage::from_fn(40 + number % 3, 30, pixel)
}

fn ask(models: &mut dyn Ask, pictures: std::ops::Range<u32>) -> Result<Vec<Vec<Answer>>, ModelError> {
    pictures.map(picture).try_for_each(|picture| models.ask(&picture))?;
    models.answers()
}

fn assert_alike(one: &[Vec<Answer>], other: &[Vec<Answer>]) {
    assert_eq!(one.len(), other.len());
    for (a, b) in one.iter().flatten().zip(other.iter().flatten()) {
        let (Answer::Classes(a), Answer::Classes(b)) = (a, b) else { panic!("classifiers") };
        for ((class, score), (other_class, other_score)) in a.iter().zip(b) {
            assert!(class == other_class && (score - other_score).abs() < 1e-5, "{a:?}, {b:?}");
        }
    }
}

#[test]
fn answers_do_not_depend_on_the_batch() {
    let place = Place::new(&[Kind::Any, Kind::One, Kind::Any]);
    let mut alone = place.alone();
    let expected = ask(&mut alone, 0..11).unwrap();
    assert!(expected.iter().any(|answers| answers[0] != expected[0][0]), "all pictures look alike");
    // 4 and 4 and 3 pictures; all in one; one by one.
    for size in [4, 64, 1] {
        let inference = place.start(BatchSize::Of(size));
        assert_eq!(inference.sizes().map(|(_, size)| size).collect::<Vec<_>>(), [size, 1, size]);
        let mut batches = Batches::new(&inference);
        assert_alike(&ask(&mut batches, 0..11).unwrap(), &expected);
        // Again, less, and nothing.
        assert_alike(&ask(&mut batches, 2..5).unwrap(), &expected[2..5]);
        assert!(batches.answers().unwrap().is_empty());
        // What is forgotten is not answered.
        batches.ask(&picture(9)).unwrap();
        batches.forget();
        assert_alike(&ask(&mut batches, 0..2).unwrap(), &expected[..2]);
    }
}

#[test]
fn threads_share_the_models_and_get_their_own_answers() {
    let place = Place::new(&[Kind::Any, Kind::Any]);
    let inference = place.start(BatchSize::Of(3));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (inference, place) = (&inference, &place);
            scope.spawn(move || {
                let pictures = thread * 5..thread * 5 + 20;
                let mut batches = Batches::new(inference);
                let found = ask(&mut batches, pictures.clone()).unwrap();
                assert_alike(&found, &ask(&mut place.alone(), pictures).unwrap());
            });
        }
    });
}

#[test]
fn a_model_that_fails_is_named_and_the_rest_goes_on() {
    let place = Place::new(&[Kind::Any, Kind::Rooting]);
    let inference = place.start(BatchSize::Of(4));
    let mut batches = Batches::new(&inference);
    let black = RgbImage::new(40, 30);
    let told = |models: &mut dyn Ask| {
        let asked = [picture(0), black.clone()].iter().try_for_each(|picture| models.ask(picture));
        asked.and_then(|()| models.answers()).unwrap_err().to_string()
    };
    let (ours, alone) = (told(&mut batches), told(&mut place.alone()));
    assert!(ours == alone && ours.contains("model `m1`") && ours.contains("NaN"), "{ours}; {alone}");
    batches.forget();
    assert_alike(&ask(&mut batches, 0..6).unwrap(), &ask(&mut place.alone(), 0..6).unwrap());
    // A picture that can't be resized.
    assert!(batches.ask(&RgbImage::new(0, 0)).unwrap_err().to_string().contains("m0"));
}

#[test]
fn the_probe_ends_where_batches_change_what_is_said() {
    let place = Place::new(&[Kind::Any, Kind::One, Kind::Mixing]);
    let inference = place.start(BatchSize::Probed);
    let sizes: Vec<usize> = inference.sizes().map(|(_, size)| size).collect();
    assert!(sizes[0].is_power_of_two() && sizes[0] <= 64, "{sizes:?}");
    assert_eq!(sizes[1..], [1, 1]);
}
