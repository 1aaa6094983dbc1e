//! What a vision transformer says of a picture: a descriptor and a salience for each patch.

use std::path::PathBuf;

use image::RgbImage;
use miqa::engine::Runtime;

use super::MaskError;
use super::dense::{Dense, DenseModel};
use super::models::{DescriptorModel, VoteKind};
use super::upscale::Map;

/// The patches of one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Patches {
    /// Rows and columns of the grid: the input is square.
    pub side: usize,
    /// A descriptor of unit length for each patch, one behind the other, row by row.
    pub descriptors: Vec<f32>,
    /// Salience of each patch over the picture's own range, 0..=1.
    pub salience: Vec<f32>,
}

/// A descriptor model, open for work.
pub(super) struct Describer {
    settings: DescriptorModel,
    model: DenseModel,
}

impl Describer {
    /// Opens the model; its file is searched in `folders`.
    pub(super) fn open(runtime: &Runtime, settings: &DescriptorModel, folders: &[PathBuf]) -> Result<Self, MaskError> {
        let file = (settings.name.as_str(), settings.file.as_str(), settings.sha256.as_deref());
        let outputs = [settings.descriptors.as_str(), settings.vote.output.as_str()];
        let model = DenseModel::open(runtime, file, folders, &settings.input, &outputs)?;
        Ok(Self { settings: settings.clone(), model })
    }

    /// The patches of a picture.
    pub(super) fn describe(&mut self, rgb: &RgbImage) -> Result<Patches, MaskError> {
        let names = [self.settings.descriptors.as_str(), self.settings.vote.output.as_str()];
        let mut dense = self.model.run(rgb, &names)?;
        let (vote, tokens) = (dense.swap_remove(1), dense.swap_remove(0));
        let side = (self.settings.input.size / self.settings.patch) as usize;
        let (prefix, shape) = (self.settings.prefix, tokens.shape.clone());
        let descriptors = descriptors(&tokens, prefix, side, self.settings.context).ok_or_else(|| {
            let expected = format!("[1, {prefix} + {side}·{side}, width]");
            self.model.refuse(format!("`{}` has shape {shape:?}, expected {expected}", names[0]))
        })?;
        let shape = vote.shape.clone();
        let salience = salience(vote, self.settings.vote.kind, prefix, side)
            .ok_or_else(|| self.model.refuse(format!("`{}` of shape {shape:?} can't vote", names[1])))?;
        Ok(Patches { side, descriptors, salience })
    }
}

/// The descriptors of the patches, with their neighbours' if `context` is 1, each of unit length.
fn descriptors(tokens: &Dense, prefix: usize, side: usize, context: u8) -> Option<Vec<f32>> {
    let &[1, count, width] = tokens.shape.as_slice() else { return None };
    if count != prefix + side * side || width == 0 {
        return None;
    }
    let own = &tokens.values[prefix * width..];
    if context == 0 {
        return Some(of_unit_length(own.to_vec(), width));
    }
    // The bins around a patch; beyond the grid the outermost patch stands for what can't be seen.
    let clamp = |at: isize| at.clamp(0, side as isize - 1) as usize;
    let mut all = Vec::with_capacity(9 * own.len());
    for (y, x) in (0..side * side).map(|i| ((i / side) as isize, (i % side) as isize)) {
        for (dy, dx) in (0..9).map(|i| (i / 3 - 1, i % 3 - 1)) {
            let at = clamp(y + dy) * side + clamp(x + dx);
            all.extend_from_slice(&own[at * width..][..width]);
        }
    }
    Some(of_unit_length(all, 9 * width))
}

fn of_unit_length(mut descriptors: Vec<f32>, width: usize) -> Vec<f32> {
    for descriptor in descriptors.chunks_exact_mut(width) {
        let square: f64 = descriptor.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        let length = square.sqrt();
        if length > 0.0 {
            descriptor.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
        }
    }
    descriptors
}

/// The salience of the patches over the picture's own range.
fn salience(vote: Dense, kind: VoteKind, prefix: usize, side: usize) -> Option<Vec<f32>> {
    match kind {
        VoteKind::Map => Some(vote.map()?.stretched().cells(side, side)),
        VoteKind::Attention => {
            let &[1, heads, queries, tokens] = vote.shape.as_slice() else { return None };
            if heads == 0 || queries == 0 || prefix == 0 || tokens != prefix + side * side {
                return None;
            }
            // What the class token, the first, looks at.
            let of_head = |head: usize| &vote.values[head * queries * tokens + prefix..][..side * side];
            let sum = |i: usize| (0..heads).map(|head| of_head(head)[i]).sum();
            Some(Map { width: side, height: side, values: (0..side * side).map(sum).collect() }.stretched().values)
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn tokens_become_unit_descriptors_with_or_without_neighbours() {
        // A class token and four patches of two values.
        let tokens = || Dense { shape: vec![1, 5, 2], values: vec![9.0, 9.0, 3.0, 4.0, 0.0, 2.0, 5.0, 0.0, 0.0, 0.0] };
        assert_eq!(descriptors(&tokens(), 1, 2, 0).unwrap(), [0.6, 0.8, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        let wide = descriptors(&tokens(), 1, 2, 1).unwrap();
        assert_eq!(wide.len(), 4 * 18);
        // Around the first patch: itself four times, its right neighbour twice, the one below twice, the last once.
        let length = (4.0_f32 * 25.0 + 2.0 * 4.0 + 2.0 * 25.0).sqrt();
        let expected = [3.0, 4.0, 3.0, 4.0, 0.0, 2.0, 3.0, 4.0, 3.0, 4.0, 0.0, 2.0, 5.0, 0.0, 5.0, 0.0, 0.0, 0.0];
        assert!(wide[..18].iter().zip(expected).all(|(a, b)| (a - b / length).abs() < 1e-6), "{wide:?}");
        assert!(descriptors(&tokens(), 0, 2, 0).is_none());
    }

    #[test]
    fn the_class_tokens_attention_votes() {
        // Two heads, a class token and four patches; the second head looks everywhere alike.
        let vote = || Dense {
            shape: vec![1, 2, 5, 5],
            values: (0..50).map(|i| if i < 5 { [0.1, 0.5, 0.2, 0.1, 0.1][i] } else { 0.2 }).collect(),
        };
        let salience_of = |prefix| salience(vote(), VoteKind::Attention, prefix, 2);
        let found = salience_of(1).unwrap();
        assert!((found[0] - 1.0).abs() < 1e-6 && (found[1] - 0.25).abs() < 1e-6, "{found:?}");
        assert_eq!(found[2..], [0.0, 0.0]);
        assert!(salience_of(0).is_none() && salience_of(2).is_none());
    }
}
