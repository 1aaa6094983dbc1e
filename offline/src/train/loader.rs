//! The batches of a run, made ahead of the steps that need them.

use std::ops::Range;
use std::thread::Scope;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use super::TrainError;
use super::batch::Batch;
use super::dataset::Dataset;
use super::draws::Draws;
use super::recipe::TrainSpec;
use super::validation::Counts;
use crate::export::spec::ModelSpec;

/// Steps that are made ahead: one in hand, one ready.
const AHEAD: usize = 1;

/// What the batches of a run are drawn from.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) data: &'a Dataset,
    pub(super) spec: &'a ModelSpec,
    pub(super) train: &'a TrainSpec,
    /// The samples that train.
    pub(super) samples: &'a [usize],
    /// Samples a step.
    pub(super) batch: usize,
}

/// A step's samples.
pub(super) struct Loaded {
    pub(super) counts: Counts,
    /// What passes the network at a time.
    pub(super) parts: Vec<Batch>,
}

impl Plan<'_> {
    /// Steps of an epoch; an incomplete last batch is left out.
    pub(super) fn per_epoch(&self) -> u64 {
        (self.samples.len() / self.batch) as u64
    }

    /// The samples of a step, the same whenever they are asked for. `order` keeps the epoch's order between steps.
    fn load(&self, step: u64, order: &mut (u32, Vec<usize>)) -> Result<Loaded, TrainError> {
        let draws = Draws::new(self.train.seed);
        let (epoch, within) = ((step / self.per_epoch()) as u32, (step % self.per_epoch()) as usize);
        if order.0 != epoch {
            *order = (epoch, draws.order(epoch, self.samples.len()));
        }
        let slack = (miqa::preprocess::SIDE - self.spec.crop) as usize;
        let chosen: Vec<_> = (within * self.batch..(within + 1) * self.batch)
            .map(|place| {
                (self.samples[order.1[place]], self.train.augment.then(|| draws.augmentation(epoch, place, slack)))
            })
            .collect();
        let parts = chosen.chunks(self.train.at_a_time.unwrap_or(self.batch));
        Ok(Loaded {
            counts: Counts::of(self.data, self.spec, &self.train.region_weights, chosen.iter().map(|&(i, _)| i)),
            parts: parts
                .map(|part| Batch::collect(self.data, self.spec, &self.train.region_weights, part))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Hands out the steps in their order, and knows how long they had to be waited for.
pub(super) struct Loader {
    receiver: Receiver<Result<Loaded, TrainError>>,
    waited: Duration,
    started: Instant,
}

impl Loader {
    /// Begins to load `steps` on a thread of its own, which ends with the loader.
    pub(super) fn start<'scope, 'a: 'scope>(
        scope: &'scope Scope<'scope, '_>,
        plan: Plan<'a>,
        steps: Range<u64>,
    ) -> Self {
        let (sender, receiver) = bounded(AHEAD);
        scope.spawn(move || {
            let mut order = (u32::MAX, Vec::new());
            for step in steps {
                let loaded = plan.load(step, &mut order);
                let failed = loaded.is_err();
                if sender.send(loaded).is_err() || failed {
                    break;
                }
            }
        });
        Self { receiver, waited: Duration::ZERO, started: Instant::now() }
    }

    /// The next step; `None` after the last.
    pub(super) fn next(&mut self) -> Option<Result<Loaded, TrainError>> {
        let asked = Instant::now();
        let loaded = self.receiver.recv().ok();
        self.waited += asked.elapsed();
        loaded
    }

    /// Share of the time since its start in which steps were waited for.
    pub(super) fn waited(&self) -> f64 {
        self.waited.as_secs_f64() / self.started.elapsed().as_secs_f64().max(1e-9)
    }
}
