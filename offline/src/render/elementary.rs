//! `exp`, `ln`, sine, cosine and the normal quantile from IEEE additions, multiplications, divisions and roots only.
//!
//! The platform's libm may differ in the last bit between machines, and one bit can tip a truncation;
//! these give the same bits wherever f64 is IEEE 754 (rustc never fuses multiply and add by itself).

/// Natural logarithm of a positive, normal `x`; relative error below 1e-15.
#[must_use]
pub fn ln(x: f64) -> f64 {
    debug_assert!(x.is_normal() && x > 0.0);
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    // ln m = 2 artanh((m − 1)/(m + 1)); |s| ≤ 0.172, so twelve terms reach the last bit.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = (0..12).rev().fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k + 1));
    2.0 * s * series + exponent as f64 * std::f64::consts::LN_2
}

/// `e` to the power `x` for -700 ≤ x ≤ 700 (0 below); relative error below 1e-14.
#[must_use]
pub fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    let power = (x / std::f64::consts::LN_2).round();
    let rest = x - power * std::f64::consts::LN_2;
    let series = (1..=16).rev().fold(1.0, |sum, k| 1.0 + rest / f64::from(k) * sum);
    series * f64::from_bits(((power as i64 + 1023) as u64) << 52)
}

/// (sine, cosine) of an angle in degrees, -1e6 ≤ `degrees` ≤ 1e6; error below 1e-15, none at multiples of 90.
#[must_use]
pub fn sine_cosine(degrees: f64) -> (f64, f64) {
    let quarters = (degrees / 90.0).round();
    // At most π/4, where nine terms reach the last bit.
    let x = (degrees - 90.0 * quarters) * std::f64::consts::PI / 180.0;
    let square = x * x;
    let series = |first: i32| {
        (0..9).rev().map(|k| 2 * k + first).fold(1.0, |sum, k| 1.0 - square / f64::from((k + 1) * (k + 2)) * sum)
    };
    let (sine, cosine) = (x * series(1), series(0));
    match (quarters as i64).rem_euclid(4) {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

/// The standard normal deviate below which a share `p` of the distribution lies, 0 < p < 1.
///
/// Algorithm AS 241, PPND16 (Wichura 1988): about 16 digits.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * horner(r, &CENTRE_NUMERATOR) / horner(r, &CENTRE_DENOMINATOR);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-ln(tail)).sqrt();
    let x = if r <= 5.0 {
        horner(r - 1.6, &NEAR_NUMERATOR) / horner(r - 1.6, &NEAR_DENOMINATOR)
    } else {
        horner(r - 5.0, &FAR_NUMERATOR) / horner(r - 5.0, &FAR_DENOMINATOR)
    };
    if q < 0.0 { -x } else { x }
}

#[inline]
fn horner(x: f64, coefficients: &[f64; 8]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

const CENTRE_NUMERATOR: [f64; 8] = [
    3.3871328727963665,
    133.14166789178438,
    1971.5909503065513,
    13731.69376550946,
    45921.95393154987,
    67265.7709270087,
    33430.57558358813,
    2509.0809287301227,
];

const CENTRE_DENOMINATOR: [f64; 8] = [
    1.0,
    42.31333070160091,
    687.1870074920579,
    5394.196021424751,
    21213.794301586597,
    39307.89580009271,
    28729.085735721943,
    5226.495278852854,
];

const NEAR_NUMERATOR: [f64; 8] = [
    1.4234371107496835,
    4.630337846156546,
    5.769497221460691,
    3.6478483247632045,
    1.2704582524523684,
    0.2417807251774506,
    0.022723844989269184,
    0.0007745450142783414,
];

const NEAR_DENOMINATOR: [f64; 8] = [
    1.0,
    2.053191626637759,
    1.6763848301838038,
    0.6897673349851,
    0.14810397642748008,
    0.015198666563616457,
    0.0005475938084995345,
    1.0507500716444169e-09,
];

const FAR_NUMERATOR: [f64; 8] = [
    6.657904643501103,
    5.463784911164114,
    1.7848265399172913,
    0.29656057182850487,
    0.026532189526576124,
    0.0012426609473880784,
    2.7115555687434876e-05,
    2.0103343992922881e-07,
];

const FAR_DENOMINATOR: [f64; 8] = [
    1.0,
    0.599832206555888,
    0.1369298809227358,
    0.014875361290850615,
    0.0007868691311456133,
    1.8463183175100548e-05,
    1.421511758316446e-07,
    2.0442631033899397e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agree_with_the_platform() {
        for i in 1..=20_000 {
            let x = f64::from(i) / 20_001.0;
            let (ours, theirs) = (ln(x), x.ln());
            assert!((ours - theirs).abs() <= 1e-15 * theirs.abs().max(1e-3), "ln {x}: {ours} {theirs}");
            let y = -40.0 * x;
            let (ours, theirs) = (exp(y), y.exp());
            assert!((ours - theirs).abs() <= 1e-14 * theirs, "exp {y}: {ours} {theirs}");
        }
        for i in -8_000..8_000 {
            let degrees = f64::from(i) * 0.09;
            let (sine, cosine) = sine_cosine(degrees);
            let (sine_there, cosine_there) = degrees.to_radians().sin_cos();
            // Radians beyond a turn are themselves rounded.
            assert!((sine - sine_there).abs() < 2e-15 && (cosine - cosine_there).abs() < 2e-15, "{degrees}");
        }
        assert_eq!((sine_cosine(-90.0), sine_cosine(180.0), sine_cosine(0.0)), ((-1.0, 0.0), (0.0, -1.0), (0.0, 1.0)));
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e4), 0.0);
        assert!((ln(1e-300) - 1e-300_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn quantiles_of_the_normal_distribution() {
        // R: qnorm(p), 15 digits.
        for (p, expected) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.9, 1.281_551_565_544_600_4),
            (1e-3, -3.090_232_306_167_813_6),
            (1e-10, -6.361_340_902_404_056),
            (1e-15, -7.941_345_326_170_998),
        ] {
            let found = normal_quantile(p);
            assert!((found - expected).abs() <= 2e-13, "{p}: {found} {expected}");
            if p > 1e-9 {
                assert!((normal_quantile(1.0 - p) + found).abs() < 1e-12, "{p} is not symmetric");
            }
        }
    }
}
