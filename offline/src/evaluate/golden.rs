//! Values that SciPy, scikit-learn and scikit-image computed (tests/golden/make_statistics.py).

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Statistics {
    pub(super) correlations: Vec<Correlation>,
    pub(super) logistic: Vec<Mapped>,
    pub(super) ssim: Vec<Pair>,
    pub(super) roc: Vec<Roc>,
    pub(super) ridge: Regression,
}

#[derive(Deserialize)]
pub(super) struct Correlation {
    pub(super) name: String,
    pub(super) prediction: Vec<f64>,
    pub(super) label: Vec<f64>,
    pub(super) srcc: f64,
    pub(super) plcc: f64,
    pub(super) krcc: f64,
    pub(super) rmse: f64,
}

#[derive(Deserialize)]
pub(super) struct Mapped {
    pub(super) name: String,
    pub(super) prediction: Vec<f64>,
    pub(super) label: Vec<f64>,
    /// The least squares have no minimum; the figures are those of the limit.
    #[serde(default)]
    pub(super) limit: bool,
    pub(super) plcc: f64,
    pub(super) rmse: f64,
}

#[derive(Deserialize)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) ssim: f64,
}

#[derive(Deserialize)]
pub(super) struct Roc {
    pub(super) name: String,
    pub(super) score: Vec<f64>,
    pub(super) positive: Vec<bool>,
    pub(super) auc: f64,
    pub(super) ap: f64,
}

#[derive(Deserialize)]
pub(super) struct Regression {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) folds: usize,
    pub(super) features: Vec<f32>,
    pub(super) label: Vec<f64>,
    pub(super) group: Vec<usize>,
    pub(super) penalty: f64,
    pub(super) cross_validated_srcc: f64,
    pub(super) prediction: Vec<f64>,
}

pub(super) fn statistics() -> Statistics {
    serde_json::from_str(include_str!("../../tests/golden/statistics.json")).expect("the committed golden file parses")
}
