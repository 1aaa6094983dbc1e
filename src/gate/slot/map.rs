//! A mapped file as atomic numbers: the only place that needs `unsafe` for it.

#![expect(unsafe_code, reason = "a mapped file is shared memory: numbers in it can only be had through pointers")]

use std::{
    fs::File,
    io,
    sync::atomic::{AtomicU32, AtomicU64},
};

use memmap2::{MmapOptions, MmapRaw};

/// A file's mapping. Its numbers are shared with other processes, so they are only ever touched as atomics.
///
/// Numbers of a read-only mapping may be loaded with `Relaxed` only: other accesses may write.
#[derive(Debug)]
pub(super) struct Map(MmapRaw);

impl Map {
    pub(super) fn writable(file: &File) -> io::Result<Self> {
        MmapOptions::new().map_raw(file).map(Self)
    }

    pub(super) fn read_only(file: &File) -> io::Result<Self> {
        MmapOptions::new().map_raw_read_only(file).map(Self)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The number at an offset that is a multiple of 8 and within the file.
    pub(super) fn u64(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len(), "offset {offset} is outside the layout");
        // SAFETY: a mapping begins at a page's start, so the pointer is aligned, and it is within the mapping (both
        // asserted); the mapping lives as long as `self`. Everybody touches these bytes by atomic operations of the same
        // sizes only. Writers reserve the file's room at its creation and never cut it short.
        unsafe { AtomicU64::from_ptr(self.0.as_mut_ptr().add(offset).cast()) }
    }

    /// The number at an offset that is a multiple of 4 and within the file.
    pub(super) fn u32(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.len(), "offset {offset} is outside the layout");
        // SAFETY: as in `u64`; no number of four bytes lies within one that is used as eight.
        unsafe { AtomicU32::from_ptr(self.0.as_mut_ptr().add(offset).cast()) }
    }
}
