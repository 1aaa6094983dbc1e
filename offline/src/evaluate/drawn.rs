//! A few samples of the originals of some folds, the same ones whenever they are drawn.

use std::collections::{BTreeMap, HashSet};

use miqa::preprocess::Rgb288;
use sha2::{Digest, Sha256};

use crate::label::labelled::{Folds, model_input};
use crate::plan::{PlannedOriginal, Rendering};
use crate::recipe::Recipe;
use crate::sample::{Sample, SampleError, SampleSource};

/// An original with those of its samples that were drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    planned: PlannedOriginal,
    samples: Vec<Sample>,
}

/// At most `most` samples of the originals of one fold, those whose names hash lowest: as good as random, and the same ones
/// whatever else there is.
///
/// # Errors
/// The plan can't be read, or an original has no fold.
pub fn drawn(source: &SampleSource, folds: &Folds, fold: &str, most: usize) -> Result<Vec<Drawn>, SampleError> {
    let mut originals = Vec::new();
    let mut hashed = BTreeMap::new();
    for planned in source.all() {
        let planned = planned?;
        let id = planned.original.id.clone();
        if folds.of(&id)? != fold {
            continue;
        }
        let samples = Sample::of(planned.clone());
        for sample in &samples {
            let name = sample.id(&id);
            let hash: [u8; 32] = Sha256::digest(&name).into();
            hashed.insert((hash, name), ());
            if hashed.len() > most {
                hashed.pop_last();
            }
        }
        originals.push((planned, samples));
    }
    let kept: HashSet<String> = hashed.into_keys().map(|(_, name)| name).collect();
    let thinned = originals.into_iter().filter_map(|(planned, mut samples)| {
        samples.retain(|sample| kept.contains(&sample.id(&planned.original.id)));
        (!samples.is_empty()).then_some(Drawn { planned, samples })
    });
    Ok(thinned.collect())
}

impl Drawn {
    /// Id of the original.
    #[must_use]
    pub fn original(&self) -> &str {
        &self.planned.original.id
    }

    /// How many samples of it were drawn.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples.len()
    }

    /// The samples with what models are shown of them, by name.
    ///
    /// # Errors
    /// The original or its mask is not there or has changed, or a sample can't be made.
    pub fn views(&self, recipe: &Recipe) -> Result<Vec<(String, Rgb288)>, SampleError> {
        let mut rendering = Rendering::open(recipe, &self.planned)?;
        let view = |sample: &Sample| {
            let name = sample.id(self.original());
            let view = model_input(&name, &*sample.picture(&mut rendering)?)?;
            Ok((name, view))
        };
        self.samples.iter().map(view).collect()
    }
}
