//! RGB to brightness and halved colour differences, and back.
//!
//! libjpeg's conversion in 16-bit fixed point (JFIF's matrix). A row of the matrix sums to 1 or to 0, so the products
//! are of differences, two instead of three, and factors beyond 16 bits turn into whole parts and remainders.

use super::lanes::{Lanes, Wide};

/// Two rows of RGB → two rows of brightness −128..=127, one row each of blue and red difference at half the resolution.
///
/// The outputs hold whole macroblocks: behind its end, a row repeats its last pixel.
#[inline]
pub(super) fn from_rgb<V: Lanes>(
    rgb: [&[u8]; 2],
    luma: [&mut [[i16; 8]]; 2],
    blue: &mut [[i16; 8]],
    red: &mut [[i16; 8]],
) {
    let [(upper, rest), (lower, other)] = rgb.map(<[u8]>::as_chunks::<48>);
    let last = [rest, other].map(|rest| {
        let mut pixels = [0; 48];
        let from = rest.len().saturating_sub(3);
        let repeated = rest.iter().chain(rest[from..].iter().cycle());
        pixels.iter_mut().zip(repeated).for_each(|(pixel, &value)| *pixel = value);
        pixels
    });
    let [luma, under] = luma.map(|row| row.as_chunks_mut::<2>().0.iter_mut());
    let pixels = upper.iter().zip(lower).chain([(&last[0], &last[1])]);
    for ((([upper, lower], luma), under), (blue, red)) in
        pixels.map(|(a, b)| [a, b]).zip(luma).zip(under).zip(blue.iter_mut().zip(red))
    {
        let [a, b] = [convert::<V>(upper), convert::<V>(lower)];
        *luma = [a.luma[0].to_array(), a.luma[1].to_array()];
        *under = [b.luma[0].to_array(), b.luma[1].to_array()];
        *blue = halve(a.blue, b.blue).to_array();
        *red = halve(a.red, b.red).to_array();
    }
}

/// 16 pixels.
struct Converted<V> {
    luma: [V; 2],
    /// The differences, negated.
    blue: [V; 2],
    red: [V; 2],
}

#[inline(always)]
fn convert<V: Lanes>(rgb: &[u8; 48]) -> Converted<V> {
    let [r, g, b] = V::from_rgb(rgb);
    let half = |i: usize| {
        let (red_green, blue_green) = (r[i].sub(g[i]), b[i].sub(g[i]));
        let blue_red = blue_green.sub(red_green);
        let luma = red_green.weigh(blue_green, 19_595, 7_471).narrow::<16>();
        // libjpeg rounds halves of differences down, which is up for their negatives.
        let blue = blue_red.weigh(blue_green, -11_059, -21_709).narrow::<16>();
        let red = red_green.weigh(blue_red, -27_439, 5_329).narrow::<16>();
        (luma.add(g[i]).sub(V::splat(128)), blue, red)
    };
    let (a, b) = (half(0), half(1));
    Converted { luma: [a.0, b.0], blue: [a.1, b.1], red: [a.2, b.2] }
}

/// Means of 2×2 negated values, negated; between integers they go down and up by turns.
#[inline(always)]
fn halve<V: Lanes>(upper: [V; 2], lower: [V; 2]) -> V {
    let sum = upper[0].add(lower[0]).add_neighbours(upper[1].add(lower[1]));
    V::from_array([1, 2, 1, 2, 1, 2, 1, 2]).sub(sum).shift_right::<2>()
}

/// A row of brightness and of both differences at full resolution → RGB.
#[inline]
pub(super) fn to_rgb<V: Lanes>(luma: &[[i16; 8]], blue: &[[i16; 8]], red: &[[i16; 8]], rgb: &mut [u8]) {
    let [luma, blue, red] = [luma, blue, red].map(|row| row.as_chunks::<2>().0.iter());
    let (whole, rest) = rgb.as_chunks_mut::<48>();
    let mut pixels = luma.zip(blue.zip(red)).map(|(luma, (blue, red))| {
        let half = |i: usize| restore(V::from_array(luma[i]), V::from_array(blue[i]), V::from_array(red[i]));
        let ([r, g, b], [right_r, right_g, right_b]) = (half(0), half(1));
        V::to_rgb([[r, right_r], [g, right_g], [b, right_b]])
    });
    for rgb in whole {
        if let Some(pixels) = pixels.next() {
            *rgb = pixels;
        }
    }
    if let Some(pixels) = pixels.next() {
        rest.copy_from_slice(&pixels[..rest.len()]);
    }
}

/// RGB less 128.
#[inline(always)]
fn restore<V: Lanes>(luma: V, blue: V, red: V) -> [V; 3] {
    // v·f/65536, rounded: the upper half of 2v·f has one bit more to round away.
    let part = |twice: V, factor| twice.mul_high(V::splat(factor)).add(V::splat(1)).shift_right::<1>();
    let (twice_blue, twice_red) = (blue.add(blue), red.add(red));
    [
        // 1.402 = 1 + 26345/65536
        luma.add(red).add(part(twice_red, 26_345)),
        // −0.344 14 = −22554/65536 and −0.714 14 = 18734/65536 − 1
        luma.sub(red).add(blue.weigh(red, -22_554, 18_734).narrow::<16>()),
        // 1.772 = 2 − 14942/65536
        luma.add(twice_blue).add(part(twice_blue, -14_942)),
    ]
}
