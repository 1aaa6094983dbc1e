//! Pictures, a plan of their variants and a list of two tiny models.

use std::fs;
use std::path::PathBuf;

use miqa_offline::export::onnx::{Attribute, Element, Extent, Graph, Model, Node, Opset, Tensor, ValueInfo};

use crate::program::{RECIPE, must};

/// Pictures, in three shards.
pub(crate) const ORIGINALS: u32 = 24;

fn node(op: &str, inputs: &[&str], output: &str, attributes: Vec<Attribute>) -> Node {
    let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
    Node {
        op: op.to_owned(),
        name: output.to_owned(),
        inputs,
        outputs: vec![output.to_owned()],
        attributes,
        ..Node::default()
    }
}

/// A classifier that goes by the mean colours of the halves of a picture of 8×8; with `root`, by their square roots after 20
/// of 255 are taken off, which are no numbers for dark pictures.
fn classifier(root: bool) -> Vec<u8> {
    let fixed = |lengths: &[usize]| lengths.iter().map(|&l| Extent::Fixed(l as i64)).collect::<Vec<_>>();
    let weights: Vec<f32> = (0..6_000_u32).map(|i| (i * 7_919 % 4_001) as f32 / 2_000.0 - 1.0).collect();
    let halves = vec![Attribute::of_ints("kernel_shape", &[8, 4]), Attribute::of_ints("strides", &[8, 4])];
    let mut nodes =
        vec![node("AveragePool", &["image"], "means", halves), node("Reshape", &["means", "flat"], "row", vec![])];
    let mut initialisers = vec![Tensor::ints("flat", &[1, 6]), Tensor::floats("weights", &[6, 1000], &weights)];
    let row = if root {
        initialisers.push(Tensor::floats("least", &[1], &[20.0 / 255.0]));
        nodes.push(node("Sub", &["row", "least"], "lessened", vec![]));
        nodes.push(node("Sqrt", &["lessened"], "roots", vec![]));
        "roots"
    } else {
        "row"
    };
    nodes.push(node("MatMul", &[row, "weights"], "classes", vec![]));
    let graph = Graph {
        name: "tiny".to_owned(),
        nodes,
        initialisers,
        inputs: vec![ValueInfo::tensor("image", Element::F32, &fixed(&[1, 3, 8, 8]))],
        outputs: vec![ValueInfo::tensor("classes", Element::F32, &fixed(&[1, 1000]))],
    };
    let opset_import = vec![Opset { domain: String::new(), version: 14 }];
    let producer_name = "test".to_owned();
    Model { ir_version: 8, producer_name, graph: Some(graph), opset_import, metadata: Vec::new() }.to_bytes()
}

/// A folder with all that `label` needs.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// Pictures with a plan of uniform variants in three shards, and a list of two models. `root`: see [`classifier`].
    pub(crate) fn new(root: bool) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("images")).unwrap();
        let mut classes = "file,class_index\n".to_owned();
        for i in 0..ORIGINALS {
            // The last one is nearly black.
            let dim = if i + 1 == ORIGINALS { 12 } else { 1 };
            let pixel = |x: u32, y: u32| {
                image::Rgb([
                    ((x * 3 + i * 9) % 251) as u8 / dim,
                    ((y * 5 + 40) % 241) as u8 / dim,
                    ((x * y) % 251) as u8 / dim,
                ])
            };
            image::RgbImage::from_fn(96, 72, pixel).save(place.path(&format!("images/p{i:02}.png"))).unwrap();
            classes += &format!("p{i:02}.png,{i}\n");
        }
        fs::write(place.path("labels.csv"), classes).unwrap();
        fs::write(place.path("recipe.toml"), RECIPE).unwrap();
        fs::write(place.path("tiny.onnx"), classifier(root)).unwrap();
        // Roots want values of 0 to 1; else they lie around 0, so that the classes change.
        let (mean, std) = if root { ("0.0", "255.0") } else { ("127.0", "64.0") };
        let entry = |name: &str, colour: &str| {
            format!(
                "[[model]]\nname = \"{name}\"\ntask = \"classification\"\nfamily = \"{name}\"\narchitecture = \"means\"\n\
                 file = \"tiny.onnx\"\nsource = \"this test\"\nlicence = \"CC0-1.0\"\nperformance = 0.5\n\
                 classes = \"imagenet-1k\"\ndecoder = {{ kind = \"logits\" }}\n[model.input]\nname = \"image\"\nsize = 8\n\
                 layout = \"nchw\"\ncolour = \"{colour}\"\nelement = \"f32\"\nmean = [{mean}, {mean}, {mean}]\n\
                 std = [{std}, {std}, {std}]\ninterpolation = \"bilinear\"\n"
            )
        };
        fs::write(place.path("zoo.toml"), entry("one", "rgb") + &entry("two", "bgr")).unwrap();
        let (work, images, recipe) = (place.text("work"), place.text("images"), place.text("recipe.toml"));
        let labels = place.text("labels.csv");
        must(&[
            "select", "--work", &work, "--images", &images, "--labels", &labels, "--recipe", &recipe, "--shards", "3",
        ]);
        must(&["rank", "--work", &work]);
        must(&["plan", "--work", &work]);
        place
    }

    /// A file or folder of it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as an argument.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// `label` into a folder, with further arguments.
    pub(crate) fn label(&self, out: &str, more: &[&str]) -> Vec<String> {
        let (work, plan, zoo) = (self.text("work"), self.text("work/plan.parquet"), self.text("zoo.toml"));
        let (folder, out) = (self.text("."), self.text(out));
        let line = ["label", "--work", &work, "--plan", &plan, "--zoo", &zoo, "--zoo-dir", &folder, "--out", &out];
        line.iter().chain(more).map(|&word| word.to_owned()).collect()
    }
}

/// As the program takes them.
pub(crate) fn words(line: &[String]) -> Vec<&str> {
    line.iter().map(String::as_str).collect()
}
