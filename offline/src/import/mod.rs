//! The authors' published sets (MIQD-2.5M) read as they lie: names, folders, masks, label tables.
//!
//! [`name`] is the grammar of their file names, [`layout`] walks their folders.

pub mod layout;
pub mod name;
