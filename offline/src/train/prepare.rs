//! Labelled samples → a folder that training maps into memory.
//!
//! Three stages, each resumable by original: render every sample and cut its 288×288 crop as serving does; run the
//! region graph on each crop and its mirror image; standardise the features on the folds that train. Only what a changed
//! recipe or table touches is done again.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use miqa::engine::Runtime;
use miqa::preprocess::{BYTES, SIDE, View, from_rgb};
use sha2::{Digest, Sha256};

use super::TrainError;
use super::checkpoint::replace;
use super::dataset::{FEATURE_VIEWS, Layout, Prepared, SampleRow, map};
use super::journal::Journal;
use super::recipe::Recipe;
use crate::export::onnx::Model;
use crate::export::region::{Standard, build, groups};
use crate::export::session::ImageSession;
use crate::label::{LabelRow, read_labels};
use crate::source::{Original, read_sources, read_split};
use crate::table;
use crate::{recipe, render};

/// What to prepare, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The work folder, with `sources.parquet`, `labels.parquet` and `split.parquet`.
    pub work: &'a Path,
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
    let samples = Samples::read(request.work)?;
    let encoder = find_encoder(request)?;
    let region = &request.recipe.region;
    let storage = request.recipe.export.storage;
    let samples_key = samples.pictures_key();
    let raw_key = digest([samples_key.as_str(), &format!("{region:?}"), &format!("{storage:?}")]);
    let folds = &request.recipe.train.folds;
    let features_key = digest([raw_key.as_str(), &samples.labels_key(), &folds.join(" ")]);
    if let Some(done) = finished(&layout, &features_key) {
        return Ok(Some(done));
    }

    if !samples.render(request, &layout, &samples_key)? {
        return Ok(None);
    }
    let groups = groups(region, encoder.graph()?)?;
    let width = groups.iter().map(|g| g.width).sum();
    let raw_graph = build(region, &encoder, None, storage)?;
    if !samples.run_region(request, runtime, &layout, &raw_graph, width, &raw_key)? {
        return Ok(None);
    }

    let raw = map(&layout.file(RAW), samples.labels.len() * raw_floats(width) * size_of::<f32>())?;
    let raw: &[f32] = bytemuck::cast_slice(&raw);
    let rows: Vec<&[f32]> = raw.chunks_exact(raw_floats(width)).collect();
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
    let confidence = rows.iter().map(|row| row[FEATURE_VIEWS * width]);
    table::write(&layout.samples(), &samples.rows(confidence))?;
    let prepared = Prepared { samples: rows.len(), region: width, groups, samples_key, features_key };
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
fn finished(layout: &Layout, key: &str) -> Option<Prepared> {
    let text = std::fs::read_to_string(layout.prepared()).ok()?;
    let prepared: Prepared = serde_json::from_str(&text).ok()?;
    let whole = [layout.samples(), layout.crops(), layout.features(), layout.region()].iter().all(|p| p.is_file());
    (prepared.features_key == key && whole).then_some(prepared)
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

/// The labelled samples in their order, by original.
struct Samples {
    labels: Vec<LabelRow>,
    folds: Vec<String>,
    /// What the samples are rendered by.
    generation: recipe::Recipe,
    originals: Vec<(Original, Range<usize>)>,
}

impl Samples {
    fn read(work: &Path) -> Result<Self, TrainError> {
        let path = work.join("labels.parquet");
        let mut labels = read_labels(&path)?;
        labels.sort_by(|a, b| (&a.original, &a.distortion, a.level).cmp(&(&b.original, &b.distortion, b.level)));
        let split = read_split(&work.join("split.parquet"))?;
        let split: HashMap<String, String> = split.into_iter().map(|r| (r.original, r.fold)).collect();
        let sources = read_sources(&work.join("sources.parquet"))?;
        let mut sources: HashMap<String, Original> = sources.into_iter().map(|o| (o.id.clone(), o)).collect();
        let unknown = |id: &str, table: &str| {
            TrainError::content(&path, format!("original {id} is not in {table}; make that table again"))
        };
        let mut folds = Vec::with_capacity(labels.len());
        let mut originals: Vec<(Original, Range<usize>)> = Vec::new();
        for (i, label) in labels.iter().enumerate() {
            folds.push(split.get(&label.original).ok_or_else(|| unknown(&label.original, "split.parquet"))?.clone());
            match originals.last_mut().filter(|(o, _)| o.id == label.original) {
                Some((_, range)) => range.end = i + 1,
                None => {
                    let source = sources.remove(&label.original);
                    let source = source.ok_or_else(|| unknown(&label.original, "sources.parquet"))?;
                    originals.push((source, i..i + 1));
                }
            }
        }
        let generation = recipe::Recipe::of_work(work).map_err(render::RenderError::from)?;
        Ok(Self { labels, folds, generation, originals })
    }

    /// Key of everything that decides the crops.
    fn pictures_key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(SIDE.to_le_bytes());
        hash.update(self.generation.content_hash());
        for (original, range) in &self.originals {
            hash.update(original.pixel_sha256.0);
            for label in &self.labels[range.clone()] {
                hash.update(format!("{} {} {}\n", label.sample, label.distortion, label.row));
            }
        }
        hex(&hash.finalize())
    }

    /// Key of labels and folds.
    fn labels_key(&self) -> String {
        let mut hash = Sha256::new();
        for (label, fold) in self.labels.iter().zip(&self.folds) {
            hash.update(format!("{fold} {} {:?} {:?}\n", label.consistency, label.accuracy, label.composite));
        }
        hex(&hash.finalize())
    }

    fn rows(&self, confidence: impl Iterator<Item = f32>) -> Vec<SampleRow> {
        let labelled = self.labels.iter().zip(&self.folds).zip(confidence);
        labelled
            .map(|((label, fold), confidence)| SampleRow {
                sample: label.sample.clone(),
                original: label.original.clone(),
                distortion: label.distortion.clone(),
                level: label.level,
                fold: fold.clone(),
                consistency: label.consistency,
                accuracy: label.accuracy,
                composite: label.composite,
                confidence,
            })
            .collect()
    }

    /// Stage one: renders every sample and writes its crop. Returns whether all are done.
    fn render(&self, request: &Request<'_>, layout: &Layout, key: &str) -> Result<bool, TrainError> {
        let path = layout.crops();
        let file = sized(&path, self.labels.len() * BYTES)?;
        let journal = Mutex::new(Journal::open(&layout.file("crops.journal"), key)?);
        let work = |original: &Original, range: Range<usize>| -> Result<(), TrainError> {
            let picture = original.load()?;
            for i in range {
                let label = &self.labels[i];
                let variant = render::sample(&self.generation, original, &picture, &label.distortion, label.row)?;
                let crop = from_rgb(&variant, View::Centre)
                    .map_err(|source| TrainError::Preprocess { sample: label.sample.clone(), source })?;
                file.write_all_at(crop.as_bytes(), (i * BYTES) as u64).map_err(TrainError::file(&path))?;
            }
            Ok(())
        };
        self.each_original(request, "crops", &journal, || Ok(work))
    }

    /// Stage two: runs the region graph without standardisation on every crop and its mirror image.
    fn run_region(
        &self,
        request: &Request<'_>,
        runtime: &Runtime,
        layout: &Layout,
        graph: &Model,
        width: usize,
        key: &str,
    ) -> Result<bool, TrainError> {
        let crops = map(&layout.crops(), self.labels.len() * BYTES)?;
        let path = layout.file(RAW);
        let row_bytes = raw_floats(width) * size_of::<f32>();
        let file = sized(&path, self.labels.len() * row_bytes)?;
        let journal = Mutex::new(Journal::open(&layout.file("features.journal"), key)?);
        let worker = || {
            let mut session = ImageSession::open(runtime, "the region graph", graph, 1)?;
            let (crops, file, path) = (&crops, &file, &path);
            Ok(move |_: &Original, range: Range<usize>| -> Result<(), TrainError> {
                for i in range {
                    let crop = &crops[i * BYTES..(i + 1) * BYTES];
                    let images: Vec<u8> = crop.iter().copied().chain(mirrored(crop)).collect();
                    let mut outputs = session.run(&images)?;
                    let mut row = outputs.remove("features").unwrap_or_default();
                    row.extend(outputs.get("confidence").and_then(|c| c.first()));
                    if row.len() * size_of::<f32>() != row_bytes || row.iter().any(|v| !v.is_finite()) {
                        let why = format!("the region graph gave {} usable values for sample {i}", row.len());
                        return Err(TrainError::content(path, why));
                    }
                    let at = (i * row_bytes) as u64;
                    file.write_all_at(bytemuck::cast_slice(&row), at).map_err(TrainError::file(path))?;
                }
                Ok(())
            })
        };
        self.each_original(request, "features", &journal, worker)
    }

    /// Hands every original that the journal does not know to one of the workers. Returns whether all are done.
    fn each_original<W>(
        &self,
        request: &Request<'_>,
        what: &'static str,
        journal: &Mutex<Journal>,
        worker: impl Fn() -> Result<W, TrainError> + Sync,
    ) -> Result<bool, TrainError>
    where
        W: FnMut(&Original, Range<usize>) -> Result<(), TrainError>,
    {
        let lock = || journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let open: Vec<_> = self.originals.iter().filter(|(o, _)| !lock().has(&o.id)).collect();
        if open.is_empty() {
            return Ok(true);
        }
        let bar = ProgressBar::new(open.len() as u64);
        let style = format!("{what} {{bar:30}} {{pos}}/{{len}} originals, {{per_sec}}, eta {{eta}}");
        bar.set_style(ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let run = || -> Result<(), TrainError> {
            let mut work = worker()?;
            while !failed.load(Ordering::Relaxed) && !request.stop.load(Ordering::Relaxed) {
                let Some((original, range)) = open.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                work(original, range.clone())?;
                lock().enter(&original.id)?;
                bar.inc(1);
            }
            Ok(())
        };
        let results: Vec<Result<(), TrainError>> = std::thread::scope(|scope| {
            let guarded = || run().inspect_err(|_| failed.store(true, Ordering::Relaxed));
            let threads: Vec<_> = (0..request.workers.max(1)).map(|_| scope.spawn(guarded)).collect();
            let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.map(|r| r.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        bar.finish_and_clear();
        results.into_iter().collect::<Result<(), _>>()?;
        Ok(open.iter().all(|(o, _)| lock().has(&o.id)))
    }
}

/// Opens a file for writing at any place and gives it its length; what it holds stays.
fn sized(path: &Path, bytes: usize) -> Result<File, TrainError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(TrainError::file(path))?;
    file.set_len(bytes as u64).map_err(TrainError::file(path))?;
    Ok(file)
}

/// The bytes of a 288×288 picture with left and right exchanged.
fn mirrored(crop: &[u8]) -> impl Iterator<Item = u8> {
    crop.chunks_exact(SIDE as usize * 3).flat_map(|row| row.chunks_exact(3).rev().flatten().copied())
}

fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests;
