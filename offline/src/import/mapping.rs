//! Which column of the authors' label tables means what: a TOML file of the user's, since the columns are not published.
//!
//! ```toml
//! [tables.mmos]                 # files labels/<id>_mmos.csv
//! picture = "image_name"        # names the variant: file name, with or without folder and extension
//! composite = "mmos"
//! [tables.consistency]          # files labels/<id>_consistency.csv
//! picture = "image_name"
//! consistency = "score"
//! scale = 100.0                 # the column's value for 1.0 (default 1)
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The mapping.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// By the end of the tables' file names: `mmos` stands for `<id>_mmos.csv`.
    #[serde(default)]
    pub tables: BTreeMap<String, TableMapping>,
}

/// What the columns of one kind of table mean.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableMapping {
    /// Column that names the variant's file.
    pub picture: String,
    /// Column of the consistency score.
    pub consistency: Option<String>,
    /// Column of the accuracy score.
    pub accuracy: Option<String>,
    /// Column of the composite score.
    pub composite: Option<String>,
    /// What stands in the columns for a score of 1.
    #[serde(default = "one")]
    pub scale: f64,
}

fn one() -> f64 {
    1.0
}

/// Why a mapping can't be used.
#[derive(Debug, thiserror::Error)]
#[error("mapping {path}: {reason}")]
pub struct MappingError {
    path: PathBuf,
    reason: String,
}

impl Mapping {
    /// Reads and checks a mapping.
    ///
    /// # Errors
    /// The file can't be read, has unknown keys, maps no score, or has a scale that is not positive.
    pub fn read(path: &Path) -> Result<Self, MappingError> {
        let refuse = |reason: String| MappingError { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
        let mapping: Self = toml::from_str(&text)
            .map_err(|e| refuse(e.to_string().split_whitespace().collect::<Vec<_>>().join(" ")))?;
        if mapping.tables.is_empty() {
            return Err(refuse("names no table: give at least one [tables.<end of the file names>]".to_owned()));
        }
        for (kind, table) in &mapping.tables {
            if table.scores().next().is_none() {
                return Err(refuse(format!("tables.{kind}: maps none of consistency, accuracy, composite")));
            }
            if !(table.scale.is_finite() && table.scale > 0.0) {
                return Err(refuse(format!("tables.{kind}.scale = {}: must be above 0", table.scale)));
            }
        }
        Ok(mapping)
    }
}

impl TableMapping {
    /// The scores that the table holds, each with its column.
    pub fn scores(&self) -> impl Iterator<Item = (Score, &str)> {
        [
            (Score::Consistency, &self.consistency),
            (Score::Accuracy, &self.accuracy),
            (Score::Composite, &self.composite),
        ]
        .into_iter()
        .filter_map(|(score, column)| Some((score, column.as_deref()?)))
    }
}

/// One of the three scores of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// E_C of the paper.
    Consistency,
    /// E_A.
    Accuracy,
    /// S.
    Composite,
}
