//! The discrete cosine transform of 8×8 blocks in integers, as libjpeg's `islow` method computes it.
//!
//! Loeffler, Ligtenberg and Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989; factors
//! in 13 bits. Sums of products are exact in 32 bits, so only where it rounds is libjpeg's: after each dimension. Factors
//! of rotations are multiplied out, since a sum of two products is one instruction.

use super::lanes::{Lanes, Wide};

/// Bits of the factors.
const FACTOR: i32 = 13;
/// More bits that the first dimension keeps.
const FIRST: i32 = 2;

// Factors of the flow graph times 2^13, called by their first digits: 2446 is 0.298….
const F_0_298: i16 = 2_446;
const F_0_390: i16 = 3_196;
const F_0_541: i16 = 4_433;
const F_0_765: i16 = 6_270;
const F_0_899: i16 = 7_373;
const F_1_175: i16 = 9_633;
const F_1_501: i16 = 12_299;
const F_1_847: i16 = 15_137;
const F_1_961: i16 = 16_069;
const F_2_053: i16 = 16_819;
const F_2_562: i16 = 20_995;
const F_3_072: i16 = 25_172;

/// Samples −128..=127, a row a register → coefficients times 8, a row a vertical frequency.
#[inline(always)]
pub(super) fn forward<V: Lanes>(rows: [V; 8]) -> [V; 8] {
    let columns = forward_pass::<V, { FACTOR - FIRST }>(V::transpose(rows), V::shift_left::<FIRST>);
    let half = V::splat(1 << (FIRST - 1));
    forward_pass::<V, { FACTOR + FIRST }>(V::transpose(columns), |v| v.add(half).shift_right::<FIRST>())
}

/// Coefficients, a row a vertical frequency → samples −128..=127, clipped.
///
/// What quantisation made 0 is left out: most blocks have no high vertical frequency, many have the mean alone.
#[inline(always)]
pub(super) fn inverse<V: Lanes>(rows: [V; 8]) -> [V; 8] {
    let [mean, b, c, d, e, f, g, h] = rows;
    if !e.or(f).or(g).or(h).is_zero() {
        return inverse_rows(inverse_pass::<V, { FACTOR - FIRST }>(rows));
    }
    let wave = mean.mul(V::from_array([0, 1, 1, 1, 1, 1, 1, 1]));
    if b.or(c).or(d).or(wave).is_zero() {
        return [clip(V::splat((mean.to_array()[0] + 4) >> 3)); 8];
    }
    let zero = V::splat(0);
    inverse_rows(inverse_pass::<V, { FACTOR - FIRST }>([mean, b, c, d, zero, zero, zero, zero]))
}

/// The second dimension.
#[inline(always)]
fn inverse_rows<V: Lanes>(rows: [V; 8]) -> [V; 8] {
    let [a, b, c, d, e, f, g, h] = inverse_pass::<V, { FACTOR + FIRST + 3 }>(V::transpose(rows));
    V::transpose([clip(a), clip(b), clip(c), clip(d), clip(e), clip(f), clip(g), clip(h)])
}

#[inline(always)]
fn clip<V: Lanes>(samples: V) -> V {
    samples.max(V::splat(-128)).min(V::splat(127))
}

/// One dimension, along the array; `whole` scales the two outputs that need no factor.
#[inline(always)]
fn forward_pass<V: Lanes, const DOWN: i32>(x: [V; 8], whole: impl Fn(V) -> V) -> [V; 8] {
    let [a, b, c, d] = [x[0].add(x[7]), x[1].add(x[6]), x[2].add(x[5]), x[3].add(x[4])];
    let (outer, inner) = (a.add(d), b.add(c));
    let [two, six] = rotate(a.sub(d), b.sub(c));
    let [seven, five, three, one] = odd([x[3].sub(x[4]), x[2].sub(x[5]), x[1].sub(x[6]), x[0].sub(x[7])]);
    [
        whole(outer.add(inner)),
        one.narrow::<DOWN>(),
        two.narrow::<DOWN>(),
        three.narrow::<DOWN>(),
        whole(outer.sub(inner)),
        five.narrow::<DOWN>(),
        six.narrow::<DOWN>(),
        seven.narrow::<DOWN>(),
    ]
}

/// One dimension, along the array.
#[inline(always)]
fn inverse_pass<V: Lanes, const DOWN: i32>(x: [V; 8]) -> [V; 8] {
    let (sum, difference) = (x[0].add(x[4]).widen::<FACTOR>(), x[0].sub(x[4]).widen::<FACTOR>());
    let [outer, inner] = rotate(x[2], x[6]);
    let [a, b, c, d] = [sum.add(outer), difference.add(inner), difference.sub(inner), sum.sub(outer)];
    let [h, g, f, e] = odd([x[7], x[5], x[3], x[1]]);
    [
        a.add(e).narrow::<DOWN>(),
        b.add(f).narrow::<DOWN>(),
        c.add(g).narrow::<DOWN>(),
        d.add(h).narrow::<DOWN>(),
        d.sub(h).narrow::<DOWN>(),
        c.sub(g).narrow::<DOWN>(),
        b.sub(f).narrow::<DOWN>(),
        a.sub(e).narrow::<DOWN>(),
    ]
}

/// The rotation of the even part.
#[inline(always)]
fn rotate<V: Lanes>(a: V, b: V) -> [V::Wide; 2] {
    [a.weigh(b, F_0_541 + F_0_765, F_0_541), a.weigh(b, F_0_541, F_0_541 - F_1_847)]
}

/// The odd part, which is its own inverse but for the order.
#[inline(always)]
fn odd<V: Lanes>([a, b, c, d]: [V; 4]) -> [V::Wide; 4] {
    let (ac, bd) = (a.add(c), b.add(d));
    let first = ac.weigh(bd, F_1_175 - F_1_961, F_1_175);
    let second = ac.weigh(bd, F_1_175, F_1_175 - F_0_390);
    [
        a.weigh(d, F_0_298 - F_0_899, -F_0_899).add(first),
        b.weigh(c, F_2_053 - F_2_562, -F_2_562).add(second),
        b.weigh(c, -F_2_562, F_3_072 - F_2_562).add(first),
        a.weigh(d, -F_0_899, F_1_501 - F_0_899).add(second),
    ]
}
