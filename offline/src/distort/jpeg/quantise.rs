//! Quantisation and back, with the standard's example tables.

use std::array::from_fn;

use super::lanes::Lanes;

/// Steps for brightness at quality 50 (T.81, table K.1).
pub(super) const LUMINANCE: [[u8; 8]; 8] = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
];

/// Steps for colour at quality 50 (T.81, table K.2).
pub(super) const CHROMINANCE: [[u8; 8]; 8] = [
    [17, 18, 24, 47, 99, 99, 99, 99],
    [18, 21, 26, 66, 99, 99, 99, 99],
    [24, 26, 56, 99, 99, 99, 99, 99],
    [47, 66, 99, 99, 99, 99, 99, 99],
    [99; 8],
    [99; 8],
    [99; 8],
    [99; 8],
];

/// The step of a quality, as libjpeg scales it: 0 counts as 1, and baseline files hold steps of 1..=255.
fn step(at_fifty: u8, quality: u8) -> u16 {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    ((u32::from(at_fifty) * percent + 50) / 100).clamp(1, 255) as u16
}

/// Rounds coefficients to multiples of a table's steps.
pub(super) struct Quantiser<V> {
    rows: [Row<V>; 8],
}

/// What divides eight coefficients.
///
/// With d = 8·step (the transform scales by 8), the quotient is ⌊(|c| + d/2) / d⌋. Instead of dividing n, it is multiplied
/// by r = ⌈2^(16+s) / d⌉ and shifted by 16 + s, where 2^s ≤ d: for n < 2^15, the excess n·(r·d − 2^(16+s)) < 2^15·2^(s+1)
/// is too small to reach the next integer.
#[derive(Clone, Copy)]
struct Row<V> {
    step: V,
    half: V,
    /// r, as unsigned bits.
    reciprocal: V,
    /// 2^(16−s), whose product's upper half is the shift by s.
    shift: V,
}

impl<V: Lanes> Quantiser<V> {
    pub(super) fn new(at_fifty: &[[u8; 8]; 8], quality: u8) -> Self {
        let rows = at_fifty.map(|row| {
            let steps = row.map(|base| step(base, quality));
            let divisors = steps.map(|step| 8 * u32::from(step));
            // A power of two would need a seventeenth bit: half of it, and one shift less, is as exact.
            let shifts = divisors.map(|d| d.ilog2() - u32::from(d.is_power_of_two()));
            Row {
                step: V::from_array(steps.map(|step| step as i16)),
                half: V::from_array(steps.map(|step| 4 * step as i16)),
                reciprocal: V::from_array(from_fn(|i| (1_u32 << (16 + shifts[i])).div_ceil(divisors[i]) as i16)),
                shift: V::from_array(shifts.map(|s| 1 << (16 - s))),
            }
        });
        Self { rows }
    }

    /// Coefficients times 8 → the nearest multiples of the steps, halves away from zero.
    #[inline(always)]
    pub(super) fn round(&self, coefficients: [V; 8]) -> [V; 8] {
        from_fn(|i| {
            let Row { step, half, reciprocal, shift } = self.rows[i];
            let c = coefficients[i];
            let zero = V::splat(0);
            let size = c.max(zero.sub(c)).add(half);
            let multiple = size.mul_high_unsigned(reciprocal).mul_high_unsigned(shift).mul(step);
            // 0 or −1, so that flipping all bits and adding 1 negates.
            let sign = c.shift_right::<15>();
            multiple.xor(sign).sub(sign)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Plain;
    use super::*;

    #[test]
    fn multiplying_divides_exactly() {
        for quality in [0, 1, 2, 9, 27, 50, 72, 90, 99, 100] {
            for table in [LUMINANCE, CHROMINANCE] {
                let quantiser = Quantiser::<Plain>::new(&table, quality);
                for c in (-15_000_i16..15_000).step_by(37) {
                    for (row, rounded) in table.iter().zip(quantiser.round([Plain::splat(c); 8])) {
                        for (&base, rounded) in row.iter().zip(rounded.to_array()) {
                            let step = i32::from(step(base, quality));
                            let quotient = (i32::from(c).abs() + 4 * step) / (8 * step);
                            assert_eq!(i32::from(rounded), quotient * step * i32::from(c.signum()), "{c} by {step}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn steps_of_a_quality() {
        assert_eq!([100, 90, 50, 25, 1, 0].map(|quality| step(16, quality)), [1, 3, 16, 32, 255, 255]);
    }
}
