//! How far two answers to one picture agree: the measures M of equations 2, 3 and 8.
//!
//! An answer of a detector or segmenter is a list of [`Detection`]s. Its accuracy is its [`precision`] against the
//! annotations of the picture; its consistency is that against what the model itself found on the clean picture, its
//! [`Reference`]. Both equal what COCOeval of pycocotools says of that one picture, where it says anything:
//!
//! * detections in the order of their scores, equal ones in the order given; the best 100 of each class;
//! * each takes the free object of its class that it overlaps most, the later of equal ones, if they overlap at least as
//!   much as the threshold; a crowd takes any number of them, and they then count neither way;
//! * average precision at 101 recall points; the mean over classes that have an object other than a crowd;
//! * objects of all sizes.
//!
//! Where no object is to be found COCOeval says nothing. Here an answer that finds nothing either is right (1), and one
//! that does is wrong (0); what lies in a crowd of its class counts neither way.

mod detection;
#[cfg(test)]
mod golden;
mod matching;
mod overlap;
mod precision;
mod recall;
mod reference;
#[cfg(test)]
mod tests;

pub use detection::{Annotation, Detection, canonical};
pub use matching::Matching;
pub use overlap::Overlap;
pub use precision::{Precision, THRESHOLDS, precision};
pub use reference::{Reference, consistency};

pub use crate::mask::{Runs, RunsError};
