//! The 8-bit form of a model, fitted to pictures.

use miqa::engine::Runtime;
use miqa::preprocess::Rgb288;

use super::normalisation::on_bytes;
use super::{EightBit, RangeRule, calibrate, plain, quantise};
use crate::export::ExportError;
use crate::export::onnx::Model;
use crate::export::session::ImageSession;

/// On so many of the pictures, evenly taken, the rules for ranges are compared.
const COMPARED: usize = 64;

/// A model in 8 bits, and how it was fitted.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The model.
    pub model: Model,
    /// The rule whose model follows the float one best.
    pub rule: RangeRule,
    /// Products in 8 bits.
    pub products: usize,
    /// For each rule the mean difference of all outputs to those of the float model.
    pub tried: Vec<(RangeRule, f64)>,
}

/// Makes the 8-bit form with every rule of [`RangeRule::ALL`] and keeps the one whose outputs on the pictures are nearest to
/// the float model's.
///
/// # Errors
/// [`ExportError::Converted`] for a model that is no float one, [`ExportError::NoPictures`], and what the engine says.
pub fn fit(runtime: &Runtime, model: &Model, pictures: &[Rgb288], threads: usize) -> Result<Fitted, ExportError> {
    let model = on_bytes(&plain(model)?)?;
    let graph = model.graph()?;
    let all = EightBit::of(graph);
    let values = all.values(graph);
    let seen = calibrate(runtime, &model, &values, &all.channels(graph), pictures, threads)?;
    let eight = all.worth(graph, &seen);
    let compared: Vec<&Rgb288> = pictures.iter().step_by(pictures.len().div_ceil(COMPARED)).collect();
    let expected = outputs(runtime, &model, &compared, threads)?;
    let mut tried = Vec::new();
    let mut best: Option<(f64, RangeRule, Model)> = None;
    for rule in RangeRule::ALL {
        let quantiser = |value: &String| Some((value.clone(), rule.quantiser(seen.of(value)?)));
        let quantised = quantise(&model, &eight, &values.iter().filter_map(quantiser).collect(), &seen)?;
        let found = outputs(runtime, &quantised, &compared, threads)?;
        let apart = expected.iter().zip(&found).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
        let apart = apart / expected.len().max(1) as f64;
        tried.push((rule, apart));
        if best.as_ref().is_none_or(|(least, ..)| apart < *least) {
            best = Some((apart, rule, quantised));
        }
    }
    let (_, rule, model) = best.ok_or(ExportError::NoPictures)?;
    Ok(Fitted { model, rule, products: eight.products(), tried })
}

/// All outputs on all pictures.
fn outputs(runtime: &Runtime, model: &Model, pictures: &[&Rgb288], threads: usize) -> Result<Vec<f32>, ExportError> {
    let mut session = ImageSession::open(runtime, "the graph to compare", model, threads)?;
    let mut all = Vec::new();
    for picture in pictures {
        all.extend(session.run(picture.as_bytes())?.into_values().flatten());
    }
    Ok(all)
}
