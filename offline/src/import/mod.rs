//! The authors' published sets (MIQD-2.5M) read as they lie: names, folders, masks, label tables.
//!
//! [`name`] is the grammar of their file names, [`layout`] walks their folders, [`mapping`] says which columns of their label
//! tables mean what, [`labels`] reads those, [`import()`] joins all into rows and a list of what is missing or odd.

pub mod labels;
pub mod layout;
pub mod mapping;
pub mod name;
mod row;
mod set;

pub use row::ImportedRow;
pub use set::{ImportReport, Imported, Missing, OddEntry, import};
