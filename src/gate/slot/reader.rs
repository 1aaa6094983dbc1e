//! A reader's side of the mapped file.

use std::{
    fs::OpenOptions,
    hint::spin_loop,
    io,
    path::Path,
    sync::atomic::{Ordering, fence},
    time::Duration,
};

use super::{
    SlotError,
    layout::{self, header, slot},
    map::Map,
    record::{Record, WORDS},
};
use crate::event::{GateReason, GateState};

/// Looks at a slot that is being written before the reader sleeps between them; a write takes some tens of nanoseconds.
const SPINS: u32 = 200;

/// Looks before a slot counts as torn: its writer was killed or is kept from running in the middle of a write.
const LOOKS: u32 = SPINS + 300;

/// Sleep between looks; with all the looks some tens of milliseconds.
const NAP: Duration = Duration::from_micros(50);

/// Why a reading is unknown whatever the slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The lease ran out.
    Lease,
    /// The daemon does not beat any more.
    Heartbeat,
    /// The daemon ended or made a new file; open that.
    Closed,
    /// The stream was removed, or its slot is another's now; look for it again.
    Freed,
    /// The slot's writer stopped in the middle of writing.
    Torn,
    /// There is no such file, or no such stream in it.
    Missing,
}

impl Doubt {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lease => "its lease ran out",
            Self::Heartbeat => "the daemon does not beat",
            Self::Closed => "the daemon ended",
            Self::Freed => "the stream was removed",
            Self::Torn => "the daemon stopped while writing",
            Self::Missing => "nobody writes it",
        }
    }
}

/// A gate as read at some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// What the slot says; with a doubt, `decided` is unknown and `enforced` what unknown is to be taken for.
    pub record: Record,
    /// Why it is unknown whatever the slot says.
    pub doubt: Option<Doubt>,
}

impl Reading {
    fn new(mut record: Record, doubt: Option<Doubt>) -> Self {
        if doubt.is_some() {
            if record.decided != GateState::Unknown {
                record.reason = Some(GateReason::Stale);
            }
            record.decided = GateState::Unknown;
            record.enforced = record.enforced.map(|_| record.when_unknown);
        }
        Self { record, doubt }
    }

    pub(super) fn nothing(doubt: Doubt) -> Self {
        Self::new(Record::read([0; WORDS]), Some(doubt))
    }

    /// What a detector should do: look while open, look less often while degraded, rest while closed. Unknown if the
    /// operator left that to the detector. In shadow mode nothing is commanded: open.
    pub fn obey(&self) -> GateState {
        self.record.enforced.unwrap_or(GateState::Open)
    }
}

/// Where a stream's slot is, for as long as the stream has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    at: usize,
    tenancy: u32,
}

/// One mapping of a file of gates. Reading needs no system call.
#[derive(Debug)]
pub struct Reader {
    map: Map,
    capacity: usize,
    names: usize,
    slots: usize,
    limit: u64,
}

impl Reader {
    /// Maps the file.
    ///
    /// # Errors
    /// [`SlotError`].
    pub fn open(path: &Path) -> Result<Self, SlotError> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => SlotError::Missing(path.into()),
            _ => SlotError::Io { path: path.into(), source },
        };
        let foreign = || SlotError::Foreign(path.into());
        let file = OpenOptions::new().read(true).open(path).map_err(io)?;
        let about = file.metadata().map_err(io)?;
        if !about.is_file() || about.len() < layout::HEADER as u64 {
            return Err(foreign());
        }
        let map = Map::read_only(&file).map_err(io)?;
        if map.u64(header::MAGIC).load(Ordering::Relaxed) != layout::MAGIC.to_le() {
            return Err(foreign());
        }
        fence(Ordering::Acquire);
        let number = |offset| u32::from_le(map.u32(offset).load(Ordering::Relaxed));
        let version = number(header::VERSION);
        if version != layout::VERSION {
            return Err(SlotError::Version { path: path.into(), version });
        }
        let place = |offset| usize::try_from(number(offset)).unwrap_or(usize::MAX);
        let (capacity, names, slots) = (place(header::CAPACITY), place(header::NAMES), place(header::SLOTS));
        let fits = |begin: usize, each: usize| {
            begin.is_multiple_of(8) && begin.saturating_add(capacity.saturating_mul(each)) <= map.len()
        };
        if !fits(names, layout::NAME) || !fits(slots, layout::SLOT) {
            return Err(foreign());
        }
        let limit = u64::from_le(map.u64(header::LIMIT).load(Ordering::Relaxed));
        Ok(Self { map, capacity, names, slots, limit })
    }

    /// Looks for a stream's slot.
    pub fn find(&self, stream: &str) -> Option<Slot> {
        self.tenants().find(|(name, _)| name == stream).map(|(_, slot)| slot)
    }

    /// All streams that have a slot, in the order of slots.
    pub fn streams(&self) -> Vec<(String, Slot)> {
        self.tenants().collect()
    }

    fn tenants(&self) -> impl Iterator<Item = (String, Slot)> {
        (0..self.capacity).filter_map(|i| {
            let (name, at) = (self.names + i * layout::NAME, self.slots + i * layout::SLOT);
            let (tenancy, words) = self
                .whole(at, || std::array::from_fn::<u64, { layout::NAME / 8 }, _>(|word| self.word(name + 8 * word)))?;
            let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).take_while(|byte| *byte != 0).collect();
            (tenancy != 0).then(|| (String::from_utf8_lossy(&bytes).into_owned(), Slot { at, tenancy }))
        })
    }

    /// Reads a gate at time `now` (`CLOCK_MONOTONIC` in nanoseconds). Waits for a write to end, at most some tens of
    /// milliseconds if its writer is kept from running.
    pub fn read(&self, slot: Slot, now: u64) -> Reading {
        let closed = self.map.u32(header::CLOSED).load(Ordering::Relaxed) != 0;
        let heartbeat = self.word(header::HEARTBEAT);
        let whole = self.whole(slot.at, || {
            std::array::from_fn::<u64, WORDS, _>(|word| self.word(slot.at + slot::DECIDED + 8 * word))
        });
        let Some((tenancy, words)) = whole else { return Reading::nothing(Doubt::Torn) };
        if tenancy != slot.tenancy {
            return Reading::nothing(Doubt::Freed);
        }
        let record = Record::read(words);
        let doubt = if closed {
            Some(Doubt::Closed)
        } else if now.abs_diff(heartbeat) > self.limit {
            // Far ahead of now, too: then it was written before the machine's last start.
            Some(Doubt::Heartbeat)
        } else if now >= record.valid_until {
            Some(Doubt::Lease)
        } else {
            None
        };
        Reading::new(record, doubt)
    }

    /// How long before `now` (`CLOCK_MONOTONIC` in nanoseconds) its daemon last wrote, and for how long after that a reading
    /// counts at most if it doesn't write again.
    pub fn heard(&self, now: u64) -> (Duration, Duration) {
        let age = now.saturating_sub(self.word(header::HEARTBEAT));
        (Duration::from_nanos(age), Duration::from_nanos(self.limit))
    }

    fn word(&self, offset: usize) -> u64 {
        u64::from_le(self.map.u64(offset).load(Ordering::Relaxed))
    }

    /// The sequence lock's reading side: what `load` gave while nobody wrote, with the tenancy of that moment. `None` if
    /// somebody seems to write for ever.
    fn whole<T>(&self, at: usize, load: impl Fn() -> T) -> Option<(u32, T)> {
        let sequence = self.map.u32(at + slot::SEQUENCE);
        for look in 0..LOOKS {
            let before = u32::from_le(sequence.load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) {
                let tenancy = u32::from_le(self.map.u32(at + slot::TENANCY).load(Ordering::Relaxed));
                let value = load();
                fence(Ordering::Acquire);
                if u32::from_le(sequence.load(Ordering::Relaxed)) == before {
                    return Some((tenancy, value));
                }
            }
            if look < SPINS {
                spin_loop();
            } else {
                std::thread::sleep(NAP);
            }
        }
        None
    }
}
