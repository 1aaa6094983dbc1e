//! Labelling beside the bare sum of its session runs: rendering from the original, resizing, decoding and storing against the
//! same models on tensors that lie ready, pictures a second, in turns; on two threads, each with sessions of its own.
//!
//! Usage: `MIQA_PLAN=<plan.parquet> MIQA_ZOO_DIRS=<folder>[:<folder>…] [MIQA_ZOO=<list>] cargo bench -p miqa-offline --bench
//! label`; without them it says that it was skipped. `MIQA_THREADS` is another number of threads.
#![expect(clippy::unwrap_used, reason = "a bench that can't set up has nothing to say")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use miqa::engine::{Device, Runtime};
use miqa_offline::label::ask::OneByOne;
use miqa_offline::label::fit::{Geometry, normalise, reorder};
use miqa_offline::label::model::Models;
use miqa_offline::label::predictions::predict;
use miqa_offline::label::zoo::{Element, Layout, Zoo, ZooModel};
use miqa_offline::plan::{Plan, Rendering};
use miqa_offline::table;
use ort::session::Session;
use ort::value::Tensor;

/// Variants of each original that are labelled in one turn.
const VARIANTS: usize = 40;

/// A model with one thread and a tensor that lies ready.
struct Bare {
    session: Session,
    name: String,
    tensor: ort::value::DynTensor,
}

impl Bare {
    fn open(runtime: &Runtime, entry: &ZooModel, folders: &[PathBuf], picture: &image::RgbImage) -> Self {
        let (_, bytes) = entry.load(folders).unwrap();
        let fitted = Geometry::of(&entry.input).fit(picture).unwrap();
        let (width, height) = (fitted.width() as usize, fitted.height() as usize);
        let shape = match entry.input.layout {
            Layout::Nchw => [1, 3, height, width],
            Layout::Nhwc => [1, height, width, 3],
        };
        let tensor = if entry.input.element == Element::F32 {
            let mut values = Vec::new();
            normalise(&entry.input, &fitted, &mut values);
            Tensor::from_array((shape, values)).unwrap().upcast()
        } else {
            let mut values = Vec::new();
            reorder(&entry.input, &fitted, &mut values);
            if entry.input.element == Element::I8 {
                let signed: Vec<i8> = values.iter().map(|byte| byte.cast_signed()).collect();
                Tensor::from_array((shape, signed)).unwrap().upcast()
            } else {
                Tensor::from_array((shape, values)).unwrap().upcast()
            }
        };
        let session = runtime.session_from_bytes(&entry.name, &bytes, 1).unwrap();
        Self { session, name: entry.input.name.clone(), tensor }
    }

    fn run(&mut self) {
        let outputs = self.session.run(ort::inputs![self.name.as_str() => &self.tensor]).unwrap();
        std::hint::black_box(&outputs);
    }
}

/// Wall time in which every worker does its work, all at once.
fn together<W: Send>(workers: &mut [W], work: impl Fn(&mut W) + Sync) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for worker in workers {
            scope.spawn(|| work(worker));
        }
    });
    start.elapsed()
}

fn main() {
    let (Some(plan), Some(folders)) = (std::env::var_os("MIQA_PLAN"), std::env::var_os("MIQA_ZOO_DIRS")) else {
        return println!("skipped: labelling beside bare sessions (MIQA_PLAN and MIQA_ZOO_DIRS not set)");
    };
    let folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    let lists: Vec<PathBuf> = std::env::var_os("MIQA_ZOO").map(PathBuf::from).into_iter().collect();
    let zoo = Zoo::read(&lists).unwrap();
    let plan = Plan::open(Path::new(&plan)).unwrap();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let threads: usize = std::env::var("MIQA_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let mut models: Vec<OneByOne> =
        (0..threads).map(|_| OneByOne::new(Models::open(&runtime, &zoo, &folders).unwrap())).collect();
    let (mut whole, mut bare) = (Vec::new(), Vec::new());
    let (mut whole_time, mut bare_time) = (Duration::ZERO, Duration::ZERO);
    for position in 0..plan.originals().min(6) {
        let mut planned = plan.original(position).unwrap();
        // Variants of one distortion share what they are made of: whole ones, not every sixth of all.
        planned.variants.truncate(VARIANTS);
        let pictures = planned.variants.len() + 1;
        let picture = Rendering::open(plan.recipe(), &planned).unwrap().original().clone();
        let open = || zoo.models.iter().map(|entry| Bare::open(&runtime, entry, &folders, &picture)).collect();
        let mut ready: Vec<Vec<Bare>> = (0..threads).map(|_| open()).collect();
        ready.iter_mut().flatten().for_each(Bare::run);
        let of_bare = together(&mut ready, |ready| {
            for _ in 0..pictures {
                ready.iter_mut().for_each(Bare::run);
            }
        });
        let of_whole = together(&mut models, |models| {
            let rows = predict(models, &zoo, plan.recipe(), planned.clone(), &|| false).unwrap().unwrap();
            std::hint::black_box(table::encode("predictions", &rows).unwrap());
        });
        let pictures = pictures * threads;
        bare_time += of_bare;
        whole_time += of_whole;
        bare.push(of_bare.as_secs_f64() / pictures as f64);
        whole.push(of_whole.as_secs_f64() / pictures as f64);
    }
    let mut ratios: Vec<f64> = bare.iter().zip(&whole).map(|(bare, whole)| bare / whole).collect();
    ratios.sort_by(f64::total_cmp);
    let mean = |times: &[f64]| 1000.0 * times.iter().sum::<f64>() / times.len() as f64;
    println!(
        "{} models, {threads} threads: bare sessions {:.1} ms a picture, labelled {:.1} ms: {:.3} of the bare rate (median of {} turns; whole run {:.3})",
        zoo.models.len(),
        mean(&bare),
        mean(&whole),
        ratios[ratios.len() / 2],
        ratios.len(),
        bare_time.as_secs_f64() / whole_time.as_secs_f64()
    );
}
