//! Masks from the source that the command line names.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;

use miqa::engine::{Device, Runtime};

use super::{Args, in_order};
use crate::command::progress::{bar, report};
use crate::command::rank::{threads, tick};
use crate::command::{CommandError, stop_flag};
use crate::mask::co_segmentation::CoSegmenter;
use crate::mask::coco::{CocoChoice, CocoMasks, principal_categories};
use crate::mask::folder::FolderMasks;
use crate::mask::groups::{Group, groups};
use crate::mask::models::MaskModels;
use crate::mask::saliency::SaliencyMasks;
use crate::mask::{MaskChoice, MaskError, MaskRow, OriginalMasks};
use crate::parts::{Outcome, Parts, PartsError, Piece};
use crate::source::Original;
use crate::source::coco::CocoAnnotations;

/// A source of masks, opened.
pub(super) struct Maker<'a> {
    args: &'a Args,
    /// Its name, with a fingerprint of its settings.
    pub(super) source: String,
    kind: Kind,
}

enum Kind {
    Folder(FolderMasks),
    Coco(CocoMasks),
    Saliency(MaskModels),
    CoSegmentation {
        models: MaskModels,
        /// Category by original.
        categories: HashMap<String, String>,
    },
}

impl<'a> Maker<'a> {
    pub(super) fn open(args: &'a Args) -> Result<Self, CommandError> {
        let coco_only = args.category.is_some() || args.crowd;
        if coco_only && !matches!(args.masks, MaskChoice::Coco(_)) {
            return Err(CommandError::usage("--category and --crowd choose among COCO instances: they need coco:FILE"));
        }
        if args.categories.is_some() && args.masks != MaskChoice::CoSegmentation {
            let reason = "--categories groups originals to be segmented together: it needs cosegment";
            return Err(CommandError::usage(reason));
        }
        let (kind, version) = Self::kind(args).map_err(CommandError::usage)?;
        Ok(Self { args, source: format!("{}-{version}", args.masks.name()), kind })
    }

    /// The source, and a fingerprint of all that its masks depend on besides the original.
    fn kind(args: &Args) -> Result<(Kind, String), MaskError> {
        let models = || MaskModels::read(args.mask_models.as_deref());
        Ok(match &args.masks {
            MaskChoice::Folder(folder) => {
                let masks = FolderMasks::open(folder)?;
                let version = masks.fingerprint()?;
                (Kind::Folder(masks), version)
            }
            MaskChoice::Coco(file) => {
                let choice = CocoChoice { category: args.category.clone(), crowd: args.crowd };
                let masks = CocoMasks::open(file, &choice)?;
                let version = masks.fingerprint(&choice)?;
                (Kind::Coco(masks), version)
            }
            MaskChoice::Saliency => {
                let models = models()?;
                let version = SaliencyMasks::fingerprint(models.saliency()?);
                (Kind::Saliency(models), version)
            }
            MaskChoice::CoSegmentation => {
                let models = models()?;
                let version = CoSegmenter::fingerprint(models.co_segmentation()?);
                let categories = match &args.categories {
                    Some(file) => principal_categories(&CocoAnnotations::read(file)?),
                    None => HashMap::new(),
                };
                (Kind::CoSegmentation { models, categories }, version)
            }
        })
    }

    /// The masks of these originals among all, and which of them failed.
    pub(super) fn make(
        &self,
        all: &[Original],
        mine: &[Original],
    ) -> Result<(Vec<MaskRow>, Outcome<MaskError>), CommandError> {
        match &self.kind {
            Kind::Folder(masks) => self.by_original(mine, || Ok(masks.clone())),
            Kind::Coco(masks) => self.by_original(mine, || Ok(masks.clone())),
            Kind::Saliency(models) => {
                let model = models.saliency().map_err(CommandError::usage)?;
                let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
                self.by_original(mine, || SaliencyMasks::open(&runtime, model, &self.args.zoo_dirs))
            }
            Kind::CoSegmentation { models, categories } => self.by_group(all, mine, models, categories),
        }
    }

    /// The masks of a source that works an original at a time.
    fn by_original<M: OriginalMasks>(
        &self,
        originals: &[Original],
        open: impl Fn() -> Result<M, MaskError> + Sync,
    ) -> Result<(Vec<MaskRow>, Outcome<MaskError>), CommandError> {
        let work_folder = &self.args.work.work;
        let parts = Parts::new(self.args.work.parts("mask", &self.source), originals);
        let work = |masks: &mut M, original: &Original| {
            let mask = masks.mask(original)?;
            Ok(vec![MaskRow::record(work_folder, original, &self.source, mask.as_ref())?])
        };
        let outcome = make(self.args, &parts, originals.len(), open, work)?;
        report("mask", &outcome, self.args.max_errors)?;
        Ok((kept(work_folder, parts.join().map_err(CommandError::data)?, parts.folder())?, outcome))
    }

    /// The masks of originals that are segmented together. Groups don't depend on the shard; a group belongs to the
    /// shard of its first original by id, so that each is worked once.
    fn by_group(
        &self,
        all: &[Original],
        mine: &[Original],
        models: &MaskModels,
        categories: &HashMap<String, String>,
    ) -> Result<(Vec<MaskRow>, Outcome<MaskError>), CommandError> {
        let (args, work_folder) = (self.args, &self.args.work.work);
        let model = models.co_segmentation().map_err(CommandError::usage)?;
        let mine: HashSet<&str> = mine.iter().map(|original| original.id.as_str()).collect();
        let mut groups = groups(all, categories, model.group);
        groups.retain(|group| group.first_id().is_some_and(|id| mine.contains(id)));
        let runtime = Runtime::open(Device::Cpu).map_err(CommandError::usage)?;
        let parts = Parts::new(args.work.parts("mask", &self.source), &groups);
        let broken: Mutex<Vec<(String, MaskError)>> = Mutex::new(Vec::new());
        let work = |model: &mut CoSegmenter, group: &Group| {
            let mut rows = Vec::new();
            for (original, mask) in group.originals.iter().zip(model.masks(&group.originals, &group.key)) {
                match mask {
                    Ok(mask) => rows.push(MaskRow::record(work_folder, original, &self.source, Some(&mask))?),
                    Err(error) => {
                        let mut broken = broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        broken.push((original.id.clone(), error));
                    }
                }
            }
            Ok(rows)
        };
        let open = || CoSegmenter::open(&runtime, model, &args.zoo_dirs);
        let outcome = make(args, &parts, groups.len(), open, work)?;
        let alone = groups.iter().filter(|group| group.originals.len() == 1).count();
        println!("mask: {} groups, {alone} of them of one original", groups.len());
        let rows: Vec<MaskRow> = parts.join().map_err(CommandError::data)?;
        let rows = in_order(all, kept(work_folder, rows, parts.folder())?);
        // From groups to originals: what failed is named, whether it was in this run or in an earlier one.
        let mut failed = broken.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        failed.extend(outcome.failed);
        failed.sort_by(|a, b| a.0.cmp(&b.0));
        let done = rows.len();
        let outcome = Outcome { done, kept: 0, failed, stopped: outcome.stopped };
        report("mask", &outcome, args.max_errors)?;
        let without = groups.iter().map(|group| group.originals.len()).sum::<usize>() - done;
        if without > args.max_errors {
            return Err(CommandError::data(format!(
                "mask: {without} originals have no row; see above, or an earlier run"
            )));
        }
        Ok((rows, outcome))
    }
}

/// Makes the parts that are missing.
fn make<P: Piece, M>(
    args: &Args,
    parts: &Parts<P>,
    count: usize,
    open: impl Fn() -> Result<M, MaskError> + Sync,
    work: impl Fn(&mut M, &P) -> Result<Vec<MaskRow>, MaskError> + Sync,
) -> Result<Outcome<MaskError>, CommandError> {
    let stop = stop_flag()?;
    let bar = bar(count, "mask");
    let outcome = parts.make(threads(args.threads), &stop, |progress| tick(&bar, progress.kept), open, work);
    bar.finish_and_clear();
    outcome.map_err(|error| match error {
        PartsError::Start(error @ (MaskError::File(_) | MaskError::Run { .. } | MaskError::Graph(_))) => {
            CommandError::usage(error)
        }
        other => CommandError::unexpected(other),
    })
}

/// The rows, if the masks that they name still lie there.
fn kept(work: &Path, rows: Vec<MaskRow>, parts: &Path) -> Result<Vec<MaskRow>, CommandError> {
    match rows.iter().find(|row| !row.path.is_empty() && !work.join(&row.path).is_file()) {
        None => Ok(rows),
        Some(row) => Err(CommandError::data(format!(
            "mask: {} was made by an earlier run and is gone: remove {} and run the command again",
            row.path,
            parts.display()
        ))),
    }
}
