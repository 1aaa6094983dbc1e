//! Training beside the bare step loop on tensors that lie ready, and that beside PyTorch's own loop on the same model; fp32
//! and bf16; in turns.
//!
//! Usage: `cargo bench -p miqa-offline --features train --bench train`; `REFERENCE=<python with torch and numpy>` adds
//! PyTorch (`train_reference.py`). `MIQA_STEPS` is another number of steps a turn, `MIQA_TURNS` of turns.
#![expect(clippy::unwrap_used, reason = "a bench that can't set up has nothing to say")]

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use miqa::preprocess::{BYTES, SIDE};
use miqa_offline::export::spec::ModelSpec;
use miqa_offline::source::TRAIN;
use miqa_offline::table;
use miqa_offline::train::dataset::{Dataset, FEATURE_VIEWS, Layout, Prepared, SampleRow};
use miqa_offline::train::draws::Draws;
use miqa_offline::train::fit::fit;
use miqa_offline::train::network::{Network, start};
use miqa_offline::train::optimiser::{AdamW, decays};
use miqa_offline::train::recipe::{Precision, Recipe, TrainSpec};
use tch::{Device, Kind, Tensor};

/// Width of the region features.
const REGION: usize = 512;
/// Steps that are not timed.
const WARM: u64 = 2;

/// Sizes: width, blocks, heads, samples a step.
const SIZES: [(&str, usize, usize, usize, usize); 2] =
    [("D192 L6", 192, 6, 3, 16), ("D384 L12 (paper)", 384, 12, 6, 8)];

/// Clock and processor seconds a sample.
#[derive(Clone, Copy)]
struct Cost {
    clock: f64,
    processor: f64,
}

fn main() {
    // libgomp reads its waiting policy before `main`.
    if std::env::var_os("OMP_WAIT_POLICY").is_none() {
        let mut again = Command::new(std::env::current_exe().unwrap());
        panic!("{}", again.env("OMP_WAIT_POLICY", "passive").env("GOMP_SPINCOUNT", "0").exec());
    }
    let number = |name: &str, or: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or);
    let (steps, turns) = (number("MIQA_STEPS", 12), number("MIQA_TURNS", 3));
    let python = std::env::var("REFERENCE").ok();
    let work = tempfile::tempdir().unwrap();
    write_work(work.path(), 256);
    let data = Dataset::open(work.path()).unwrap();
    println!("samples a second of clock (of processor time), medians of {turns} turns of {steps} steps");
    for (name, width, depth, heads, batch) in SIZES {
        let recipe = |precision| recipe((width, depth, heads), batch, steps, precision);
        let mut costs: [Vec<Cost>; 5] = Default::default();
        for turn in 0..turns {
            for (at, precision) in [Precision::Fp32, Precision::Bf16].into_iter().enumerate() {
                let folder = work.path().join(format!("{width}-{turn}-{at}"));
                costs[at].push(whole(&recipe(precision), &data, &folder));
                costs[2 + at].push(bare(&recipe(precision), steps));
            }
            costs[4].extend(python.as_ref().map(|python| reference(python, (width, depth, heads), batch, steps)));
        }
        let [fp32, bf16, bare_fp32, bare_bf16, torch] = costs.map(|costs| median(&costs));
        let line = |what: &str, cost: Option<Cost>| {
            if let Some(cost) = cost {
                println!("  {what:<22} {:7.2} ({:.2})", 1.0 / cost.clock, 1.0 / cost.processor);
            }
        };
        println!("{name}, {batch} samples a step");
        line("train, fp32", fp32);
        line("bare loop, fp32", bare_fp32);
        line("PyTorch's loop, fp32", torch);
        line("train, bf16", bf16);
        line("bare loop, bf16", bare_bf16);
        let ratio = |what: &str, ours: Option<Cost>, other: Option<Cost>| {
            if let Some((ours, other)) = ours.zip(other) {
                println!("  {what:<34} {:.3} ({:.3})", other.clock / ours.clock, other.processor / ours.processor);
            }
        };
        ratio("train / bare loop, fp32 (bar 0.9)", fp32, bare_fp32);
        ratio("train / bare loop, bf16 (bar 0.9)", bf16, bare_bf16);
        ratio("bare loop / PyTorch (bar 0.95)", bare_fp32, torch);
        ratio("bf16 / fp32, bare (bar 2.5)", bare_bf16, bare_fp32);
    }
    if python.is_none() {
        println!("PyTorch: skipped, REFERENCE is not set");
    }
}

fn recipe((width, depth, heads): (usize, usize, usize), batch: usize, steps: u64, precision: Precision) -> Recipe {
    let paper: Recipe = toml::from_str(include_str!("../recipes/paper.toml")).unwrap();
    let model = ModelSpec {
        patch: 16,
        width,
        depth,
        heads,
        region: REGION,
        outputs: vec!["cls_composite".to_owned()],
        ..paper.model
    };
    let epochs = u32::try_from((steps + WARM).div_ceil(256 / batch as u64)).unwrap();
    let train = TrainSpec { epochs, batch, at_a_time: None, precision, warmup: 0.0, ..paper.train };
    Recipe { pretrained: None, model, train, ..paper }
}

/// The training loop as the program runs it, from stored crops.
fn whole(recipe: &Recipe, data: &Dataset, folder: &Path) -> Cost {
    let marks = std::cell::RefCell::new(Vec::new());
    let last = recipe.train.batch as u64;
    let steps = 256 / last * u64::from(recipe.train.epochs);
    fit(recipe, data, None, folder, Device::Cpu, &|step| {
        marks.borrow_mut().push((step, Instant::now(), processor()));
        step + 1 == steps
    })
    .unwrap();
    let marks = marks.into_inner();
    let (first, last) = (marks[WARM as usize - 1], *marks.last().unwrap());
    cost(last.1.duration_since(first.1).as_secs_f64(), last.2 - first.2, last.0 - first.0, recipe)
}

/// Forward, loss, backward and optimiser on one batch that lies ready.
fn bare(recipe: &Recipe, steps: u64) -> Cost {
    let (spec, batch) = (&recipe.model, recipe.train.batch as i64);
    let flat = start(spec, Draws::new(1), 0.0);
    let network = Network::new(spec, &flat, recipe.train.precision.is_bf16(false)).unwrap();
    let mut optimiser = AdamW::new(&decays(spec, 1e-4, 1e-4, |_| false));
    let side = i64::from(spec.crop);
    let images = Tensor::randint(255, [batch, side, side, 3], (Kind::Uint8, Device::Cpu));
    let features = Tensor::randn([batch, REGION as i64], (Kind::Float, Device::Cpu));
    let labels = Tensor::rand([batch, 1], (Kind::Float, Device::Cpu));
    let distortions = Tensor::zeros([batch, spec.distortions.len() as i64], (Kind::Float, Device::Cpu));
    let mut begun = (Instant::now(), processor());
    for step in 1..=steps + WARM {
        if step == WARM + 1 {
            begun = (Instant::now(), processor());
        }
        let output = network.forward(&images, &features, Some(&recipe.train));
        let error = (output.quality - &labels).square().mean(Kind::Float);
        let named = output.distortion.binary_cross_entropy_with_logits::<&Tensor>(
            &distortions,
            None,
            None,
            tch::Reduction::Mean,
        );
        (error + named * 0.1).backward();
        optimiser.step(&network, 1e-4, step);
    }
    cost(begun.0.elapsed().as_secs_f64(), processor() - begun.1, steps, recipe)
}

/// PyTorch's own loop: prints clock and processor seconds of all timed steps.
fn reference(python: &str, (width, depth, heads): (usize, usize, usize), batch: usize, steps: u64) -> Cost {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/train_reference.py");
    let numbers = [width, depth, heads, batch, REGION].map(|n| n.to_string());
    let mut command = Command::new(python);
    command.env_remove("LD_LIBRARY_PATH").arg(script).args(numbers).args([steps, WARM].map(|n| n.to_string()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let seconds: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let samples = (steps * batch as u64) as f64;
    Cost { clock: seconds[0] / samples, processor: seconds[1] / samples }
}

fn cost(clock: f64, processor: f64, steps: u64, recipe: &Recipe) -> Cost {
    let samples = (steps * recipe.train.batch as u64) as f64;
    Cost { clock: clock / samples, processor: processor / samples }
}

fn median(costs: &[Cost]) -> Option<Cost> {
    let middle = |of: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Some(Cost { clock: middle(|cost| cost.clock)?, processor: middle(|cost| cost.processor)? })
}

/// Seconds of processor time of this process so far, ended threads included.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets; clock ticks are hundredths of a second on Linux.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / 100.0
}

/// A prepared folder of noise.
fn write_work(folder: &Path, samples: usize) {
    let layout = Layout::of(folder);
    std::fs::create_dir_all(layout.folder()).unwrap();
    let noise = |at: usize| (at.wrapping_mul(2_654_435_761) >> 13) as u8;
    std::fs::write(layout.crops(), (0..samples * BYTES).map(noise).collect::<Vec<u8>>()).unwrap();
    let features = (0..samples * FEATURE_VIEWS * REGION).map(|at| f32::from(noise(at)) / 128.0 - 1.0);
    std::fs::write(layout.features(), features.flat_map(f32::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    let row = |i: usize| SampleRow {
        sample: format!("s{i}"),
        original: format!("o{i}"),
        distortion: "fog".to_owned(),
        level: 1,
        fold: TRAIN.to_owned(),
        cls_composite: Some(f32::from(noise(i)) / 255.0),
        crop: Some(i as u32),
        ..SampleRow::default()
    };
    table::write(&layout.samples(), &(0..samples).map(row).collect::<Vec<_>>()).unwrap();
    let prepared = Prepared {
        held_out: 0,
        samples,
        region: REGION,
        groups: vec![],
        samples_key: String::new(),
        features_key: format!("noise {SIDE}"),
        taught: None,
        plans: vec![],
        labellers: std::collections::BTreeMap::new(),
        crops: samples,
    };
    std::fs::write(layout.prepared(), serde_json::to_vec(&prepared).unwrap()).unwrap();
}
