//! Where things stand in the file. All numbers are little-endian; offsets count bytes.
//!
//! Magic, version and the closed mark stay where they are in every later version.

use crate::{
    config::{LONGEST_NAME, MOST_SLOTS},
    event::GateState,
};

/// The first eight bytes: `MIQAGATE`.
pub const MAGIC: u64 = u64::from_le_bytes(*b"MIQAGATE");

/// The version of the layout.
pub const VERSION: u32 = 1;

/// Bytes of the header.
pub const HEADER: usize = 64;

/// Bytes of a name in the index, filled up with zeros.
pub const NAME: usize = LONGEST_NAME;

/// Bytes of a slot.
pub const SLOT: usize = 64;

/// Slots a file may have.
pub const MOST: u32 = MOST_SLOTS;

/// Offsets in the header.
pub mod header {
    /// `u64`: [`MAGIC`](super::MAGIC); written last, so that no half-made file looks whole.
    pub const MAGIC: usize = 0;
    /// `u32`: [`VERSION`](super::VERSION).
    pub const VERSION: usize = 8;
    /// `u32`: 0 while the file is in use; 1 once nobody writes it any more and it is to be opened anew.
    pub const CLOSED: usize = 12;
    /// `u64`: when the daemon last wrote, `CLOCK_MONOTONIC` in nanoseconds.
    pub const HEARTBEAT: usize = 16;
    /// `u64`: nanoseconds by which the heartbeat may differ from now before everything is unknown.
    pub const LIMIT: usize = 24;
    /// `u32`: slots, also names in the index.
    pub const CAPACITY: usize = 32;
    /// `u32`: where the name index begins.
    pub const NAMES: usize = 36;
    /// `u32`: where the slots begin.
    pub const SLOTS: usize = 40;
    /// `u32`: the daemon's process.
    pub const PROCESS: usize = 44;
}

/// Offsets in a slot.
pub mod slot {
    /// `u32`: the sequence lock; odd while the slot (or its name) is being written, one higher afterwards.
    pub const SEQUENCE: usize = 0;
    /// `u32`: 0 for a free slot; another number for each stream that ever had it.
    pub const TENANCY: usize = 4;
    /// `u8`: the state decided ([`code`](super::code)).
    pub const DECIDED: usize = 8;
    /// `u8`: what to obey, 255 in shadow mode.
    pub const ENFORCED: usize = 9;
    /// `u8`: what to obey once lease or heartbeat have run out, unless in shadow mode.
    pub const WHEN_UNKNOWN: usize = 10;
    /// `u8`: why, as its place in [`GateReason::ALL`](crate::event::GateReason::ALL).
    pub const REASON: usize = 11;
    /// `u32`: moves between open and closed within the last hour.
    pub const FLAPS: usize = 12;
    /// `f32`: the newest score (0–1), NaN if there is none.
    pub const SCORE: usize = 16;
    /// `f32`: the same, smoothed.
    pub const SMOOTHED: usize = 20;
    /// `u64`: stream time of the state's beginning, in nanoseconds.
    pub const SINCE: usize = 24;
    /// `u64`: stream time of the newest evidence, in nanoseconds.
    pub const AT: usize = 32;
    /// `u64`: when the state last changed, `CLOCK_MONOTONIC` in nanoseconds.
    pub const CHANGED: usize = 40;
    /// `u64`: the lease: until when this may be believed, `CLOCK_MONOTONIC` in nanoseconds.
    pub const VALID_UNTIL: usize = 48;
    /// `u64`: when the slot was written, `CLOCK_MONOTONIC` in nanoseconds.
    pub const WRITTEN: usize = 56;
}

/// The code for shadow mode in place of what is enforced.
pub const SHADOW: u8 = 255;

/// A state's code. A slot of zeros is unknown.
pub const fn code(state: GateState) -> u8 {
    match state {
        GateState::Unknown => 0,
        GateState::Open => 1,
        GateState::Degraded => 2,
        GateState::Closed => 3,
    }
}

/// The state of a code; what this version doesn't know is unknown.
pub const fn state(code: u8) -> GateState {
    match code {
        1 => GateState::Open,
        2 => GateState::Degraded,
        3 => GateState::Closed,
        _ => GateState::Unknown,
    }
}

/// Bytes of a file with so many slots.
pub const fn size(capacity: u32) -> usize {
    HEADER + capacity as usize * (NAME + SLOT)
}
