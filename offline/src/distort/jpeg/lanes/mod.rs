//! Eight 16-bit values at a time: what the steps here are written in.
//!
//! Two implementations: the registers that every x86-64 has (SSE2), and plain arrays for every other machine, which take
//! a few times as long. All is integer arithmetic, so they agree to the bit.
//!
//! The steps spell arrays out, since `map` on an array of registers is not always inlined.

#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain;
#[cfg(target_arch = "x86_64")]
mod sse2;

#[cfg(any(test, not(target_arch = "x86_64")))]
pub(super) use plain::Plain;
#[cfg(target_arch = "x86_64")]
pub(super) use sse2::Sse2;

/// What this machine has.
#[cfg(target_arch = "x86_64")]
pub(super) type Native = Sse2;
/// What this machine has.
#[cfg(not(target_arch = "x86_64"))]
pub(super) type Native = Plain;

/// Eight signed 16-bit values. Sums and products wrap unless said otherwise.
pub(super) trait Lanes: Copy {
    /// As many 32-bit values.
    type Wide: Wide<Narrow = Self>;

    fn from_array(values: [i16; 8]) -> Self;
    fn to_array(self) -> [i16; 8];
    fn splat(value: i16) -> Self;

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    /// The lower half of the product.
    fn mul(self, other: Self) -> Self;
    /// The upper half of the signed product.
    fn mul_high(self, other: Self) -> Self;
    /// The upper half of the product of both read as unsigned.
    fn mul_high_unsigned(self, other: Self) -> Self;
    fn shift_left<const BITS: i32>(self) -> Self;
    /// Keeps the sign: divides and rounds down.
    fn shift_right<const BITS: i32>(self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn is_zero(self) -> bool;

    /// `self · own + other · others`, exactly.
    fn weigh(self, other: Self, own: i16, others: i16) -> Self::Wide;
    /// As 32-bit values, times `2^BITS`.
    fn widen<const BITS: i32>(self) -> Self::Wide;
    /// Sums of neighbours: those of `self`, then those of `other`; they must fit into 16 bits.
    fn add_neighbours(self, other: Self) -> Self;
    /// One of `self`, one of `other`, and so on.
    fn alternate(self, other: Self) -> [Self; 2];
    /// Rows become columns.
    fn transpose(rows: [Self; 8]) -> [Self; 8];

    /// Red, green and blue (0..=255) of 16 pixels.
    fn from_rgb(rgb: &[u8; 48]) -> [[Self; 2]; 3];
    /// 16 pixels of red, green and blue, 128 being added; clipped to 0..=255.
    fn to_rgb(rgb: [[Self; 2]; 3]) -> [u8; 48];
}

/// Eight signed 32-bit values.
pub(super) trait Wide: Copy {
    /// As many 16-bit values.
    type Narrow: Lanes<Wide = Self>;

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    /// Divided by `2^BITS` (from 1), rounded to the nearest, halves up; clipped to 16 bits.
    fn narrow<const BITS: i32>(self) -> Self::Narrow;
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// Values of all sizes, also the ends of the range.
    fn values(seed: u32) -> [i16; 8] {
        std::array::from_fn(|i| match (seed + i as u32) % 11 {
            0 => i16::MIN,
            1 => i16::MAX,
            k => (seed.wrapping_mul(2_654_435_761).wrapping_add(i as u32 * 40_503) >> (k + 5)) as i16,
        })
    }

    /// What every operation makes of `a` and `b`.
    fn results<V: Lanes>(a: [i16; 8], b: [i16; 8]) -> Vec<[i16; 8]> {
        let (a, b) = (V::from_array(a), V::from_array(b));
        let halves = [a.shift_right::<1>(), b.shift_right::<1>()];
        let mut all = vec![
            a.add(b),
            a.sub(b),
            a.mul(b),
            a.mul_high(b),
            a.mul_high_unsigned(b),
            a.shift_left::<3>(),
            a.shift_right::<5>(),
            a.min(b),
            a.max(b),
            a.or(b),
            a.xor(b),
            V::splat(-7),
            a.weigh(b, 12_345, -6_789).narrow::<11>(),
            a.weigh(b, 12_345, -6_789).add(b.widen::<13>()).narrow::<16>(),
            a.widen::<9>().sub(b.widen::<13>()).narrow::<3>(),
            halves[0].add_neighbours(halves[1]),
        ];
        all.extend(a.alternate(b));
        all.extend(V::transpose([a, b, a.add(b), a.sub(b), a.max(b), a.mul(b), a.mul_high(b), b.shift_left::<2>()]));
        let small = [a.shift_right::<7>(), b.shift_right::<6>()];
        let rgb = V::to_rgb([small, [small[1], small[0]], [a, b]]);
        all.extend(V::from_rgb(&rgb).into_iter().flatten());
        let zero = a.sub(a);
        assert!(zero.is_zero());
        assert!(!V::splat(256).is_zero());
        all.into_iter().map(V::to_array).collect()
    }

    #[test]
    fn registers_and_arrays_agree() {
        for seed in 0..200 {
            let (a, b) = (values(seed), values(7 * seed + 3));
            assert_eq!(results::<Sse2>(a, b), results::<Plain>(a, b), "{a:?} {b:?}");
        }
    }
}
