//! Lanes as registers of x86-64, which has SSE2 by definition.

use safe_arch as sse;
use safe_arch::m128i;

use super::{Lanes, Wide};

/// Eight 16-bit values in a register.
#[derive(Clone, Copy)]
pub(in super::super) struct Sse2(m128i);

/// Eight 32-bit values in two registers.
#[derive(Clone, Copy)]
pub(in super::super) struct Sse2Wide(m128i, m128i);

impl Lanes for Sse2 {
    type Wide = Sse2Wide;

    #[inline(always)]
    fn from_array(values: [i16; 8]) -> Self {
        Self(m128i::from(values))
    }

    #[inline(always)]
    fn to_array(self) -> [i16; 8] {
        self.0.into()
    }

    #[inline(always)]
    fn splat(value: i16) -> Self {
        Self(m128i::from([value; 8]))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(sse::add_i16_m128i(self.0, other.0))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(sse::sub_i16_m128i(self.0, other.0))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(sse::mul_i16_keep_low_m128i(self.0, other.0))
    }

    #[inline(always)]
    fn mul_high(self, other: Self) -> Self {
        Self(sse::mul_i16_keep_high_m128i(self.0, other.0))
    }

    #[inline(always)]
    fn mul_high_unsigned(self, other: Self) -> Self {
        Self(sse::mul_u16_keep_high_m128i(self.0, other.0))
    }

    #[inline(always)]
    fn shift_left<const BITS: i32>(self) -> Self {
        Self(sse::shl_imm_u16_m128i::<BITS>(self.0))
    }

    #[inline(always)]
    fn shift_right<const BITS: i32>(self) -> Self {
        Self(sse::shr_imm_i16_m128i::<BITS>(self.0))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(sse::min_i16_m128i(self.0, other.0))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(sse::max_i16_m128i(self.0, other.0))
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(sse::bitor_m128i(self.0, other.0))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(sse::bitxor_m128i(self.0, other.0))
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        sse::move_mask_i8_m128i(sse::cmp_eq_mask_i8_m128i(self.0, sse::zeroed_m128i())) == 0xffff
    }

    #[inline(always)]
    fn weigh(self, other: Self, own: i16, others: i16) -> Sse2Wide {
        let factors = m128i::from([own, others, own, others, own, others, own, others]);
        let [low, high] = self.alternate(other);
        Sse2Wide(sse::mul_i16_horizontal_add_m128i(low.0, factors), sse::mul_i16_horizontal_add_m128i(high.0, factors))
    }

    #[inline(always)]
    fn widen<const BITS: i32>(self) -> Sse2Wide {
        self.weigh(Self(sse::zeroed_m128i()), 1 << BITS, 0)
    }

    #[inline(always)]
    fn add_neighbours(self, other: Self) -> Self {
        let one = m128i::from([1_i16; 8]);
        let sums = |v: m128i| sse::mul_i16_horizontal_add_m128i(v, one);
        Self(sse::pack_i32_to_i16_m128i(sums(self.0), sums(other.0)))
    }

    #[inline(always)]
    fn alternate(self, other: Self) -> [Self; 2] {
        [Self(sse::unpack_low_i16_m128i(self.0, other.0)), Self(sse::unpack_high_i16_m128i(self.0, other.0))]
    }

    #[inline(always)]
    fn transpose(rows: [Self; 8]) -> [Self; 8] {
        // Rows i and i + 4 alternate: each round moves the index's bits by one, so after three, column and row are swapped.
        let round = |[a, b, c, d, e, f, g, h]: [Self; 8]| {
            let [[a, b], [c, d], [e, f], [g, h]] = [a.alternate(e), b.alternate(f), c.alternate(g), d.alternate(h)];
            [a, b, c, d, e, f, g, h]
        };
        round(round(round(rows)))
    }

    #[inline(always)]
    fn from_rgb(rgb: &[u8; 48]) -> [[Self; 2]; 3] {
        // Alternating the two halves of 48 bytes moves byte p to 2p modulo 47. Four times makes 16p: byte 3k+c lands at
        // 48k+16c, which is 16c+k.
        let [mut a, mut b, mut c]: [m128i; 3] = bytemuck::cast(*rgb);
        for _ in 0..4 {
            [a, b, c] = [
                sse::unpack_low_i8_m128i(a, sse::byte_shr_imm_u128_m128i::<8>(b)),
                sse::unpack_low_i8_m128i(sse::byte_shr_imm_u128_m128i::<8>(a), c),
                sse::unpack_low_i8_m128i(b, sse::byte_shr_imm_u128_m128i::<8>(c)),
            ];
        }
        let zero = sse::zeroed_m128i();
        let wide = |v: m128i| [Self(sse::unpack_low_i8_m128i(v, zero)), Self(sse::unpack_high_i8_m128i(v, zero))];
        [wide(a), wide(b), wide(c)]
    }

    #[inline(always)]
    fn to_rgb(rgb: [[Self; 2]; 3]) -> [u8; 48] {
        let clip = |[low, high]: [Self; 2]| {
            sse::bitxor_m128i(sse::pack_i16_to_i8_m128i(low.0, high.0), m128i::from([i8::MIN; 16]))
        };
        let [red, green, blue] = [clip(rgb[0]), clip(rgb[1]), clip(rgb[2])];
        let zero = sse::zeroed_m128i();
        let red_green = [sse::unpack_low_i8_m128i(red, green), sse::unpack_high_i8_m128i(red, green)];
        let blue = [sse::unpack_low_i8_m128i(blue, zero), sse::unpack_high_i8_m128i(blue, zero)];
        // Four pixels a register, the fourth byte 0; then the twelve bytes that count.
        let four = |pixels: m128i| {
            let even = sse::bitand_m128i(pixels, m128i::from([0x00ff_ffff_i64; 2]));
            let odd = sse::shr_imm_u64_m128i::<8>(sse::bitandnot_m128i(m128i::from([0xffff_ffff_i64; 2]), pixels));
            let six = sse::bitor_m128i(even, odd);
            sse::bitor_m128i(
                sse::copy_i64_m128i_s(six),
                sse::byte_shl_imm_u128_m128i::<6>(sse::byte_shr_imm_u128_m128i::<8>(six)),
            )
        };
        let [a, b] = [
            four(sse::unpack_low_i16_m128i(red_green[0], blue[0])),
            four(sse::unpack_high_i16_m128i(red_green[0], blue[0])),
        ];
        let [c, d] = [
            four(sse::unpack_low_i16_m128i(red_green[1], blue[1])),
            four(sse::unpack_high_i16_m128i(red_green[1], blue[1])),
        ];
        bytemuck::cast([
            sse::bitor_m128i(a, sse::byte_shl_imm_u128_m128i::<12>(b)),
            sse::bitor_m128i(sse::byte_shr_imm_u128_m128i::<4>(b), sse::byte_shl_imm_u128_m128i::<8>(c)),
            sse::bitor_m128i(sse::byte_shr_imm_u128_m128i::<8>(c), sse::byte_shl_imm_u128_m128i::<4>(d)),
        ])
    }
}

impl Wide for Sse2Wide {
    type Narrow = Sse2;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(sse::add_i32_m128i(self.0, other.0), sse::add_i32_m128i(self.1, other.1))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(sse::sub_i32_m128i(self.0, other.0), sse::sub_i32_m128i(self.1, other.1))
    }

    #[inline(always)]
    fn narrow<const BITS: i32>(self) -> Sse2 {
        let half = m128i::from([1_i32 << (BITS - 1); 4]);
        let rounded = |v: m128i| sse::shr_imm_i32_m128i::<BITS>(sse::add_i32_m128i(v, half));
        Sse2(sse::pack_i32_to_i16_m128i(rounded(self.0), rounded(self.1)))
    }
}
