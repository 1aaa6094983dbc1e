//! From half resolution back to full: libjpeg's triangle filter ("fancy upsampling").

use super::lanes::Lanes;

/// Values that stand before and after a row's.
pub(super) const MARGIN: usize = 2;

/// One row at full resolution, from the row that covers it (`near`) and the next on its other side (`far`).
///
/// A value is 9/16 of the nearest, 3/16 of each neighbour beside and above or below it, 1/16 of the diagonal one. Only
/// the first `columns` values count; at both ends they are repeated. libjpeg leaves rows of one or two values as squares.
/// `sums` is room for a row and [`MARGIN`] more.
#[inline]
pub(super) fn row<V: Lanes>(
    near: &[[i16; 8]],
    far: &[[i16; 8]],
    columns: usize,
    sums: &mut [i16],
    out: &mut [[i16; 8]],
) {
    let pairs = out.as_chunks_mut::<2>().0;
    if columns <= 2 {
        for (out, &near) in pairs.iter_mut().zip(near) {
            let near = V::from_array(near);
            let [even, odd] = near.alternate(near);
            *out = [even.to_array(), odd.to_array()];
        }
        return;
    }
    let three = |v: V| v.add(v.shift_left::<1>());
    for (sum, (&near, &far)) in sums[1..].as_chunks_mut::<8>().0.iter_mut().zip(near.iter().zip(far)) {
        *sum = three(V::from_array(near)).add(V::from_array(far)).to_array();
    }
    sums[0] = sums[1];
    sums[columns + 1] = sums[columns];
    let [left, here, right] = [0, 1, 2].map(|from| sums[from..].as_chunks::<8>().0);
    // The two halves round in opposite directions where they lie in the middle, so that no side is favoured.
    let (up, down) = (V::splat(8), V::splat(7));
    for (out, ((&left, &here), &right)) in pairs.iter_mut().zip(left.iter().zip(here).zip(right)) {
        let here = three(V::from_array(here));
        let even = here.add(V::from_array(left)).add(up).shift_right::<4>();
        let odd = here.add(V::from_array(right)).add(down).shift_right::<4>();
        let [first, second] = even.alternate(odd);
        *out = [first.to_array(), second.to_array()];
    }
}
