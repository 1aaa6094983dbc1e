//! The pairwise term of the loss: a batch's samples in the order of their labels.

use tch::{Kind, Tensor};

/// Mean over all pairs (i, j) of a head whose labels differ, yᵢ > yⱼ, of max(0, (yᵢ − yⱼ) − (sᵢ − sⱼ)): the better sample's
/// score s shall lie above the other's by as much as its label does; lying further above costs nothing here.
///
/// `quality` and `labels` are f32 [B, heads], `mask` holds the weights of the labels, 0 where there is none; a pair weighs
/// the product. Heads with more pairs count more. 0 without a pair.
pub(super) fn ranking(quality: &Tensor, labels: &Tensor, mask: &Tensor) -> Tensor {
    let apart = |x: &Tensor| x.unsqueeze(1) - x.unsqueeze(0);
    let gaps = apart(labels);
    let pairs = mask.unsqueeze(1) * mask.unsqueeze(0) * gaps.gt(0.0).to_kind(Kind::Float);
    let short = (&gaps - apart(&quality.to_kind(Kind::Float))).relu();
    let weight = pairs.sum(Kind::Double).double_value(&[]);
    (short * pairs).sum(Kind::Float) / if weight > 0.0 { weight } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::network::to_vec;

    fn rows(values: &[f32], heads: i64) -> Tensor {
        Tensor::from_slice(values).view([-1, heads])
    }

    #[test]
    fn equals_a_computation_by_hand() {
        // Head 0: labels 0.9, 0.5, 0.5, one missing. Pairs (0, 1) and (0, 2), apart by 0.4 each.
        // Head 1: labels 0.2 and 0.8 of the first and last sample: the pair (3, 0), apart by 0.6.
        let labels = rows(&[0.9, 0.2, 0.5, 0.0, 0.5, 0.0, 0.0, 0.8], 2);
        let mask = rows(&[1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0], 2);
        let quality = rows(&[0.6, 0.5, 0.5, 7.0, 0.1, -7.0, 9.0, 0.4], 2).set_requires_grad(true);
        // Scores 0.1 and 0.5 apart instead of 0.4: short by 0.3, and not short. In head 1 −0.1 instead of 0.6: by 0.7.
        let loss = ranking(&quality, &labels, &mask);
        assert!((loss.double_value(&[]) - (0.3 + 0.0 + 0.7) / 3.0).abs() < 1e-6, "{}", loss.double_value(&[]));
        loss.backward();
        let third = 1.0_f32 / 3.0;
        let expected = [-third, third, third, 0.0, 0.0, 0.0, 0.0, -third];
        for (have, want) in to_vec(&quality.grad()).iter().zip(expected) {
            assert!((have - want).abs() < 1e-6, "{have} instead of {want}");
        }
        // A label of weight 3 gives its pairs that weight: head 0's sample 1, head 1's sample 3.
        let heavy = rows(&[1.0, 1.0, 3.0, 0.0, 1.0, 0.0, 0.0, 3.0], 2);
        let loss = ranking(&quality, &labels, &heavy).double_value(&[]);
        assert!((loss - (3.0 * 0.3 + 3.0 * 0.7) / 7.0).abs() < 1e-6, "{loss}");
    }

    #[test]
    fn labels_that_do_not_differ_are_no_pair() {
        let equal = rows(&[0.5, 0.5, 0.5], 1);
        let loss = ranking(&rows(&[3.0, 1.0, 2.0], 1), &equal, &Tensor::ones_like(&equal)).double_value(&[]);
        assert_eq!(loss, 0.0);
    }
}
