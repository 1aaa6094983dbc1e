//! Predictions beside labels: correlations, baselines, intervals, report.
//!
//! [`Samples`] are read, [`Measuring`] makes and scores them (or [`Pool`] takes scores from earlier reports), [`evaluate`]
//! compares the model with every baseline, [`report`] writes what came out. [`Judging`] compares a model with what it was
//! converted to. The statistics below them know nothing of pictures or tables.

mod baselines;
mod bootstrap;
mod compare;
mod converted;
mod diagnosis;
mod drawn;
mod error;
mod evaluation;
mod filter_curve;
mod full_reference;
mod grid;
mod isotonic;
mod linear;
mod logistic;
mod measure;
mod method;
pub mod metrics;
mod ms_ssim;
mod opened;
mod pool;
mod reliability;
pub mod report;
mod ridge;
mod roc;
mod samples;
mod segments;
mod ssim;
mod threshold;
mod vsi;
mod weighted;
mod window;
mod workers;

#[cfg(test)]
mod full_reference_golden;
#[cfg(test)]
mod golden;

pub use baselines::BACKBONE;
pub use bootstrap::{Interval, Resamples, interval};
pub use compare::{Comparison, Detail, Figure, MethodRow, Question, RESAMPLES, compare};
pub use converted::{HeadVerdict, Judging, Pair, Verdict, labels_by_sample};
pub use diagnosis::{Diagnosis, DistortionRow, diagnose};
pub use drawn::{Drawn, drawn};
pub use error::EvaluateError;
pub use evaluation::{
    Cell, DISTORTED, Evaluated, Evaluation, MethodAbout, NamedCurve, SEGMENTS, UNKNOWN_CLASS, WITH_CLEAN, evaluate,
    evaluate_pool,
};
pub use filter_curve::{FilterCurve, GAIN_AT, filter_curve, share_of_oracle};
pub use full_reference::{FullReferenceError, Likeness, Reference};
pub use grid::PairCell;
pub use isotonic::Isotonic;
pub use linear::{Cholesky, Singular, gram};
pub use logistic::{Logistic, LogisticError};
pub use measure::{Measurement, Measuring};
pub use method::{MODEL, Method, check_names};
pub use metrics::{average_ranks, krcc, plcc, rmse, srcc};
pub use ms_ssim::{LEAST_SIDE, Pyramid, ms_ssim};
pub use pool::Pool;
pub use reliability::{Bin, Reliability};
pub use ridge::{Ridge, RidgeError};
pub use roc::{average_precision, roc_auc};
pub use samples::{ALL_MODELS, HEADS, Judged, LabelSet, Samples, heads_of};
pub use ssim::{Luma, ssim};
pub use threshold::{Thresholds, thresholds};
pub use vsi::{VisualMaps, vsi};
