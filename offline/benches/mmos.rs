//! `mmos` at full size: seconds, samples a second and the most memory, over predictions that are drawn, not inferred, and
//! written by the shard worker as `label` writes them.
//!
//! Classification with 40 models and detection with 20, a fifth of the detection's samples first: its memory must be that of
//! all of them. `MIQA_CLASSIFIED` and `MIQA_DETECTED` are the numbers of originals, of 251 samples each (100 and 20 unless
//! given; 4981 and 200 are 1.25 million and 50,000 samples).
//!
//! `cargo bench -p miqa-offline --bench mmos`
#![expect(clippy::unwrap_used, reason = "a bench that can't set up has nothing to say")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use miqa_offline::agree::{Detection, canonical};
use miqa_offline::label::decode::Answer;
use miqa_offline::label::predictions::PredictionRow;
use miqa_offline::label::stage::{STAGE, ZOO, by_model};
use miqa_offline::label::zoo::{Task, Zoo, coco_class};
use miqa_offline::plan::{Choice, Plan, PlanError, PlanWriter, PlannedOriginal, PlannedVariant};
use miqa_offline::recipe::{Pattern, Recipe};
use miqa_offline::sample::Sample;
use miqa_offline::shard::{At, Done, GRACE, Losses, Made, Stage, StageError, Worker};
use miqa_offline::source::{Original, PixelHash};
use miqa_offline::store;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Originals in a shard.
const IN_A_SHARD: usize = 25;
/// Objects on a picture, as on an average one of COCO.
const OBJECTS: u32 = 7;

/// Splitmix64: the predictions are the same everywhere.
struct Draws(u64);

impl Draws {
    fn of(parts: [u64; 3]) -> Self {
        let mut draws = Self(0);
        for part in parts {
            draws.0 ^= part;
            draws.next();
        }
        draws
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u32) -> u32 {
        (self.next() % u64::from(n)) as u32
    }
}

/// Answers drawn by position, sample and model.
struct Drawn<'a> {
    task: Task,
    zoo: &'a Zoo,
}

impl Stage for Drawn<'_> {
    type Hand = ();
    type Row = PredictionRow;

    fn name(&self) -> &'static str {
        STAGE
    }

    fn settings(&self) -> BTreeMap<String, String> {
        [(ZOO.to_owned(), self.zoo.fingerprint())].into()
    }

    fn hand(&self) -> Result<(), StageError> {
        Ok(())
    }

    fn original(&self, (): &mut (), at: &At, planned: PlannedOriginal) -> Result<Made<PredictionRow>, StageError> {
        let id = planned.original.id.clone();
        let mut rows = Vec::new();
        for (number, sample) in Sample::of(planned).iter().enumerate() {
            let psnr = if sample.psnr().is_none() { Some(20.0 + number as f64 / 16.0) } else { None };
            for (model, entry) in self.zoo.models.iter().enumerate() {
                let mut draws = Draws::of([at.position as u64, number as u64, model as u64]);
                let answer = match self.task {
                    Task::Classification => classes(at.position, &mut draws),
                    Task::Detection | Task::Segmentation => objects(at.position, number as u32, &mut draws),
                };
                rows.push(PredictionRow::new(&entry.name, &sample.id(&id), psnr, answer));
            }
        }
        Ok(Made::Done(Done { rows, archive: None }))
    }

    fn tables(&self, rows: Vec<PredictionRow>) -> Vec<(String, Vec<PredictionRow>)> {
        by_model(self.zoo, rows).into_iter().map(|(model, rows)| (format!("-{model}"), rows)).collect()
    }
}

/// The right class first two times of three.
fn classes(position: usize, draws: &mut Draws) -> Answer {
    let first = if draws.below(3) > 0 { (position % 1000) as u32 } else { draws.below(1000) };
    let mut score = 1.0;
    Answer::Classes(std::array::from_fn(|rank| {
        score *= 0.3 + 0.6 * draws.below(1 << 20) as f32 / 1_048_576.0;
        (((first + rank as u32 * 17) % 1000) as u16, score)
    }))
}

/// An object of an original: class and box.
fn object(position: usize, number: u32) -> (u16, [f32; 4]) {
    let mut draws = Draws::of([position as u64, 1 << 32, u64::from(number)]);
    let side = |draws: &mut Draws, whole: u32| {
        let length = 16 + draws.below(whole / 3);
        (draws.below(whole - length) as f32, length as f32)
    };
    let ((x, width), (y, height)) = (side(&mut draws, WIDTH), side(&mut draws, HEIGHT));
    (draws.below(12) as u16, [x, y, width, height])
}

/// Ten to ninety detections, near the objects or anywhere, farther off with the sample's number.
fn objects(position: usize, number: u32, draws: &mut Draws) -> Answer {
    let count = 10 + draws.below(81);
    let detection = |at: u32| {
        let (class, mut bbox) = object(position, if at < OBJECTS { at } else { draws.below(1 << 20) });
        bbox.iter_mut().for_each(|side| *side += (draws.below(200 + number) as f32 - 100.0) / 16.0);
        bbox = [bbox[0].max(0.0), bbox[1].max(0.0), bbox[2].max(2.0), bbox[3].max(2.0)];
        let score = if at < OBJECTS { 0.3 } else { 0.02 } + 0.5 * draws.below(1 << 16) as f32 / 65_536.0;
        Detection { class, score, bbox, mask: None }
    };
    let mut found: Vec<Detection> = (0..count).map(detection).collect();
    canonical(&mut found);
    Answer::Objects(found)
}

/// A list of models that no file stands behind.
fn zoo(task: Task, models: usize, path: &Path) -> Zoo {
    let (classes, decoder) = match task {
        Task::Classification => ("imagenet-1k", "{ kind = \"logits\" }"),
        Task::Detection | Task::Segmentation => {
            ("coco-80", "{ kind = \"yolox\", output = \"output\", strides = [8, 16, 32] }")
        }
    };
    let entry = |number: usize| {
        format!(
            "[[model]]\nname = \"model_{number:02}\"\ntask = \"{}\"\nfamily = \"family_{}\"\narchitecture = \"none\"\n\
             file = \"none.onnx\"\nsource = \"this bench\"\nlicence = \"CC0-1.0\"\nperformance = 0.{}\n\
             classes = \"{classes}\"\ndecoder = {decoder}\n[model.input]\nname = \"x\"\nsize = 224\nlayout = \"nchw\"\n\
             colour = \"rgb\"\nelement = \"f32\"\ninterpolation = \"bilinear\"\n",
            task.name(),
            number % 8,
            30 + number
        )
    };
    std::fs::write(path, (0..models).map(entry).collect::<String>()).unwrap();
    Zoo::read(&[path.to_owned()]).unwrap()
}

/// A plan of originals that exist on paper only, all patterns of recipe `miqd`.
fn plan(originals: usize, path: &Path) -> Plan {
    let recipe = Recipe::miqd();
    let shards = originals.div_ceil(IN_A_SHARD) as u32;
    let mut writer = PlanWriter::create(path, recipe, originals, shards).unwrap();
    for number in 0..originals {
        let id = format!("original_{number:06}");
        let choice = |level: u8| Choice { row: i16::from(level), psnr: 40.0 - f64::from(level) * 4.37 };
        let pairs: Vec<_> = Pattern::ALL.iter().flat_map(|pattern| pattern.pairs(5)).collect();
        let variant = |distortion: &&str| {
            let of_pair = |pair: &miqa_offline::recipe::Pair| {
                PlannedVariant::new(&id, distortion, *pair, choice(pair.roi), choice(pair.background))
            };
            pairs.iter().map(of_pair).collect::<Vec<_>>()
        };
        let mut variants: Vec<PlannedVariant> = recipe.names().iter().flat_map(variant).collect();
        variants.sort_by(PlannedVariant::canonical_order);
        let original = Original {
            id: id.clone(),
            path: format!("{id}.jpg"),
            class: (number % 1000) as i32,
            pixel_sha256: PixelHash([(number % 251) as u8; 32]),
            width: WIDTH,
            height: HEIGHT,
            licence: "CC0-1.0".to_owned(),
        };
        writer.push(&PlannedOriginal { original, mask: None, variants }).unwrap();
    }
    writer.finish(|_| Ok::<_, PlanError>(())).unwrap();
    Plan::open(path).unwrap()
}

/// The objects of all originals as a COCO file.
fn annotations(originals: usize, path: &Path) {
    let ids: Vec<u32> = (1..=90).filter(|&id| coco_class(id).is_some()).collect();
    let images: Vec<String> =
        (0..originals).map(|i| format!("{{\"id\": {i}, \"file_name\": \"original_{i:06}.jpg\"}}")).collect();
    let of_original = |i: usize| {
        let ids = &ids;
        (0..OBJECTS).map(move |number| {
            let (class, [x, y, w, h]) = object(i, number);
            let (id, category) = (i * 10 + number as usize, ids[usize::from(class)]);
            format!(
                "{{\"id\": {id}, \"image_id\": {i}, \"category_id\": {category}, \"iscrowd\": 0, \"area\": {}, \
                 \"bbox\": [{x}, {y}, {w}, {h}], \"segmentation\": []}}",
                w * h
            )
        })
    };
    let objects: Vec<String> = (0..originals).flat_map(of_original).collect();
    let text = format!("{{\"images\": [{}], \"annotations\": [{}]}}", images.join(","), objects.join(","));
    std::fs::write(path, text).unwrap();
}

/// Runs the program to its end: seconds by the clock and of all cores, and the most memory in MiB, as seen every 20 ms.
fn measured(command: &mut Command) -> (Duration, f64, f64) {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let (status, stat) = (format!("/proc/{}/status", child.id()), format!("/proc/{}/stat", child.id()));
    let (mut most, mut spent) = (0.0_f64, 0.0_f64);
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
        most = most.max(kilobytes.unwrap_or(0.0) / 1024.0);
        // Fields 14 and 15, of which the second is in brackets: hundredths of a second in user and kernel mode.
        let text = std::fs::read_to_string(&stat).unwrap_or_default();
        let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        spent = spent.max(fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(child.wait().unwrap().success(), "mmos failed");
    (start.elapsed(), spent, most)
}

fn bench(task: Task, models: usize, originals: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let zoo = zoo(task, models, &path("zoo.toml"));
    let plan = plan(originals, &path("plan.parquet"));
    annotations(originals, &path("instances.json"));
    let out = path("predictions").display().to_string();
    let store = store::open(&out).unwrap();
    let start = Instant::now();
    let (stage, stop) = (Drawn { task, zoo: &zoo }, AtomicBool::new(false));
    let worker = Worker {
        plan: &plan,
        stage,
        store: store.as_ref(),
        threads: 2,
        losses: Losses::at_most(0),
        stop: &stop,
        grace: GRACE,
    };
    worker.destination().claim(store.as_ref(), STAGE).unwrap();
    let bytes: u64 = (0..plan.shards()).map(|shard| worker.run(shard, &|_| ()).unwrap().record().bytes).sum();
    let drawn = start.elapsed();
    let mut command = Command::new(env!("CARGO_BIN_EXE_miqa-offline"));
    command.args(["mmos", "--work"]).arg(folder.path()).arg("--plan").arg(plan.path());
    command.arg("--zoo").arg(path("zoo.toml")).args(["--out", &out]);
    command.arg("--annotations").arg(path("instances.json"));
    let (time, spent, memory) = measured(&mut command);
    let samples = plan.variants() as usize + originals;
    println!(
        "{task}: {samples} samples, {models} models, {:.0} MiB of predictions (drawn and written in {:.0} s): mmos took \
         {:.1} s ({spent:.1} s of processor time), {:.0} samples a second, {memory:.0} MiB at most",
        bytes as f64 / f64::from(1 << 20),
        drawn.as_secs_f64(),
        time.as_secs_f64(),
        samples as f64 / time.as_secs_f64()
    );
}

fn main() {
    let originals = |name: &str, usual: usize| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let (classified, detected) = (originals("MIQA_CLASSIFIED", 100), originals("MIQA_DETECTED", 20));
    for (task, models, originals) in [
        (Task::Detection, 20, detected.div_ceil(5)),
        (Task::Detection, 20, detected),
        (Task::Classification, 40, classified),
    ] {
        if originals > 0 {
            bench(task, models, originals);
        }
    }
}
