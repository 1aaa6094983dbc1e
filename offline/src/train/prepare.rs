//! Labelled samples → a folder that training maps into memory.
//!
//! Three stages, the first two resumable by original: render every sample and cut its 288×288 crop as serving does; run
//! the region graph on each crop and its mirror image; standardise the features on the folds that train. Only what a
//! changed recipe, table or original touches is done again. Samples of a plan are too many to keep their crops: they
//! are rendered for the region graph here, and again whenever training wants them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use memmap2::Mmap;
use miqa::engine::Runtime;
use miqa::preprocess::{BYTES, Rgb288, SIDE};
use sha2::{Digest, Sha256};

use super::TrainError;
use super::blocks::Blocks;
use super::checkpoint::replace;
use super::dataset::{FEATURE_VIEWS, Layout, Prepared, map};
use super::recipe::Recipe;
use super::samples::{Samples, digest, hex};
use crate::export::onnx::Model;
use crate::export::region::{Standard, build, groups};
use crate::export::session::ImageSession;
use crate::label::LabelRow;
use crate::label::labelled::model_input;
use crate::plan::{Plan, Rendering};
use crate::sample::SampleError;
use crate::table;

/// What to prepare, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The work folder, with `labels.parquet`, `split.parquet` and, without a plan, `sources.parquet`.
    pub work: &'a Path,
    /// The plan that the labels were made with; none for the uniform variants of `rank`.
    pub plan: Option<&'a Plan>,
    /// The recipe; its region part decides the features.
    pub recipe: &'a Recipe,
    /// Folders in which the region encoder is searched.
    pub zoo: &'a [PathBuf],
    /// Worker threads.
    pub workers: usize,
    /// Set when the process was asked to stop.
    pub stop: &'a AtomicBool,
}

/// Prepares `W/train/`; `None` if it was asked to stop before the end.
///
/// # Errors
/// [`TrainError`] for tables, originals or an encoder that are missing or do not fit each other.
pub fn prepare(request: &Request<'_>, runtime: &Runtime) -> Result<Option<Prepared>, TrainError> {
    let layout = Layout::of(request.work);
    std::fs::create_dir_all(layout.folder()).map_err(TrainError::file(layout.folder()))?;
    let samples = Samples::read(request.work, request.plan)?;
    let encoder = find_encoder(request)?;
    let region = &request.recipe.region;
    let storage = request.recipe.export.storage;
    let pictures: Vec<String> = (0..samples.originals.len()).map(|original| samples.pictures_key(original)).collect();
    let graph_key = format!("{region:?} {storage:?}");
    let folds = &request.recipe.train.folds;
    let samples_key = digest(pictures.iter().map(String::as_str));
    let features_key = digest([samples_key.as_str(), &graph_key, &samples.labels_key(), &folds.join(" ")]);
    if let Some(done) = finished(&layout, &features_key, request.plan) {
        return Ok(Some(done));
    }

    let job = Job { samples: &samples, request, layout: &layout };
    let crops = match request.plan {
        Some(_) => None,
        None => match job.cut(&pictures)? {
            None => return Ok(None),
            cut => cut,
        },
    };
    let groups = groups(region, encoder.graph()?)?;
    let width = groups.iter().map(|g| g.width).sum();
    let raw_graph = build(region, &encoder, None, storage)?;
    let raw_keys: Vec<String> = pictures.iter().map(|key| digest([key.as_str(), &graph_key])).collect();
    let Some(raw) = job.run_region(runtime, &raw_graph, width, &raw_keys, crops.as_ref())? else { return Ok(None) };

    // Where every sample's raw features lie, and its crop.
    let places = samples.originals.iter().enumerate().flat_map(|(original, (_, range))| {
        let raw = raw.first(original);
        let crop = crops.as_ref().map(|crops| crops.first(original));
        (0..range.len()).map(move |row| (raw + row, crop.map(|crop| (crop + row) as u32)))
    });
    let places: Vec<(usize, Option<u32>)> = places.collect();
    let values = map(&layout.file(RAW), raw.rows() * raw_floats(width) * size_of::<f32>())?;
    let values: &[f32] = bytemuck::cast_slice(&values);
    let rows: Vec<&[f32]> =
        places.iter().map(|&(place, _)| &values[place * raw_floats(width)..][..raw_floats(width)]).collect();
    let training =
        rows.iter().zip(&samples.folds).filter(|(_, fold)| folds.contains(fold)).map(|(row, _)| &row[..width]);
    let standard = Standard::fit(training, &groups)?;
    let mut features = Vec::with_capacity(rows.len() * FEATURE_VIEWS * width);
    for row in &rows {
        for view in row[..FEATURE_VIEWS * width].chunks_exact(width) {
            let from = features.len();
            features.extend_from_slice(view);
            standard.apply(&mut features[from..], region.clip);
        }
    }
    replace(&layout.features(), bytemuck::cast_slice(&features))?;
    let graph = build(region, &encoder, Some(&standard), storage)?;
    replace(&layout.region(), &graph.to_bytes())?;
    let computed = rows.iter().zip(&places).map(|(row, &(_, crop))| (row[FEATURE_VIEWS * width], crop));
    table::write(&layout.samples(), &samples.rows(computed))?;
    let plan = request.plan.map(|plan| plan.id().clone());
    let crops = crops.as_ref().map_or(0, Blocks::rows);
    let prepared = Prepared { samples: rows.len(), region: width, groups, samples_key, features_key, plan, crops };
    let json =
        serde_json::to_vec_pretty(&prepared).map_err(|e| TrainError::content(&layout.prepared(), e.to_string()))?;
    replace(&layout.prepared(), &json)?;
    Ok(Some(prepared))
}

const RAW: &str = "features.raw.f32";

/// Floats a sample in the file of raw features: both views' features and the confidence.
fn raw_floats(width: usize) -> usize {
    FEATURE_VIEWS * width + 1
}

/// What a finished folder says, if it is the one that is wanted.
fn finished(layout: &Layout, key: &str, plan: Option<&Plan>) -> Option<Prepared> {
    let text = std::fs::read_to_string(layout.prepared()).ok()?;
    let prepared: Prepared = serde_json::from_str(&text).ok()?;
    let whole = [layout.samples(), layout.features(), layout.region()].iter().all(|path| path.is_file());
    let crops = plan.is_some() || layout.crops().is_file();
    (prepared.features_key == key && prepared.plan.as_ref() == plan.map(Plan::id) && whole && crops).then_some(prepared)
}

/// Finds the recipe's encoder and checks its hash.
fn find_encoder(request: &Request<'_>) -> Result<Model, TrainError> {
    let region = &request.recipe.region;
    let path = request
        .zoo
        .iter()
        .flat_map(|folder| [folder.join(&region.encoder), folder.join("models").join(&region.encoder)])
        .find(|p| p.is_file())
        .ok_or_else(|| TrainError::NoEncoder { name: region.encoder.clone() })?;
    let bytes = std::fs::read(&path).map_err(TrainError::file(&path))?;
    let found = hex(&Sha256::digest(&bytes));
    if found != region.sha256 {
        let why = format!("has SHA-256 {found}, the recipe says {}; fetch the file again", region.sha256);
        return Err(TrainError::content(&path, why));
    }
    Ok(Model::read(&path)?)
}

/// Samples on their way into a folder.
struct Job<'a> {
    samples: &'a Samples,
    request: &'a Request<'a>,
    layout: &'a Layout,
}

impl Job<'_> {
    /// The blocks of a file, one an original.
    fn blocks(&self, path: &Path, row_bytes: usize, keys: &[String]) -> Result<Blocks, TrainError> {
        let counts = self.samples.originals.iter().map(|(_, range)| range.len());
        let wanted: Vec<(String, usize)> = keys.iter().cloned().zip(counts).collect();
        Blocks::open(path, row_bytes, &wanted)
    }

    /// Stage one: renders every sample and writes its crop. `None` if it was stopped.
    fn cut(&self, keys: &[String]) -> Result<Option<Blocks>, TrainError> {
        let blocks = self.blocks(&self.layout.crops(), BYTES, keys)?;
        let worker = || {
            Ok(|original: usize| {
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
        Ok(Crops { rows, rendering: self.samples.pictures.rendering(&rows[0].original, rows)? })
    }

    /// Stage two: runs the region graph without standardisation on every crop and its mirror image. `None` if it was
    /// stopped.
    fn run_region(
        &self,
        runtime: &Runtime,
        graph: &Model,
        width: usize,
        keys: &[String],
        stored: Option<&Blocks>,
    ) -> Result<Option<Blocks>, TrainError> {
        let path = self.layout.file(RAW);
        let row_bytes = raw_floats(width) * size_of::<f32>();
        let blocks = self.blocks(&path, row_bytes, keys)?;
        let stored: Option<(&Blocks, Mmap)> = match stored {
            Some(crops) => Some((crops, map(&self.layout.crops(), crops.rows() * BYTES)?)),
            None => None,
        };
        let worker = || {
            let mut session = ImageSession::open(runtime, "the region graph", graph, 1)?;
            let (stored, blocks, path) = (&stored, &blocks, &path);
            Ok(move |original: usize| {
                let mut made = if stored.is_none() { Some(self.crops(original)?) } else { None };
                for row in 0..self.samples.of(original).len() {
                    let crop: Cow<[u8]> = match (stored, &mut made) {
                        (Some((crops, map)), _) => {
                            Cow::Borrowed(&map[(crops.first(original) + row) * BYTES..][..BYTES])
                        }
                        (None, Some(made)) => Cow::Owned(made.cut(row)?.as_bytes().to_vec()),
                        (None, None) => unreachable!("crops that are not stored are made"),
                    };
                    let images: Vec<u8> = crop.iter().copied().chain(mirrored(&crop)).collect();
                    let mut outputs = session.run(&images)?;
                    let mut values = outputs.remove("features").unwrap_or_default();
                    values.extend(outputs.get("confidence").and_then(|c| c.first()));
                    if values.len() * size_of::<f32>() != row_bytes || values.iter().any(|v| !v.is_finite()) {
                        let sample = &self.samples.of(original)[row].sample;
                        let why = format!("the region graph gave {} usable values for sample {sample}", values.len());
                        return Err(TrainError::content(path, why));
                    }
                    blocks.write(original, row, bytemuck::cast_slice(&values))?;
                }
                Ok(())
            })
        };
        let done = self.each_original("features", &blocks, worker)?;
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

/// The crops of an original in hand.
struct Crops<'a> {
    rows: &'a [LabelRow],
    rendering: Rendering<'a>,
}

impl Crops<'_> {
    fn cut(&mut self, row: usize) -> Result<Rgb288, TrainError> {
        let row = &self.rows[row];
        let picture = row.picture().picture(&mut self.rendering).map_err(SampleError::from)?;
        Ok(model_input(&row.sample, &picture)?)
    }
}

/// The bytes of a 288×288 picture with left and right exchanged.
fn mirrored(crop: &[u8]) -> impl Iterator<Item = u8> {
    crop.chunks_exact(SIDE as usize * 3).flat_map(|row| row.chunks_exact(3).rev().flatten().copied())
}

#[cfg(test)]
mod tests;
