//! Several evaluations as one: of the folds of a cross-validation, each judged by the model that had not seen it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::method::Method;
use super::report::SAMPLE_COLUMNS;
use super::{EvaluateError, HEADS, Samples};
use crate::source::split_csv;

/// Samples and what every method said of each, as reports keep them.
#[derive(Debug)]
pub struct Pool {
    /// Name of the model, of the first report.
    pub model: String,
    /// SHA-256 of the models.
    pub sha256: Vec<String>,
    /// Name and description of each method.
    methods: Vec<(String, String)>,
    /// By sample, the methods' scores for each head: row-major [methods, heads].
    scores: HashMap<String, Vec<f64>>,
    /// The table each sample is from, for messages.
    folders: Vec<PathBuf>,
}

impl Pool {
    /// Reads the reports in these folders.
    ///
    /// # Errors
    /// One is missing or of another form, compares other methods than the first, or judges a sample that another judged.
    pub fn read(folders: &[PathBuf]) -> Result<Self, EvaluateError> {
        let mut pool = Self {
            model: String::new(),
            sha256: Vec::new(),
            methods: Vec::new(),
            scores: HashMap::new(),
            folders: folders.to_vec(),
        };
        folders.iter().try_for_each(|folder| pool.add(folder))?;
        Ok(pool)
    }

    /// Whether a sample was judged.
    #[must_use]
    pub fn holds(&self, sample: &str) -> bool {
        self.scores.contains_key(sample)
    }

    /// Every method's scores for the test samples.
    ///
    /// # Errors
    /// A judged sample is not among the labelled ones.
    pub fn methods(&self, samples: &Samples) -> Result<Vec<Method>, EvaluateError> {
        if samples.test.len() != self.scores.len() {
            let (found, wanted) = (samples.test.len(), self.scores.len());
            let reason = format!("{found} of the {wanted} judged samples have labels in the work folder");
            return Err(EvaluateError::Mismatch { table: self.folders[0].join(TABLE), reason });
        }
        let column = |at: usize| samples.test.iter().map(|row| self.scores[&row.sample][at]).collect();
        let method = |(at, (name, about)): (usize, &(String, String))| {
            Method::by_head(name, about, [0, 1, 2].map(|head| column(HEADS * at + head)))
        };
        Ok(self.methods.iter().enumerate().map(method).collect())
    }

    fn add(&mut self, folder: &Path) -> Result<(), EvaluateError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|source| EvaluateError::Io { path, source })
        };
        let wrong = |reason: String| EvaluateError::Mismatch { table: folder.join(TABLE), reason };
        let metrics: serde_json::Value =
            serde_json::from_str(&read("metrics.json")?).map_err(|e| wrong(format!("metrics.json beside it: {e}")))?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let of_methods = metrics["methods"].as_array().into_iter().flatten();
        let methods: Vec<(String, String)> = of_methods.map(|m| (text(&m["name"]), text(&m["about"]))).collect();
        if self.sha256.is_empty() {
            (self.model, self.methods) = (text(&metrics["model"]), methods);
        } else if !self.methods.iter().map(|(name, _)| name).eq(methods.iter().map(|(name, _)| name)) {
            return Err(wrong("compares other methods than the first report".to_owned()));
        }
        self.sha256.push(text(&metrics["sha256"]));

        let table = read(TABLE)?;
        let columns = SAMPLE_COLUMNS.len() + HEADS * self.methods.len();
        for line in table.lines().skip(1) {
            let cells = split_csv(line);
            let scores = cells.get(SAMPLE_COLUMNS.len()..).unwrap_or_default();
            let scores: Result<Vec<f64>, _> = scores.iter().map(|cell| cell.parse::<f64>()).collect();
            let scores = scores.ok().filter(|_| cells.len() == columns);
            let scores = scores.ok_or_else(|| wrong(format!("a line of another form: {line}")))?;
            if self.scores.insert(cells[0].clone(), scores).is_some() {
                return Err(wrong(format!("sample {} was judged in another report too", cells[0])));
            }
        }
        Ok(())
    }
}

/// The table of a report that is read.
const TABLE: &str = "samples.csv";
