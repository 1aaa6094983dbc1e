//! Weighted sums in registers of x86-64, which has SSE2 by definition.
//!
//! Samples go in pairs, and so do the weights, each in two parts: one instruction multiplies eight samples of 16 bits by
//! weights of 16 bits and adds the pairs.

use safe_arch as sse;
use safe_arch::m128i;

use super::BLOCK;
use super::taps::{BITS, HALF, Pair, Taps};

/// Four sums in two parts.
#[derive(Clone, Copy)]
struct Sums {
    high: m128i,
    low: m128i,
}

impl Sums {
    #[inline(always)]
    fn new() -> Self {
        Self { high: sse::zeroed_m128i(), low: sse::set_splat_i32_m128i(HALF) }
    }

    /// Adds four pairs of samples, weighed.
    #[inline(always)]
    fn add(&mut self, samples: m128i, [high, low]: [m128i; 2]) {
        self.high = sse::add_i32_m128i(self.high, sse::mul_i16_horizontal_add_m128i(samples, high));
        self.low = sse::add_i32_m128i(self.low, sse::mul_i16_horizontal_add_m128i(samples, low));
    }

    /// The parts joined and rounded. A part may have wrapped around, the whole can't.
    #[inline(always)]
    fn rounded(self) -> m128i {
        let whole = sse::add_i32_m128i(sse::shl_imm_u32_m128i::<{ Pair::SHIFT }>(self.high), self.low);
        sse::shr_imm_i32_m128i::<{ BITS.cast_signed() }>(whole)
    }
}

#[inline(always)]
fn spread(pair: Pair) -> [m128i; 2] {
    [sse::set_splat_i32_m128i(pair.high), sse::set_splat_i32_m128i(pair.low)]
}

/// A row of RGB pixels resized; `row` ends with spare bytes, `out` with one at least.
pub(super) fn across(row: &[u8], taps: &Taps, out: &mut [u8]) {
    let zero = sse::zeroed_m128i();
    for at in 0..taps.len() {
        let under = &row[3 * taps.first(at)..];
        let mut sums = Sums::new();
        for (place, &pair) in taps.pairs(at).iter().enumerate() {
            let bytes: &[u8; 8] = under[6 * place..].first_chunk().expect("rows have spare bytes");
            let one = sse::set_i64_m128i_s(i64::from_le_bytes(*bytes));
            // Red, green and blue of this pixel beside those of the next.
            let two = sse::unpack_low_i8_m128i(one, sse::shr_imm_u64_m128i::<24>(one));
            sums.add(sse::unpack_low_i8_m128i(two, zero), spread(pair));
        }
        let words = sse::pack_i32_to_i16_m128i(sums.rounded(), zero);
        let [pixel, ..]: [[u8; 4]; 4] = bytemuck::cast(sse::pack_i16_to_u8_m128i(words, zero));
        *out[3 * at..].first_chunk_mut().expect("a byte follows the last pixel") = pixel;
    }
}

/// The resized row at `at` from the rows under it, which lie one after another, each as long as `out`: whole blocks.
pub(super) fn down(under: &[u8], taps: &Taps, at: usize, out: &mut [u8]) {
    let (zero, stride) = (sse::zeroed_m128i(), out.len());
    let block = |place: usize| sse::load_unaligned_m128i(under[place..].first_chunk::<BLOCK>().expect("whole blocks"));
    for (number, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let mut sums = [Sums::new(); 4];
        for (place, &pair) in taps.pairs(at).iter().enumerate() {
            let first = 2 * place * stride + number * BLOCK;
            // The row that fills up the last pair weighs nothing: any will do.
            let second = if first + stride < under.len() { first + stride } else { first };
            let (first, second, weights) = (block(first), block(second), spread(pair));
            let low = sse::unpack_low_i8_m128i(first, second);
            let high = sse::unpack_high_i8_m128i(first, second);
            sums[0].add(sse::unpack_low_i8_m128i(low, zero), weights);
            sums[1].add(sse::unpack_high_i8_m128i(low, zero), weights);
            sums[2].add(sse::unpack_low_i8_m128i(high, zero), weights);
            sums[3].add(sse::unpack_high_i8_m128i(high, zero), weights);
        }
        let [a, b, c, d] = sums.map(Sums::rounded);
        let bytes = sse::pack_i16_to_u8_m128i(sse::pack_i32_to_i16_m128i(a, b), sse::pack_i32_to_i16_m128i(c, d));
        sse::store_unaligned_m128i(out, bytes);
    }
}
