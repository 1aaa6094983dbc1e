//! What the parameters of a distortion are called, which values they may take, and lists of them checked.

use super::{DistortError, Distortion};

/// One parameter of a distortion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParameterSpec {
    /// Its name, for instance `sigma`.
    pub name: &'static str,
    /// The smallest value allowed.
    pub low: f64,
    /// The largest value allowed.
    pub high: f64,
    /// Only whole numbers are allowed.
    pub whole: bool,
}

impl ParameterSpec {
    /// A real number from `low` to `high`.
    #[must_use]
    pub const fn real(name: &'static str, low: f64, high: f64) -> Self {
        Self { name, low, high, whole: false }
    }

    /// A whole number from `low` to `high`.
    #[must_use]
    pub const fn whole(name: &'static str, low: f64, high: f64) -> Self {
        Self { name, low, high, whole: true }
    }

    fn allows(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value) && (!self.whole || value.fract() == 0.0)
    }
}

/// Checks a parameter list against what the distortion takes.
///
/// # Errors
/// [`DistortError::Missing`], [`DistortError::TooMany`] or [`DistortError::OutOfRange`].
pub fn check(distortion: &dyn Distortion, parameters: &[f64]) -> Result<(), DistortError> {
    let (name, specs) = (distortion.name(), distortion.parameters());
    if let Some(missing) = specs.get(parameters.len()) {
        return Err(DistortError::Missing { distortion: name, parameter: *missing });
    }
    if parameters.len() > specs.len() {
        let names = specs.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ");
        return Err(DistortError::TooMany { distortion: name, names, given: parameters.len() });
    }
    match specs.iter().zip(parameters).find(|(spec, value)| !spec.allows(**value)) {
        Some((&parameter, &value)) => Err(DistortError::OutOfRange { distortion: name, parameter, value }),
        None => Ok(()),
    }
}

/// The checked parameters, as many as the distortion has.
pub(super) fn checked<const N: usize>(
    distortion: &dyn Distortion,
    parameters: &[f64],
) -> Result<[f64; N], DistortError> {
    debug_assert_eq!(distortion.parameters().len(), N, "{} names other parameters", distortion.name());
    check(distortion, parameters)?;
    Ok(parameters.try_into().expect("the length was checked"))
}

/// Parameters in words, `sigma 0.0152` or `radius 3, alias sigma 0.5`: four digits after the point at most.
pub(super) fn in_words(specs: &[ParameterSpec], parameters: &[f64]) -> String {
    let one = |(spec, value): (&ParameterSpec, &f64)| {
        let digits = format!("{value:.4}");
        format!("{} {}", spec.name.replace('_', " "), digits.trim_end_matches('0').trim_end_matches('.'))
    };
    specs.iter().zip(parameters).map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::distort::find;

    #[test]
    fn wrong_lists_name_distortion_parameter_and_range() {
        for (name, list, parts) in [
            ("fog", &[0.1][..], &["`fog`", "`decay`", "1 to 100"][..]),
            ("gaussian_noise", &[], &["`gaussian_noise`", "`sigma`", "0 to 10"]),
            ("gaussian_noise", &[0.1, 0.2], &["`gaussian_noise`", "2 parameters", "sigma"]),
            ("darkness", &[1.5], &["`darkness`", "`loss`", "1.5", "0 to 1"]),
            ("darkness", &[f64::NAN], &["`loss`", "NaN"]),
            ("jpeg_compression", &[50.5], &["`quality`", "whole number from 0 to 100"]),
            ("defocus_blur", &[f64::INFINITY, 0.5], &["`radius`", "inf"]),
        ] {
            let text = check(find(name).unwrap(), list).unwrap_err().to_string();
            assert!(parts.iter().all(|part| text.contains(part)), "{name} {list:?}: {text}");
        }
        assert!(check(find("fog").unwrap(), &[0.1, 3.0]).is_ok());
    }

    #[test]
    fn words() {
        assert_eq!(find("gaussian_noise").unwrap().describe(&[0.015_199_1]), "sigma 0.0152");
        assert_eq!(find("defocus_blur").unwrap().describe(&[10.0, 0.5]), "radius 10, alias sigma 0.5");
    }
}
