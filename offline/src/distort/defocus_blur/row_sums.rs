//! Sums of a picture's samples over disks and runs, in whole numbers.

use image::RgbImage;
use pulp::Arch;

use super::kernel::{Border, Kernel, Run};
use super::reflect;
use super::ring::Ring;

/// Sums that are kept in registers at a time.
pub(super) const SUMS: usize = 96;

/// Sums of samples in 16 bits, over the columns and along the rows; row y of the picture is row y + margin here.
pub(super) struct RowSums<'a> {
    rgb: &'a RgbImage,
    arch: Arch,
    margin: usize,
    room: usize,
    /// How many rows are loaded.
    loaded: usize,
    /// Pixels of the margins, and those that they reflect.
    reflections: Vec<[usize; 2]>,
    /// Row y: the sums of all samples above it, modulo 2¹⁶, which differences don't feel.
    above: Ring<u16>,
    /// One row with its margins.
    samples: Vec<u16>,
    /// The half lengths of the border's runs, ascending; each row's runs, one half length after the other.
    run_halves: Vec<usize>,
    runs: Ring<u16>,
    /// Half heights of the disk's columns, ascending.
    column_halves: Vec<usize>,
    /// Sums of the columns around the row in work, one half height after the other.
    columns: Vec<u16>,
    /// Where in `columns` those of the disk are, in parts of at most 257 samples: 16 bits hold their sum.
    parts: Vec<Vec<usize>>,
    /// Sums of one row in work: the disk's by part, the border's by weight.
    disk: Vec<Vec<u16>>,
    border: Vec<Sums>,
    /// Where in `columns` those of the grid's left and right border are.
    sides: Vec<Terms>,
    /// The border, and where in `runs` those of its upper and lower side are.
    ends: Vec<(&'a Border, Terms)>,
}

/// Places whose values count more and less, by one weight.
struct Terms {
    weight: f32,
    more: Vec<usize>,
    less: Vec<usize>,
}

impl Terms {
    fn of(border: &Border, weight: f32, pair: impl Fn(&Run) -> [usize; 2]) -> Self {
        let mut terms = Self { weight, more: Vec::new(), less: Vec::new() };
        terms.place(border, pair);
        terms
    }

    /// Puts each run of `border` at a pair of places.
    fn place(&mut self, border: &Border, pair: impl Fn(&Run) -> [usize; 2]) {
        for (places, runs) in [(&mut self.more, &border.more), (&mut self.less, &border.less)] {
            places.clear();
            places.extend(runs.iter().flat_map(&pair));
        }
    }
}

/// Whole sums and the weight of each; what was wrapped is a difference within 16 bits.
pub(super) struct Sums {
    pub(super) weight: f32,
    pub(super) totals: Vec<u16>,
}

impl Sums {
    /// Adds the weighted sums to `to`.
    #[inline(always)]
    pub(super) fn add(&self, to: &mut [f32]) {
        for (to, total) in to.iter_mut().zip(&self.totals) {
            *to += self.weight * f32::from(*total as i16);
        }
    }
}

/// Sums of what lies behind the places `more`, less that behind the places `less`, modulo 2¹⁶.
///
/// Apart from any conversion: beside one, compilers take half registers.
#[inline(always)]
fn add_up(rows: &[u16], more: &[usize], less: &[usize], totals: &mut [u16]) {
    for (at, totals) in totals.as_chunks_mut::<SUMS>().0.iter_mut().enumerate() {
        let values = |place: &usize| -> &[u16; SUMS] {
            rows[place + at * SUMS..].first_chunk().expect("rows end whole chunks behind the last place read")
        };
        let mut sums = [0_u16; SUMS];
        for place in more {
            sums.iter_mut().zip(values(place)).for_each(|(sum, &value)| *sum = sum.wrapping_add(value));
        }
        for place in less {
            sums.iter_mut().zip(values(place)).for_each(|(sum, &value)| *sum = sum.wrapping_sub(value));
        }
        *totals = sums;
    }
}

impl<'a> RowSums<'a> {
    pub(super) fn new(kernel: &'a Kernel, rgb: &'a RgbImage, arch: Arch) -> Self {
        let (margin, width) = (kernel.margin, rgb.width() as usize);
        let room = (3 * width).next_multiple_of(SUMS);
        let length = room + 6 * margin;
        let depth = 2 * (margin + kernel.taps) + 4;
        let ascending = |mut halves: Vec<usize>| {
            halves.sort_unstable();
            halves.dedup();
            halves
        };
        let run_halves = ascending(kernel.border.iter().flat_map(Border::runs).map(|run| run.half).collect());
        let column_halves = ascending(kernel.halves.iter().copied().chain(run_halves.iter().copied()).collect());
        let start = |half: usize| column_halves.iter().position(|&known| known == half).unwrap_or(0) * length;
        let reach = kernel.halves.len() - 1;
        let mut parts = vec![Vec::new()];
        let mut count = 0;
        for dx in 0..=2 * reach {
            let half = kernel.halves[dx.abs_diff(reach)];
            count += 2 * half + 1;
            if count > 257 {
                parts.push(Vec::new());
                count = 2 * half + 1;
            }
            parts.last_mut().expect("there is one from the start").push(start(half) + 3 * (dx + margin - reach));
        }
        let aside = |run: &Run| [margin - run.distance, margin + run.distance].map(|dx| start(run.half) + 3 * dx);
        Self {
            rgb,
            arch,
            margin,
            room,
            loaded: 0,
            reflections: (0..margin)
                .chain(margin + width..2 * margin + width)
                .map(|at| [at, margin + reflect(at, margin, width)])
                .collect(),
            above: Ring::new(depth, length),
            samples: vec![0; if run_halves.is_empty() { 0 } else { length }],
            runs: Ring::new(depth, room * run_halves.len()),
            run_halves,
            columns: vec![0; column_halves.len() * length],
            disk: vec![vec![0; room]; parts.len()],
            parts,
            border: kernel.border.iter().map(|_| Sums { weight: 0.0, totals: vec![0; room] }).collect(),
            sides: kernel.border.iter().map(|border| Terms::of(border, border.weight, aside)).collect(),
            ends: kernel
                .border
                .iter()
                .map(|border| (border, Terms::of(border, border.weight * kernel.share, |_| [0; 2])))
                .collect(),
            column_halves,
        }
    }

    /// Loads the rows down to `y` of the picture.
    fn load(&mut self, y: usize) {
        let line = 3 * self.rgb.width() as usize;
        while self.loaded <= y + self.margin {
            let start = reflect(self.loaded, self.margin, self.rgb.height() as usize) * line;
            let row = &self.rgb.as_raw()[start..start + line];
            let (above, next) = self.above.with_next(self.loaded);
            let middle = 3 * self.margin..3 * self.margin + line;
            for ((next, &above), &sample) in next[middle.clone()].iter_mut().zip(&above[middle.clone()]).zip(row) {
                *next = above.wrapping_add(u16::from(sample));
            }
            let pixels = next.as_chunks_mut::<3>().0;
            for &[at, from] in &self.reflections {
                pixels[at] = pixels[from];
            }
            if !self.samples.is_empty() {
                self.samples[middle].iter_mut().zip(row).for_each(|(sample, &from)| *sample = u16::from(from));
                let pixels = self.samples.as_chunks_mut::<3>().0;
                for &[at, from] in &self.reflections {
                    pixels[at] = pixels[from];
                }
            }
            self.arch.dispatch(|| self.add_runs());
            self.loaded += 1;
        }
    }

    /// The runs of the row that was just loaded: each is the one before and what lies around it.
    #[inline(always)]
    fn add_runs(&mut self) {
        let Some(&longest) = self.run_halves.last() else { return };
        let runs = self.runs.row_mut(self.loaded);
        for at in (0..self.room).step_by(SUMS) {
            let sample = |dx: usize| -> &[u16; SUMS] {
                self.samples[at + 3 * dx..].first_chunk().expect("rows end whole chunks behind the last place read")
            };
            let mut sums = *sample(self.margin);
            let mut put = 0;
            for half in 0..=longest {
                if half > 0 {
                    let (left, right) = (sample(self.margin - half), sample(self.margin + half));
                    sums.iter_mut().zip(left).zip(right).for_each(|((sum, &a), &b)| *sum += a + b);
                }
                if self.run_halves[put] == half {
                    runs[put * self.room + at..][..SUMS].copy_from_slice(&sums);
                    put += 1;
                }
            }
        }
    }

    /// Sums the columns around row `y`, which is the one after the last.
    pub(super) fn sum_columns(&mut self, y: usize) {
        self.load(y + self.margin);
        let y = y + self.margin;
        let length = self.above.length;
        for (&half, sums) in self.column_halves.iter().zip(self.columns.chunks_exact_mut(length)) {
            let (until, from) = (self.above.row(y + half + 1), self.above.row(y - half));
            self.arch.dispatch(|| {
                for ((sum, &until), &from) in sums.iter_mut().zip(until).zip(from) {
                    *sum = until.wrapping_sub(from);
                }
            });
        }
    }

    /// Sums over the disk around each of the row whose columns are summed.
    pub(super) fn disk(&mut self, disk: &mut [f32]) {
        for (part, totals) in self.parts.iter().zip(&mut self.disk) {
            self.arch.dispatch(|| add_up(&self.columns, part, &[], totals));
        }
        let length = disk.len();
        // Whole numbers below 2²⁴: 32 bits hold them however they are added.
        let rest = match self.disk.as_slice() {
            [a, b, rest @ ..] => {
                self.arch.dispatch(|| {
                    for ((disk, &a), &b) in disk.iter_mut().zip(&a[..length]).zip(&b[..length]) {
                        *disk = (i32::from(a) + i32::from(b)) as f32;
                    }
                });
                rest
            }
            [a] => {
                disk.iter_mut().zip(a).for_each(|(disk, &a)| *disk = f32::from(a));
                &[]
            }
            [] => &[],
        };
        for part in rest {
            disk.iter_mut().zip(part).for_each(|(disk, &total)| *disk += f32::from(total));
        }
    }

    /// What differs at the grid's left and right border: columns, not yet blurred along them.
    pub(super) fn sides(&mut self, sides: &mut [f32]) {
        for (terms, sums) in self.sides.iter().zip(&mut self.border) {
            self.arch.dispatch(|| add_up(&self.columns, &terms.more, &terms.less, &mut sums.totals));
            sums.weight = terms.weight;
        }
        let rest = match self.border.as_slice() {
            [a, b, rest @ ..] => {
                let (x, y) = (&a.totals[..sides.len()], &b.totals[..sides.len()]);
                self.arch.dispatch(|| {
                    for (at, side) in sides.iter_mut().enumerate() {
                        *side = a.weight * f32::from(x[at] as i16) + b.weight * f32::from(y[at] as i16);
                    }
                });
                rest
            }
            [a] => {
                for (side, &total) in sides.iter_mut().zip(&a.totals) {
                    *side = a.weight * f32::from(total as i16);
                }
                &[]
            }
            [] => &[],
        };
        rest.iter().for_each(|sums| sums.add(sides));
    }

    /// What differs at the grid's upper and lower border around row `y`: runs, not yet blurred along them.
    pub(super) fn ends(&mut self, y: usize) -> &[Sums] {
        let Self { ends, runs, run_halves, margin, room, border, arch, .. } = self;
        for ((of, terms), sums) in ends.iter_mut().zip(&mut *border) {
            terms.place(of, |run| {
                let among = run_halves.iter().position(|&half| half == run.half).unwrap_or(0);
                let y = y + *margin;
                [y - run.distance, y + run.distance].map(|y| runs.place(y) * runs.length + among * *room)
            });
            arch.dispatch(|| add_up(&runs.rows, &terms.more, &terms.less, &mut sums.totals));
            sums.weight = terms.weight;
        }
        border
    }
}
