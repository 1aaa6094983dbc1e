//! Statistics and pictures of a data set: what was generated, how far the variants are from their originals, what they
//! look like.
//!
//! [`variants`] gives an original's variants, whether they are rendered or read from files; [`measure`] compares them with
//! the original; [`quartiles`] and [`tables`] sum up (Fig. 5, Tables 1 and 2 of the paper); [`sheet`] is a picture of all
//! variants of one original; [`page`] puts it all into one HTML file.

mod base64;
mod charts;
mod lettering;
pub mod measure;
pub mod page;
pub mod quartiles;
pub mod sheet;
pub mod tables;
pub mod variants;

pub(crate) use base64::base64;
