//! The samples of one or several work folders in the order of training, and the keys of what is computed from them.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use miqa::preprocess::SIDE;
use sha2::{Digest, Sha256};

use super::TrainError;
use super::dataset::{LABELS, SampleRow};
use crate::hex::hex;
use crate::label::labelled::{Folds, Labelled, Originals};
use crate::label::labels_of;
use crate::label::zoo::Task;
use crate::plan::{Plan, Rendering};
use crate::recipe::Recipe;
use crate::sample::{Sample, SampleError, SampleSource, chosen};
use crate::source::{Original, TEST, TRAIN, read_sources};

/// A work folder whose samples train.
#[derive(Clone, Copy, Debug)]
pub struct Folder<'a> {
    /// Where its tables lie.
    pub work: &'a Path,
    /// The plan that its labels were made with; none for the uniform variants of `rank`.
    pub plan: Option<&'a Plan>,
}

/// A picture that trains, chooses or judges, with the labels that it has.
#[derive(Clone, Debug)]
pub(super) struct TrainSample {
    pub(super) id: String,
    pub(super) original: String,
    pub(super) fold: String,
    pub(super) picture: Sample,
    /// In the order of [`Task::ALL`]: composite, consistency, accuracy of each.
    pub(super) labels: [Option<f32>; LABELS],
}

/// An original with the range of its samples.
#[derive(Clone, Debug)]
pub(super) struct OfOriginal {
    pub(super) original: Original,
    pub(super) range: Range<usize>,
    /// Number of its folder.
    folder: usize,
    /// Whether crops of its samples are stored.
    pub(super) stored: bool,
}

/// The samples of work folders: folder after folder, each by original, distortion and levels.
pub(super) struct Samples {
    pub(super) samples: Vec<TrainSample>,
    pub(super) originals: Vec<OfOriginal>,
    /// Number of originals of the test fold, which are left aside: what judges is computed where it judges.
    pub(super) held_out: usize,
    /// Where each folder's pictures come from.
    pictures: Vec<Originals>,
}

impl Samples {
    /// Reads the labels of every task that a folder has. A folder without any gives samples without labels, those of its
    /// training originals: a teacher labels them. Of an original at most `limit` variants are taken. Crops are stored where there is
    /// no plan; of a plan's samples if `store` says so.
    pub(super) fn read(folders: &[Folder<'_>], limit: Option<usize>, store: bool) -> Result<Self, TrainError> {
        let mut all = Self { samples: Vec::new(), originals: Vec::new(), held_out: 0, pictures: Vec::new() };
        for (number, folder) in folders.iter().enumerate() {
            let (mut samples, pictures) = match labelled(folder)? {
                Some(labelled) => labelled,
                None => unlabelled(folder)?,
            };
            samples.sort_by(|a, b| a.place().cmp(&b.place()));
            for of_original in samples.chunk_by(|a, b| a.original == b.original) {
                if of_original[0].fold == TEST {
                    all.held_out += 1;
                    continue;
                }
                let start = all.samples.len();
                all.samples.extend(thinned(of_original, limit));
                all.originals.push(OfOriginal {
                    original: pictures.get(&of_original[0].original)?.clone(),
                    range: start..all.samples.len(),
                    folder: number,
                    stored: folder.plan.is_none() || store,
                });
            }
            all.pictures.push(pictures);
        }
        Ok(all)
    }

    /// The samples of an original.
    pub(super) fn of(&self, original: usize) -> &[TrainSample] {
        &self.samples[self.originals[original].range.clone()]
    }

    /// An original in hand, ready to give the pictures of these of its samples.
    pub(super) fn rendering(&self, original: usize, samples: &[TrainSample]) -> Result<Rendering<'_>, TrainError> {
        let of = &self.originals[original];
        let pictures = samples.iter().map(|sample| sample.picture.clone());
        Ok(self.pictures[of.folder].rendering(&of.original.id, pictures)?)
    }

    /// The original of a sample.
    pub(super) fn original_of(&self, sample: usize) -> usize {
        self.originals.partition_point(|of| of.range.end <= sample)
    }

    /// An original's key: everything that decides its crops.
    pub(super) fn pictures_key(&self, original: usize) -> String {
        let of = &self.originals[original];
        let pictures = &self.pictures[of.folder];
        let mut hash = Sha256::new();
        hash.update(SIDE.to_le_bytes());
        // Another folder may have the same samples.
        hash.update((of.folder as u64).to_le_bytes());
        hash.update(pictures.recipe().content_hash());
        hash.update(of.original.pixel_sha256.0);
        hash.update(pictures.mask_sha256(&of.original.id));
        for sample in self.of(original) {
            let rows = match &sample.picture {
                Sample::Clean => None,
                Sample::Variant(variant) => Some((variant.roi.row, variant.background.row)),
            };
            hash.update(format!("\n{} {} {rows:?}", sample.id, sample.picture.distortion()));
        }
        hex(&hash.finalize())
    }

    /// Key of labels and folds.
    pub(super) fn labels_key(&self) -> String {
        let mut hash = Sha256::new();
        for sample in &self.samples {
            hash.update(format!("{} {:?}\n", sample.fold, sample.labels));
        }
        hex(&hash.finalize())
    }

    /// The rows of the prepared folder, from the place of each sample's crop.
    pub(super) fn rows(&self, crops: impl Iterator<Item = Option<u32>>) -> Vec<SampleRow> {
        let row = |(sample, crop): (&TrainSample, _)| {
            let [cls, det, seg]: [[Option<f32>; 3]; 3] =
                std::array::from_fn(|task| std::array::from_fn(|kind| sample.labels[3 * task + kind]));
            SampleRow {
                sample: sample.id.clone(),
                original: sample.original.clone(),
                distortion: sample.picture.distortion().to_owned(),
                level: sample.picture.level(),
                background_level: sample.picture.background_level(),
                fold: sample.fold.clone(),
                cls_composite: cls[0],
                cls_consistency: cls[1],
                cls_accuracy: cls[2],
                det_composite: det[0],
                det_consistency: det[1],
                det_accuracy: det[2],
                seg_composite: seg[0],
                seg_consistency: seg[1],
                seg_accuracy: seg[2],
                crop,
            }
        };
        self.samples.iter().zip(crops).map(row).collect()
    }
}

impl TrainSample {
    /// What samples of a folder are sorted by.
    fn place(&self) -> (&str, &str, u8, Option<u8>) {
        (&self.original, self.picture.distortion(), self.picture.level(), self.picture.background_level())
    }
}

/// The samples of a folder with the labels of every task; `None` if it has none.
fn labelled(folder: &Folder<'_>) -> Result<Option<(Vec<TrainSample>, Originals)>, TrainError> {
    let (mut samples, mut places, mut pictures) = (Vec::new(), HashMap::new(), None);
    for (number, task) in Task::ALL.into_iter().enumerate() {
        if !labels_of(folder.work, task, None).is_file() {
            continue;
        }
        let Labelled { rows, folds, originals } = Labelled::read(folder.work, task, folder.plan)?;
        for (row, fold) in rows.into_iter().zip(folds) {
            let at = *places.entry(row.sample.clone()).or_insert_with(|| {
                let (id, original, picture) = (row.sample.clone(), row.original.clone(), row.picture());
                samples.push(TrainSample { id, original, fold, picture, labels: [None; LABELS] });
                samples.len() - 1
            });
            let labels: &mut [Option<f32>] = &mut samples[at].labels[3 * number..3 * number + 3];
            labels.copy_from_slice(&[row.composite, Some(row.consistency), row.accuracy]);
        }
        pictures = Some(originals);
    }
    Ok(pictures.map(|pictures| (samples, pictures)))
}

/// The samples of a folder that nobody has labelled.
fn unlabelled(folder: &Folder<'_>) -> Result<(Vec<TrainSample>, Originals), TrainError> {
    let Folder { work, plan } = *folder;
    let pictures = Originals::read(work, plan)?;
    let folds = Folds::read(work)?;
    let mut samples = Vec::new();
    let mut add = |planned| -> Result<(), SampleError> {
        let planned: crate::plan::PlannedOriginal = planned?;
        let original = planned.original.id.clone();
        let fold = folds.of(&original)?;
        if fold == TRAIN {
            samples.extend(Sample::of(planned).into_iter().map(|picture| TrainSample {
                id: picture.id(&original),
                original: original.clone(),
                fold: fold.clone(),
                picture,
                labels: [None; LABELS],
            }));
        }
        Ok(())
    };
    match plan {
        Some(plan) => plan.iter().try_for_each(|planned| add(planned.map_err(SampleError::from)))?,
        None => {
            let originals = read_sources(&work.join("sources.parquet")).map_err(SampleError::from)?;
            let recipe = Recipe::of_work(work).map_err(SampleError::from)?;
            let ranked = SampleSource::of_ranks(recipe, originals, &work.join("rank.parquet"))?;
            ranked.all().try_for_each(add)?;
        }
    }
    Ok((samples, pictures))
}

/// The clean picture and at most `limit` variants; which ones, hashes of their ids decide, so that they stay the same when
/// others come or go.
fn thinned(samples: &[TrainSample], limit: Option<usize>) -> Vec<TrainSample> {
    let limit = limit.unwrap_or(usize::MAX);
    let variants: Vec<usize> = (0..samples.len()).filter(|&at| samples[at].picture != Sample::Clean).collect();
    let ids = variants.iter().map(|&at| samples[at].id.as_str());
    let mut kept: Vec<usize> = chosen(ids, limit).into_iter().map(|at| variants[at]).collect();
    kept.extend((0..samples.len()).filter(|&at| samples[at].picture == Sample::Clean));
    kept.sort_unstable();
    kept.into_iter().map(|at| samples[at].clone()).collect()
}

/// SHA-256 over texts, each with its length.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}
