//! Rows that are needed for a while.

/// The newest rows of a picture, each over the oldest.
pub(super) struct Ring<T> {
    pub(super) rows: Vec<T>,
    depth: usize,
    pub(super) length: usize,
}

impl<T: Copy + Default> Ring<T> {
    pub(super) fn new(depth: usize, length: usize) -> Self {
        Self { rows: vec![T::default(); depth * length], depth, length }
    }

    pub(super) fn place(&self, y: usize) -> usize {
        y % self.depth
    }

    pub(super) fn row(&self, y: usize) -> &[T] {
        &self.rows[self.place(y) * self.length..][..self.length]
    }

    pub(super) fn row_mut(&mut self, y: usize) -> &mut [T] {
        let place = self.place(y);
        &mut self.rows[place * self.length..][..self.length]
    }

    /// Row `y`, and the row that follows.
    pub(super) fn with_next(&mut self, y: usize) -> (&[T], &mut [T]) {
        let (from, to) = (self.place(y) * self.length, self.place(y + 1) * self.length);
        let (early, late) = self.rows.split_at_mut(from.max(to));
        if from < to {
            (&early[from..from + self.length], &mut late[..self.length])
        } else {
            (&late[..self.length], &mut early[to..to + self.length])
        }
    }
}
