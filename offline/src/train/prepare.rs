//! Labelled samples → a folder that training maps into memory.
//!
//! Of originals that train or choose only. Three stages, the first two resumable by original: render every sample and cut its 288×288 crop as serving does; run
//! the region graph on each crop and its mirror image; standardise the features on the folds that train. Only what a
//! changed recipe, table or original touches is done again. Samples of a plan are many, 250 kB a crop: unless their crops
//! are to be stored they are rendered for the region graph here, and again whenever training wants them.

mod teacher;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use memmap2::Mmap;
use miqa::engine::Runtime;
use miqa::preprocess::{BYTES, Rgb288, SIDE};

use super::TrainError;
use super::blocks::Blocks;
use super::checkpoint::replace;
use super::dataset::{FEATURE_VIEWS, Layout, Prepared, Taught, map};
use super::recipe::Recipe;
use super::samples::{Folder, OfOriginal, Samples, TrainSample, digest};
use super::weights_file::weights_file;
use crate::export::onnx::Model;
use crate::export::region::{Encoders, Standard, any_batch, build, groups};
use crate::export::session::ImageSession;
use crate::label::labelled::model_input;
use crate::label::labels_of;
use crate::label::zoo::Task;
use crate::plan::Rendering;
use crate::sample::SampleError;
use crate::source::{Original, write_sources};
use crate::table;
use teacher::Teacher;

/// What to prepare, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Work folders with labels, `split.parquet` and, without a plan, `sources.parquet`. The result goes below the first.
    pub folders: &'a [Folder<'a>],
    /// The recipe; its region part decides the features.
    pub recipe: &'a Recipe,
    /// Folder of a model that the samples are shown to beside, if the trained one should learn from it too.
    pub teacher: Option<&'a Path>,
    /// Folders in which the region encoders are searched.
    pub zoo: &'a [PathBuf],
    /// Whether to store the crops of plans' samples too.
    pub store_crops: bool,
    /// Worker threads.
    pub workers: usize,
    /// Set when the process was asked to stop.
    pub stop: &'a AtomicBool,
}

impl Request<'_> {
    /// Where the result goes.
    fn layout(&self) -> Result<Layout, TrainError> {
        let first = self.folders.first().ok_or_else(|| TrainError::content(Path::new("train"), "no work folder"))?;
        Ok(Layout::of(first.work))
    }
}

/// Prepares `W/train/`; `None` if it was asked to stop before the end.
///
/// # Errors
/// [`TrainError`] for tables, originals or encoders that are missing or do not fit each other.
pub fn prepare(request: &Request<'_>, runtime: &Runtime) -> Result<Option<Prepared>, TrainError> {
    let layout = request.layout()?;
    std::fs::create_dir_all(layout.folder()).map_err(TrainError::file(layout.folder()))?;
    let samples = Samples::read(request.folders, request.recipe.train.variants, request.store_crops)?;
    let encoders = find_encoders(request)?;
    let region = &request.recipe.region;
    let storage = request.recipe.export.storage;
    let pictures: Vec<String> = (0..samples.originals.len()).map(|original| samples.pictures_key(original)).collect();
    let graph_key = format!("{region:?} {storage:?}");
    let folds = &request.recipe.train.folds;
    let samples_key = digest(pictures.iter().map(String::as_str));
    let teacher = request.teacher.map(|folder| Teacher::open(folder, &request.recipe.model.outputs)).transpose()?;
    let taught = teacher.as_ref().map(|teacher| teacher.taught.clone());
    let mut features_key = digest([samples_key.as_str(), &graph_key, &samples.labels_key(), &folds.join(" ")]);
    if let Some(taught) = &taught {
        features_key = digest([features_key.as_str(), &taught.sha256]);
    }
    let stored = samples.originals.iter().filter(|of| of.stored).map(|of| of.range.len()).sum();
    if let Some(done) = finished(&layout, &features_key, stored) {
        return Ok(Some(done));
    }

    let job = Job { samples: &samples, request, layout: &layout };
    let Some(crops) = job.cut(&pictures)? else { return Ok(None) };
    let groups = groups(region, &encoders)?;
    let width = groups.iter().map(|g| g.width).sum();
    let raw_graph = build(region, &encoders, None, storage)?;
    let raw_keys: Vec<String> = pictures.iter().map(|key| digest([key.as_str(), &graph_key])).collect();
    let region_pass = Pass {
        what: "features",
        graph: &raw_graph,
        file: layout.file(RAW),
        floats: FEATURE_VIEWS * width,
        mirrored: true,
        keys: &raw_keys,
        take: &|outputs: &mut Outputs| outputs.remove("features").unwrap_or_default(),
    };
    let Some(raw) = job.run(runtime, &region_pass, &crops)? else { return Ok(None) };
    if let Some(teacher) = &teacher {
        let Some(()) = job.teach(runtime, teacher, &pictures, &crops)? else { return Ok(None) };
    }

    // Where every sample's raw features lie, and its crop.
    let places = samples.originals.iter().enumerate().flat_map(|(original, of)| {
        let raw = raw.first(original);
        let crop = of.stored.then(|| crops.first(original));
        (0..of.range.len()).map(move |row| (raw + row, crop.map(|crop| (crop + row) as u32)))
    });
    let places: Vec<(usize, Option<u32>)> = places.collect();
    let values = map(&layout.file(RAW), raw.rows() * FEATURE_VIEWS * width * size_of::<f32>())?;
    let values: &[f32] = bytemuck::cast_slice(&values);
    let rows: Vec<&[f32]> =
        places.iter().map(|&(place, _)| &values[place * FEATURE_VIEWS * width..][..FEATURE_VIEWS * width]).collect();
    let training = rows
        .iter()
        .zip(&samples.samples)
        .filter(|(_, sample)| folds.contains(&sample.fold))
        .map(|(row, _)| &row[..width]);
    let standard = Standard::fit(training, &groups)?;
    let mut features = Vec::with_capacity(rows.len() * FEATURE_VIEWS * width);
    for row in &rows {
        for view in row.chunks_exact(width) {
            let from = features.len();
            features.extend_from_slice(view);
            standard.apply(&mut features[from..], region.clip);
        }
    }
    replace(&layout.features(), bytemuck::cast_slice(&features))?;
    let graph = build(region, &encoders, Some(&standard), storage)?;
    replace(&layout.region(), &graph.to_bytes())?;
    table::write(&layout.samples(), &samples.rows(places.iter().map(|&(_, crop)| crop)))?;
    let originals: BTreeMap<&str, &Original> =
        samples.originals.iter().map(|of| (of.original.id.as_str(), &of.original)).collect();
    let originals: Vec<Original> = originals.into_values().cloned().collect();
    write_sources(&layout.originals(), &originals).map_err(SampleError::from)?;
    let prepared = Prepared {
        samples: rows.len(),
        held_out: samples.held_out,
        region: width,
        groups,
        samples_key,
        features_key,
        taught,
        plans: request.folders.iter().filter_map(|folder| Some(folder.plan?.id().clone())).collect(),
        labellers: labellers(request.folders),
        crops: crops.rows(),
    };
    let json =
        serde_json::to_vec_pretty(&prepared).map_err(|e| TrainError::content(&layout.prepared(), e.to_string()))?;
    replace(&layout.prepared(), &json)?;
    Ok(Some(prepared))
}

/// Names of the models behind the folders' labels, by task, as the summaries of `mmos` list them.
fn labellers(folders: &[Folder<'_>]) -> BTreeMap<String, Vec<String>> {
    let mut of_task: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in folders {
        let text = std::fs::read_to_string(folder.work.join("labels.json")).unwrap_or_default();
        let tables: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        for task in Task::ALL {
            let table = labels_of(folder.work, task, None);
            let table = table.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let models = tables[&table]["models"].as_array().into_iter().flatten();
            for name in models.filter_map(|model| model["name"].as_str()) {
                let names = of_task.entry(task.to_string()).or_default();
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        }
    }
    of_task
}

const RAW: &str = "features.raw.f32";
const RAW_TEACHER: &str = "teacher.raw.f32";

/// What a finished folder says, if it is the one that is wanted and so many crops are stored at least.
fn finished(layout: &Layout, key: &str, stored: usize) -> Option<Prepared> {
    let text = std::fs::read_to_string(layout.prepared()).ok()?;
    let prepared: Prepared = serde_json::from_str(&text).ok()?;
    let mut files = vec![layout.samples(), layout.originals(), layout.features(), layout.region(), layout.crops()];
    files.extend(prepared.taught.as_ref().map(|_| layout.teacher()));
    let whole = files.iter().all(|path| path.is_file());
    (prepared.features_key == key && prepared.crops >= stored && whole).then_some(prepared)
}

/// The recipe's frozen models.
fn find_encoders(request: &Request<'_>) -> Result<Encoders, TrainError> {
    let region = &request.recipe.region;
    let find = |file: &str, sha256: &str| -> Result<Model, TrainError> {
        let (path, bytes) = weights_file("region encoder", file, sha256, request.zoo)?;
        Ok(any_batch(Model::from_bytes(&path, &bytes)?))
    };
    let detectors: Result<Vec<Model>, TrainError> =
        region.detectors.iter().map(|detector| find(&detector.encoder, &detector.sha256)).collect();
    Ok(Encoders { classifier: find(&region.encoder, &region.sha256)?, detectors: detectors? })
}

/// Samples on their way into a folder.
struct Job<'a> {
    samples: &'a Samples,
    request: &'a Request<'a>,
    layout: &'a Layout,
}

impl Job<'_> {
    /// The blocks of a file, one an original.
    fn blocks(
        &self,
        path: &Path,
        row_bytes: usize,
        keys: &[String],
        count: impl Fn(&OfOriginal) -> usize,
    ) -> Result<Blocks, TrainError> {
        let counts = self.samples.originals.iter().map(count);
        let wanted: Vec<(String, usize)> = keys.iter().cloned().zip(counts).collect();
        Blocks::open(path, row_bytes, &wanted)
    }

    /// Stage one: renders the samples whose crops are stored, and writes these. `None` if it was stopped.
    fn cut(&self, keys: &[String]) -> Result<Option<Blocks>, TrainError> {
        let count = |of: &OfOriginal| if of.stored { of.range.len() } else { 0 };
        // A block without rows is done at once; that must not stand for one with its rows.
        let key = |(key, of): (&String, &OfOriginal)| {
            if of.stored { key.clone() } else { digest([key.as_str(), "not stored"]) }
        };
        let keys: Vec<String> = keys.iter().zip(&self.samples.originals).map(key).collect();
        let blocks = self.blocks(&self.layout.crops(), BYTES, &keys, count)?;
        let worker = || {
            Ok(|original: usize| {
                if !self.samples.originals[original].stored {
                    return Ok(());
                }
                let mut crops = self.crops(original)?;
                (0..self.samples.of(original).len())
                    .try_for_each(|row| blocks.write(original, row, crops.cut(row)?.as_bytes()))
            })
        };
        let done = self.each_original("crops", &blocks, worker)?;
        Ok(done.then_some(blocks))
    }

    /// An original's crops, straight from it.
    fn crops(&self, original: usize) -> Result<Crops<'_>, TrainError> {
        let rows = self.samples.of(original);
        Ok(Crops { rows, rendering: self.samples.rendering(original, rows)? })
    }

    /// What a teacher says of every sample, in the order of the samples. `None` if it was stopped.
    fn teach(
        &self,
        runtime: &Runtime,
        teacher: &Teacher,
        pictures: &[String],
        crops: &Blocks,
    ) -> Result<Option<()>, TrainError> {
        let Taught { sha256, heads } = &teacher.taught;
        let keys: Vec<String> = pictures.iter().map(|key| digest([key.as_str(), sha256, &heads.join(" ")])).collect();
        let pass = Pass {
            what: "the teacher's scores",
            graph: &teacher.graph,
            file: self.layout.file(RAW_TEACHER),
            floats: heads.len(),
            mirrored: false,
            keys: &keys,
            take: &|outputs: &mut Outputs| {
                heads.iter().filter_map(|head| outputs.get(head)?.first().copied()).collect()
            },
        };
        let Some(raw) = self.run(runtime, &pass, crops)? else { return Ok(None) };
        let width = heads.len();
        let values = map(&pass.file, raw.rows() * width * size_of::<f32>())?;
        let values: &[f32] = bytemuck::cast_slice(&values);
        let mut ordered = Vec::with_capacity(self.samples.samples.len() * width);
        for (original, of) in self.samples.originals.iter().enumerate() {
            let first = raw.first(original);
            ordered.extend_from_slice(&values[first * width..(first + of.range.len()) * width]);
        }
        replace(&self.layout.teacher(), bytemuck::cast_slice(&ordered))?;
        Ok(Some(()))
    }

    /// Runs a graph on every crop, perhaps with its mirror image. `None` if it was stopped.
    fn run(&self, runtime: &Runtime, pass: &Pass<'_>, crops: &Blocks) -> Result<Option<Blocks>, TrainError> {
        let row_bytes = pass.floats * size_of::<f32>();
        let blocks = self.blocks(&pass.file, row_bytes, pass.keys, |of| of.range.len())?;
        let stored: Option<Mmap> = match crops.rows() {
            0 => None,
            rows => Some(map(&self.layout.crops(), rows * BYTES)?),
        };
        let worker = || {
            let mut session = ImageSession::open(runtime, pass.what, pass.graph, 1)?;
            let (stored, blocks) = (&stored, &blocks);
            Ok(move |original: usize| {
                let of = &self.samples.originals[original];
                let stored = stored.as_ref().filter(|_| of.stored);
                let mut source = match stored {
                    Some(map) => Source::Stored(&map[crops.first(original) * BYTES..]),
                    None => Source::Made(self.crops(original)?),
                };
                for row in 0..self.samples.of(original).len() {
                    let crop: Cow<[u8]> = match &mut source {
                        Source::Stored(crops) => Cow::Borrowed(&crops[row * BYTES..][..BYTES]),
                        Source::Made(crops) => Cow::Owned(crops.cut(row)?.as_bytes().to_vec()),
                    };
                    let mut outputs = if pass.mirrored {
                        session.run(&crop.iter().copied().chain(mirrored(&crop)).collect::<Vec<u8>>())?
                    } else {
                        session.run(&crop)?
                    };
                    let values = (pass.take)(&mut outputs);
                    if values.len() * size_of::<f32>() != row_bytes || values.iter().any(|v| !v.is_finite()) {
                        let sample = &self.samples.of(original)[row].id;
                        let why = format!("{} usable values ({}) for sample {sample}", values.len(), pass.what);
                        return Err(TrainError::content(&pass.file, why));
                    }
                    blocks.write(original, row, bytemuck::cast_slice(&values))?;
                }
                Ok(())
            })
        };
        let done = self.each_original(pass.what, &blocks, worker)?;
        Ok(done.then_some(blocks))
    }

    /// Hands every original whose block is not done to one of the workers. Returns whether all are done.
    fn each_original<W>(
        &self,
        what: &'static str,
        blocks: &Blocks,
        worker: impl Fn() -> Result<W, TrainError> + Sync,
    ) -> Result<bool, TrainError>
    where
        W: FnMut(usize) -> Result<(), TrainError>,
    {
        let open: Vec<usize> = (0..self.samples.originals.len()).filter(|&block| !blocks.was_done(block)).collect();
        if open.is_empty() {
            return Ok(true);
        }
        let bar = ProgressBar::new(open.len() as u64);
        let style = format!("{what} {{bar:30}} {{pos}}/{{len}} originals, {{per_sec}}, eta {{eta}}");
        bar.set_style(ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        let (next, entered, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let run = || -> Result<(), TrainError> {
            let mut work = worker()?;
            while !failed.load(Ordering::Relaxed) && !self.request.stop.load(Ordering::Relaxed) {
                let Some(&original) = open.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                work(original)?;
                blocks.enter(original)?;
                entered.fetch_add(1, Ordering::Relaxed);
                bar.inc(1);
            }
            Ok(())
        };
        let results: Vec<Result<(), TrainError>> = std::thread::scope(|scope| {
            let guarded = || run().inspect_err(|_| failed.store(true, Ordering::Relaxed));
            let threads: Vec<_> = (0..self.request.workers.max(1)).map(|_| scope.spawn(guarded)).collect();
            let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.map(|r| r.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        bar.finish_and_clear();
        results.into_iter().collect::<Result<(), _>>()?;
        Ok(entered.into_inner() == open.len())
    }
}

/// Outputs of a graph by name.
type Outputs = BTreeMap<String, Vec<f32>>;

/// A graph that every crop is shown to, and the file that keeps what it says.
struct Pass<'a> {
    what: &'static str,
    graph: &'a Model,
    file: PathBuf,
    /// Floats a sample.
    floats: usize,
    /// Whether the mirror image is shown beside.
    mirrored: bool,
    /// A key an original.
    keys: &'a [String],
    /// The floats of a sample.
    take: &'a (dyn Fn(&mut Outputs) -> Vec<f32> + Sync),
}

/// Where a graph gets an original's crops from.
enum Source<'a> {
    Stored(&'a [u8]),
    Made(Crops<'a>),
}

/// The crops of an original in hand.
struct Crops<'a> {
    rows: &'a [TrainSample],
    rendering: Rendering<'a>,
}

impl Crops<'_> {
    fn cut(&mut self, row: usize) -> Result<Rgb288, TrainError> {
        let row = &self.rows[row];
        let picture = row.picture.picture(&mut self.rendering).map_err(SampleError::from)?;
        Ok(model_input(&row.id, &picture)?)
    }
}

/// The bytes of a 288×288 picture with left and right exchanged.
fn mirrored(crop: &[u8]) -> impl Iterator<Item = u8> {
    crop.chunks_exact(SIDE as usize * 3).flat_map(|row| row.chunks_exact(3).rev().flatten().copied())
}

#[cfg(test)]
mod tests;
