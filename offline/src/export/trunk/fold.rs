use super::constants::Attributes;
use super::read::Reader;
use super::steps::Step;
use crate::export::onnx::Node;
use crate::export::weights::Array;

/// ONNX's default for the epsilon of a batch normalisation.
const EPSILON: f32 = 1e-5;

impl Reader<'_> {
    /// Multiplies a batch normalisation with stored statistics into the convolution before it; gives that one's value.
    /// `sole` says whether there is one whose result nobody else reads.
    pub(super) fn fold(&mut self, node: &Node, sole: bool) -> Result<Option<usize>, String> {
        let attributes = Attributes(node);
        if attributes.int("training_mode", 0) != 0 {
            return Err("normalises by the batch; export the classifier for inference".to_owned());
        }
        let name = node.inputs.first().map_or("", String::as_str);
        let value = self.values.get(name).copied().filter(|&value| sole && value > 0);
        let step = value.and_then(|value| self.steps.get(value - 1).cloned());
        let (Some(value), Some(Step::Conv { weight, bias, .. })) = (value, step) else {
            return Err("does not stand behind a Conv of its own, so it can't be folded into one".to_owned());
        };
        let mut four = Vec::new();
        for place in 1..5 {
            four.push(self.floats(node, place)?.ok_or("lacks scale, bias, mean or variance")?.values);
        }
        let [scale, shift, mean, variance] = <[Vec<f32>; 4]>::try_from(four).map_err(|_| "lacks statistics")?;
        let mut kernel = self.weights.get(&weight).map_err(|e| e.to_string())?.clone();
        let channels = kernel.shape[0];
        if [&scale, &shift, &mean, &variance].iter().any(|values| values.len() != channels) {
            return Err(format!("has statistics that do not fit {channels} channels"));
        }
        let epsilon = attributes.float("epsilon").unwrap_or(EPSILON);
        // In 64 bits, so that folding adds no error of its own beyond the last rounding.
        let factor: Vec<f64> =
            (0..channels).map(|c| f64::from(scale[c]) / f64::from(variance[c] + epsilon).sqrt()).collect();
        let each = kernel.values.len() / channels.max(1);
        for (values, factor) in kernel.values.chunks_exact_mut(each.max(1)).zip(&factor) {
            values.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
        }
        self.weights.insert(&weight, kernel);
        let before = match &bias {
            Some(bias) => self.weights.get(bias).map_err(|e| e.to_string())?.values.clone(),
            None => vec![0.0; channels],
        };
        let values = (0..channels)
            .map(|c| ((f64::from(before[c]) - f64::from(mean[c])) * factor[c] + f64::from(shift[c])) as f32)
            .collect();
        let folded = Array { shape: vec![channels], values };
        match bias {
            Some(bias) => self.weights.insert(&bias, folded),
            None => {
                let name = self.train(&node.inputs[2], folded);
                if let Some(Step::Conv { bias, .. }) = self.steps.get_mut(value - 1) {
                    *bias = Some(name);
                }
            }
        }
        Ok(Some(value))
    }
}
