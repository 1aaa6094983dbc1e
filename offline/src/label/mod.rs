//! Labels: what a zoo of vision models makes of each variant, and the scores (MMOS) computed from it.
//!
//! [`zoo`] lists the models, [`check`] measures whether they do what it claims, [`fit`] brings a picture to a model's size
//! (by [`pillow_resize`]),
//! [`model`] runs one (in a [`picture_session`]), or all on a GPU in a [`batch`] each ([`inference`], on a
//! [`crate::device`]; [`ask`] is how either is asked), [`decode`] says what its outputs mean, [`predictions`] keeps what they
//! said (in [`stage`], by shard, after a [`trial`]; [`finish`] when all are there), [`answers`] reads it again. [`score`] compares the answers
//! to a sample with those to the clean picture and with the [`truth`], [`mmos`] weighs the models by [`weights`],
//! [`ceiling`] and [`validate`] say how far such scores can be trusted, [`labelled`] finds
//! the pictures of labelled samples again. [`estimate`] says what it will cost, [`csv`] has the
//! authors' names.

pub mod answers;
pub mod ask;
pub mod batch;
pub mod ceiling;
pub mod check;
pub mod csv;
pub mod decode;
pub mod drawn;
pub mod estimate;
pub mod finish;
pub mod fit;
pub mod inference;
pub mod labelled;
pub mod mmos;
pub mod model;
pub mod picture_session;
pub mod pillow_resize;
pub mod predictions;
mod row;
pub mod score;
pub mod stage;
pub mod trial;
pub mod truth;
pub mod validate;
pub mod weights;
pub mod zoo;

pub use row::{LabelRow, labels_of, read_labels};
