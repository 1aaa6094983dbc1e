//! Lanes as arrays.

use std::array::from_fn;

use super::{Lanes, Wide};

/// Eight 16-bit values in an array.
#[derive(Clone, Copy)]
pub(in super::super) struct Plain([i16; 8]);

/// Eight 32-bit values in an array.
#[derive(Clone, Copy)]
pub(in super::super) struct PlainWide([i32; 8]);

impl Plain {
    #[inline(always)]
    fn each(self, other: Self, of: impl Fn(i16, i16) -> i16) -> Self {
        Self(from_fn(|i| of(self.0[i], other.0[i])))
    }
}

impl Lanes for Plain {
    type Wide = PlainWide;

    #[inline(always)]
    fn from_array(values: [i16; 8]) -> Self {
        Self(values)
    }

    #[inline(always)]
    fn to_array(self) -> [i16; 8] {
        self.0
    }

    #[inline(always)]
    fn splat(value: i16) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.each(other, i16::wrapping_add)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.each(other, i16::wrapping_sub)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.each(other, i16::wrapping_mul)
    }

    #[inline(always)]
    fn mul_high(self, other: Self) -> Self {
        self.each(other, |a, b| ((i32::from(a) * i32::from(b)) >> 16) as i16)
    }

    #[inline(always)]
    fn mul_high_unsigned(self, other: Self) -> Self {
        self.each(other, |a, b| ((u32::from(a as u16) * u32::from(b as u16)) >> 16) as i16)
    }

    #[inline(always)]
    fn shift_left<const BITS: i32>(self) -> Self {
        Self(self.0.map(|v| v << BITS))
    }

    #[inline(always)]
    fn shift_right<const BITS: i32>(self) -> Self {
        Self(self.0.map(|v| v >> BITS))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.each(other, i16::min)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.each(other, i16::max)
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self.each(other, |a, b| a | b)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self.each(other, |a, b| a ^ b)
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        self.0 == [0; 8]
    }

    #[inline(always)]
    fn weigh(self, other: Self, own: i16, others: i16) -> PlainWide {
        let product = |a: i16, b: i16| i32::from(a) * i32::from(b);
        PlainWide(from_fn(|i| product(self.0[i], own).wrapping_add(product(other.0[i], others))))
    }

    #[inline(always)]
    fn widen<const BITS: i32>(self) -> PlainWide {
        PlainWide(self.0.map(|v| i32::from(v) << BITS))
    }

    #[inline(always)]
    fn add_neighbours(self, other: Self) -> Self {
        let both = [self.0, other.0];
        Self(from_fn(|i| both[i / 4][2 * (i % 4)].wrapping_add(both[i / 4][2 * (i % 4) + 1])))
    }

    #[inline(always)]
    fn alternate(self, other: Self) -> [Self; 2] {
        let both = [self.0, other.0];
        [0, 4].map(|from| Self(from_fn(|i| both[i % 2][from + i / 2])))
    }

    #[inline(always)]
    fn transpose(rows: [Self; 8]) -> [Self; 8] {
        from_fn(|x| Self(from_fn(|y| rows[y].0[x])))
    }

    #[inline(always)]
    fn from_rgb(rgb: &[u8; 48]) -> [[Self; 2]; 3] {
        from_fn(|c| [0, 8].map(|from| Self(from_fn(|i| i16::from(rgb[3 * (from + i) + c])))))
    }

    #[inline(always)]
    fn to_rgb(rgb: [[Self; 2]; 3]) -> [u8; 48] {
        from_fn(|k| {
            let (x, c) = (k / 3, k % 3);
            rgb[c][x / 8].0[x % 8].saturating_add(128).clamp(0, 255) as u8
        })
    }
}

impl Wide for PlainWide {
    type Narrow = Plain;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_add(other.0[i])))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i].wrapping_sub(other.0[i])))
    }

    #[inline(always)]
    fn narrow<const BITS: i32>(self) -> Plain {
        let clip = |v: i32| v.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        Plain(self.0.map(|v| clip(v.wrapping_add(1 << (BITS - 1)) >> BITS)))
    }
}
