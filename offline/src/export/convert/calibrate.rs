//! What values a graph's operations have on pictures.

use std::collections::BTreeMap;

use miqa::engine::Runtime;
use miqa::preprocess::Rgb288;
use rayon::prelude::*;

use super::Histogram;
use crate::export::ExportError;
use crate::export::onnx::{Element, Model, TensorType, Type, ValueInfo};
use crate::export::session::ImageSession;

/// Values that were seen, by name.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    values: BTreeMap<String, Seen>,
    pictures: u64,
}

/// What was seen of one value.
#[derive(Clone, Debug, Default)]
struct Seen {
    histogram: Histogram,
    /// Sums by channel; empty where nobody asked.
    sums: Vec<f64>,
}

impl Observed {
    /// How often which values were seen.
    #[must_use]
    pub fn of(&self, value: &str) -> Option<&Histogram> {
        Some(&self.values.get(value)?.histogram)
    }

    /// How many numbers a value has a picture.
    #[must_use]
    pub fn elements(&self, value: &str) -> Option<u64> {
        Some(self.of(value)?.count() / self.pictures.max(1))
    }

    /// The mean of each channel of a value; empty where it was not asked for.
    #[must_use]
    pub fn means(&self, value: &str) -> Vec<f64> {
        let Some(Seen { histogram, sums }) = self.values.get(value) else { return Vec::new() };
        let each = (histogram.count() as f64 / sums.len().max(1) as f64).max(1.0);
        sums.iter().map(|sum| sum / each).collect()
    }
}

impl Seen {
    /// Counts the values of one picture, whose channels lie one behind the other.
    fn add(&mut self, values: &[f32]) {
        self.histogram.add(values);
        if !self.sums.is_empty() && values.len().is_multiple_of(self.sums.len()) {
            let each = values.len() / self.sums.len();
            for (sum, channel) in self.sums.iter_mut().zip(values.chunks(each.max(1))) {
                *sum += channel.iter().map(|value| f64::from(*value)).sum::<f64>();
            }
        }
    }
}

/// Runs a graph on pictures, one at a time, and looks at these of its float values; `channels` says of some how many channels
/// they have, one behind the other.
///
/// # Errors
/// [`ExportError::NoPictures`] without pictures, and what [`ImageSession`] says.
pub fn calibrate(
    runtime: &Runtime,
    model: &Model,
    values: &[String],
    channels: &BTreeMap<String, usize>,
    pictures: &[Rgb288],
    threads: usize,
) -> Result<Observed, ExportError> {
    if pictures.is_empty() {
        return Err(ExportError::NoPictures);
    }
    let mut model = model.clone();
    let graph = model.graph.as_mut().ok_or(ExportError::NoGraph)?;
    // Shapes are left out: they follow from the graph.
    let float = Type { tensor: Some(TensorType { element: Element::F32 as i32, shape: None }) };
    graph.outputs.extend(values.iter().map(|name| ValueInfo { name: name.clone(), kind: Some(float.clone()) }));
    let mut session = ImageSession::open(runtime, "the graph to calibrate", &model, threads)?;
    let blank = |name: &String| Seen { sums: vec![0.0; channels.get(name).copied().unwrap_or(0)], ..Seen::default() };
    let mut seen: BTreeMap<String, Seen> = values.iter().map(|name| (name.clone(), blank(name))).collect();
    for picture in pictures {
        let outputs = session.run(picture.as_bytes())?;
        seen.par_iter_mut().for_each(|(name, seen)| seen.add(outputs.get(name).map_or(&[], Vec::as_slice)));
    }
    Ok(Observed { values: seen, pictures: pictures.len() as u64 })
}
