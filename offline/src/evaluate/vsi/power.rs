//! Powers of `f32` from IEEE additions, multiplications and divisions only, without branches: a loop over a slice is
//! vectorised, and every machine gets the same bits.

use std::f32::consts::LN_2;

/// Bits of √½, where mantissas begin.
const ROOT_HALF: u32 = 0x3f35_04f3;
/// 1.5 · 2²³: what is added to it loses its fraction, rounded to the nearest.
const ROUND: f32 = 12_582_912.0;

/// Logarithm to base 2 of a positive, normal `x`; error below 3e-7 of its size or 1e-7, whichever is more.
pub(super) fn log2(x: f32) -> f32 {
    let exponent = x.to_bits().wrapping_sub(ROOT_HALF).cast_signed() >> 23;
    let mantissa = f32::from_bits(x.to_bits().wrapping_sub((exponent << 23).cast_unsigned()));
    // ln m = 2 artanh((m − 1)/(m + 1)), |s| ≤ 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = 1.0 + square * (1.0 / 3.0 + square * (0.2 + square * (1.0 / 7.0 + square * (1.0 / 9.0))));
    exponent as f32 + (2.0 / LN_2) * s * series
}

/// 2 to the power `x` for -126 ≤ x ≤ 126; relative error below 2e-7.
pub(super) fn exp2(x: f32) -> f32 {
    let rounded = x + ROUND;
    let rest = (x - (rounded - ROUND)) * LN_2;
    let cubic = 1.0 / 6.0 + rest * (1.0 / 24.0 + rest * (1.0 / 120.0 + rest * (1.0 / 720.0 + rest / 5040.0)));
    let series = 1.0 + rest * (1.0 + rest * (0.5 + rest * cubic));
    series * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

/// A positive, normal `x` to the power `y`, for results from 2⁻¹²⁶ to 2¹²⁶.
pub(super) fn pow(x: f32, y: f32) -> f32 {
    exp2(y * log2(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agree_with_the_platform() {
        for i in 1..200_000 {
            let x = i as f32 / 40_000.0;
            let (ours, theirs) = (f64::from(log2(x)), f64::from(x).log2());
            assert!((ours - theirs).abs() <= (3e-7 * theirs.abs()).max(1e-7), "log2 {x}: {ours} and {theirs}");
            let y = (i - 100_000) as f32 / 1000.0;
            let (ours, theirs) = (f64::from(exp2(y)), f64::from(y).exp2());
            assert!((ours / theirs - 1.0).abs() < 2e-7, "2^{y}: {ours} and {theirs}");
            let (ours, theirs) = (f64::from(pow(x, 2.4)), f64::from(x).powf(2.4));
            assert!((ours / theirs - 1.0).abs() < 6e-6, "{x}^2.4: {ours} and {theirs}");
        }
        assert_eq!((log2(1.0), log2(0.25), exp2(3.0)), (0.0, -2.0, 8.0));
    }
}
