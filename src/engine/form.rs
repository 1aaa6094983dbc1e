//! What a card says about a model that was converted from another: its numbers' form, and what that costs and gains.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Numbers that a converted model computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FormKind {
    /// 16-bit floats where that is sound.
    Fp16,
    /// 8-bit integers in products and sums of the large layers.
    Int8,
}

impl std::fmt::Display for FormKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        })
    }
}

/// How a converted model was made, and how far it is from the one that it was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// Its numbers.
    pub kind: FormKind,
    /// SHA-256 of the model file that it was made from.
    pub made_from: String,
    /// The pictures that its ranges were fitted to; empty where none were needed.
    pub calibrated_on: String,
    /// The pictures that what follows was measured on.
    pub judged_on: String,
    /// Largest difference of a score.
    pub max_difference: f64,
    /// Mean difference of a score.
    pub mean_difference: f64,
    /// Time of the float model over that of this one: one picture, one thread, median.
    pub speed: f64,
    /// The processor that it was measured on.
    pub processor: String,
    /// What rank correlation with the labels each head loses; empty where there were no labels.
    #[serde(default)]
    pub srcc_loss: BTreeMap<String, Loss>,
}

/// A loss of rank correlation; below 0 for a gain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// The float model's correlation less this one's.
    pub value: f64,
    /// Lower end of its 95 % interval, by original.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl std::fmt::Display for Form {
    /// One line: the form, the head that loses most, differences, speed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}…", self.kind, self.made_from.get(..12).unwrap_or(&self.made_from))?;
        match self.srcc_loss.iter().max_by(|a, b| a.1.value.total_cmp(&b.1.value)) {
            Some((head, loss)) => {
                write!(f, ", loses at most {:.4} SRCC [{:.4}, {:.4}] ({head})", loss.value, loss.low, loss.high)?;
            }
            None => f.write_str(", loss of SRCC not measured")?,
        }
        write!(f, ", scores within {:.3}, {:.2} times as fast ({})", self.max_difference, self.speed, self.processor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_names_the_worst_head() {
        let loss = |value| Loss { value, low: value - 0.001, high: value + 0.001 };
        let mut form = Form {
            kind: FormKind::Int8,
            made_from: "6ea741b1493e224f".to_owned(),
            calibrated_on: "200 samples".to_owned(),
            judged_on: "3500 samples".to_owned(),
            max_difference: 0.0412,
            mean_difference: 0.004,
            speed: 1.734,
            processor: "a CPU".to_owned(),
            srcc_loss: BTreeMap::from([("a".to_owned(), loss(0.002)), ("b".to_owned(), loss(0.0035))]),
        };
        let text = form.to_string();
        assert_eq!(
            text,
            "int8 of 6ea741b1493e…, loses at most 0.0035 SRCC [0.0025, 0.0045] (b), scores within 0.041, 1.73 times as fast (a CPU)"
        );
        form.srcc_loss.clear();
        assert!(form.to_string().contains("not measured"));
    }
}
