//! At which score does a user's own detector lose 10 %, 30 % of what it saw? Pure: detections and scores in, thresholds
//! out; files and the model are `command::calibrate`'s.
//!
//! ```text
//! detections (JSON lines, COCO) → kept share of each degraded frame → isotonic curve over the score → thresholds
//! ```

mod curve;
pub mod detections;
mod fragment;
mod outcome;
mod page;
mod pairs;

pub use curve::{Curve, Point};
pub use detections::{Detection, Detections, DetectionsError};
pub use fragment::fragment;
pub use outcome::{Half, LOSSES, Outcome, Refusal, Threshold, measured, outcome};
pub use page::{Page, page};
pub use pairs::{Variant, Worth, kept, points};
