//! The daemon's side of the mapped file.

use std::{
    fs::{File, OpenOptions, Permissions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{Ordering, fence},
    time::Duration,
};

use rustix::{
    fs::{FallocateFlags, FlockOperation, OFlags, fallocate, flock},
    io::Errno,
};

use super::{
    SlotError,
    layout::{self, header, slot},
    map::Map,
    record::Record,
};
use crate::{
    event::{GateReason, GateState},
    gate::{Entry, UNKNOWN_LEASE},
};

/// Age of the heartbeat at which readers take everything for unknown: several beats, since a loaded machine may leave a
/// thread waiting.
const LIMIT: Duration = Duration::from_secs(2);

/// Writes gates into a mapped file, which it holds alone.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    map: Map,
    tenants: Vec<Option<Tenant>>,
    /// Tenancies given out so far.
    tenancies: u32,
    /// Streams that were told to have no slot.
    without: Vec<String>,
    /// Holds the lock as long as it is open.
    file: File,
}

#[derive(Debug)]
struct Tenant {
    entry: Entry,
    tenancy: u32,
    /// What was last written of the state, and since when it is so.
    said: Option<(GateState, Option<GateState>, GateReason)>,
    changed: u64,
    /// The lease that was last written.
    until: u64,
}

impl Writer {
    /// Makes the file anew with room for so many streams; `mode` are its permission bits, `now` is `CLOCK_MONOTONIC` in
    /// nanoseconds. Readers that still map an earlier file of this name find it marked as closed.
    ///
    /// # Errors
    /// [`SlotError`]: a file of another kind or of a daemon that runs is left alone.
    ///
    /// # Panics
    /// If `capacity` is 0 or above [`layout::MOST`]: the configuration sees to that.
    pub fn create(path: &Path, capacity: u32, mode: u32, now: u64) -> Result<Self, SlotError> {
        assert!((1..=layout::MOST).contains(&capacity), "a file of {capacity} slots");
        let io = |source| SlotError::Io { path: path.into(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| SlotError::Io { path: folder.into(), source })?;
        }
        // The old file stays locked until the new one has its name.
        let _old = orphan(path)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".new.{}", std::process::id()));
        let beside = PathBuf::from(beside);
        let made = make(&beside, capacity, mode, now);
        let (file, map) = made.and_then(|made| std::fs::rename(&beside, path).map(|()| made)).map_err(|source| {
            let _ = std::fs::remove_file(&beside);
            io(source)
        })?;
        let tenants = std::iter::repeat_with(|| None).take(capacity as usize).collect();
        Ok(Self { path: path.into(), map, tenants, tenancies: 0, without: Vec::new(), file })
    }

    /// Takes new entries of the board, renews what needs it and beats; `now` is `CLOCK_MONOTONIC` in nanoseconds. A stream
    /// that finds no slot is warned of once.
    pub fn take(&mut self, entries: Vec<Entry>, now: u64) {
        for entry in entries {
            if entry.gone {
                self.remove(&entry.status.stream);
            } else if let Err(error) = self.put(entry, now) {
                tracing::warn!(%error, "readers of the mapped file will not find it");
            }
        }
        for i in 0..self.tenants.len() {
            self.renew(i, now);
        }
        self.map.u64(header::HEARTBEAT).store(now.to_le(), Ordering::Release);
    }

    /// Puts a stream's entry into its slot, a free one if it has none yet.
    ///
    /// # Errors
    /// [`SlotError::Full`] and [`SlotError::Name`], each once a stream.
    pub fn put(&mut self, entry: Entry, now: u64) -> Result<(), SlotError> {
        let name = &entry.status.stream;
        if let Some(i) = self.place(name) {
            if let Some(tenant) = &mut self.tenants[i] {
                tenant.entry = entry;
            }
            self.write(i, now);
            return Ok(());
        }
        if self.without.contains(name) {
            return Ok(());
        }
        let error = if name.len() > layout::NAME {
            SlotError::Name(name.clone())
        } else if let Some(i) = self.tenants.iter().position(Option::is_none) {
            self.tenancies += 1;
            self.tenants[i] = Some(Tenant { entry, tenancy: self.tenancies, said: None, changed: now, until: 0 });
            self.write(i, now);
            return Ok(());
        } else {
            // At most layout::MOST, checked at creation.
            SlotError::Full { stream: name.clone(), capacity: self.tenants.len() as u32 }
        };
        self.without.push(name.clone());
        Err(error)
    }

    /// Frees a stream's slot; the next stream without one gets it.
    pub fn remove(&mut self, stream: &str) {
        if let Some(i) = self.place(stream) {
            self.tenants[i] = None;
            self.fill(i, None, "", 0);
        }
        // There may be room for those that found none.
        self.without.clear();
    }

    fn place(&self, stream: &str) -> Option<usize> {
        self.tenants.iter().position(|tenant| tenant.as_ref().is_some_and(|t| t.entry.status.stream == stream))
    }

    /// Writes a slot whose entry says something else as time passes: a lease that ran out, or the short one of *unknown*.
    fn renew(&mut self, i: usize, now: u64) {
        let due = |tenant: &Tenant| {
            let unknown = tenant.said.is_some_and(|(decided, ..)| decided == GateState::Unknown);
            now + if unknown { UNKNOWN_LEASE.as_nanos() as u64 / 2 } else { 0 } >= tenant.until
        };
        if self.tenants[i].as_ref().is_some_and(due) {
            self.write(i, now);
        }
    }

    fn write(&mut self, i: usize, now: u64) {
        let Some(tenant) = &mut self.tenants[i] else { return };
        let standing = tenant.entry.standing(now);
        let said = Some((standing.status.decided, standing.status.enforced, standing.status.reason));
        if tenant.said != said {
            (tenant.said, tenant.changed) = (said, now);
        }
        tenant.until = standing.valid_until;
        let record = Record::new(&standing, tenant.changed, now);
        let tenancy = tenant.tenancy;
        self.fill(i, Some(&record), &standing.status.stream, tenancy);
    }

    /// The sequence lock's writing side: odd, everything, even.
    fn fill(&self, i: usize, record: Option<&Record>, name: &str, tenancy: u32) {
        let (names, at) = places(self.tenants.len(), i);
        let sequence = self.map.u32(at + slot::SEQUENCE);
        // Only this writer changes it.
        let before = u32::from_le(sequence.load(Ordering::Relaxed));
        sequence.store(before.wrapping_add(1).to_le(), Ordering::Relaxed);
        fence(Ordering::Release);
        let store = |offset: usize, word: u64| self.map.u64(offset).store(word.to_le(), Ordering::Relaxed);
        self.map.u32(at + slot::TENANCY).store(tenancy.to_le(), Ordering::Relaxed);
        for (word, value) in record.map_or([0; _], Record::words).into_iter().enumerate() {
            store(at + slot::DECIDED + 8 * word, value);
        }
        let mut bytes = [0; layout::NAME];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        for (word, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
            store(names + 8 * word, u64::from_le_bytes(*eight));
        }
        sequence.store(before.wrapping_add(2).to_le(), Ordering::Release);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.map.u32(header::CLOSED).store(1u32.to_le(), Ordering::Release);
        let ours = self.file.metadata().and_then(|held| {
            let named = std::fs::symlink_metadata(&self.path)?;
            Ok((held.dev(), held.ino()) == (named.dev(), named.ino()))
        });
        if ours.unwrap_or(false) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Where a name and a slot begin.
pub(super) const fn places(capacity: usize, i: usize) -> (usize, usize) {
    (layout::HEADER + i * layout::NAME, layout::HEADER + capacity * layout::NAME + i * layout::SLOT)
}

/// Marks the file that has the name now, if there is one, as closed; returns it locked.
fn orphan(path: &Path) -> Result<Option<File>, SlotError> {
    let io = |source| SlotError::Io { path: path.into(), source };
    let open = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path);
    let file = match open {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) if e.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => return Err(SlotError::Foreign(path.into())),
        Err(e) => return Err(io(e)),
    };
    let about = file.metadata().map_err(io)?;
    if !about.is_file() || about.len() < layout::HEADER as u64 {
        return Err(SlotError::Foreign(path.into()));
    }
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(SlotError::InUse(path.into())),
        Err(e) => return Err(io(e.into())),
    }
    let map = Map::writable(&file).map_err(io)?;
    if map.u64(header::MAGIC).load(Ordering::Relaxed) != layout::MAGIC.to_le() {
        return Err(SlotError::Foreign(path.into()));
    }
    map.u32(header::CLOSED).store(1u32.to_le(), Ordering::Release);
    Ok(Some(file))
}

/// A new locked file with every byte's room reserved and the header written, its magic last.
fn make(path: &Path, capacity: u32, mode: u32, now: u64) -> io::Result<(File, Map)> {
    // Left by a process of the same number that died here.
    let _ = std::fs::remove_file(path);
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    // A full disk must be an error here, not a signal at some later write.
    fallocate(&file, FallocateFlags::empty(), 0, layout::size(capacity) as u64)?;
    let map = Map::writable(&file)?;
    let (names, slots) = places(capacity as usize, 0);
    for (offset, value) in [
        (header::VERSION, layout::VERSION),
        (header::CAPACITY, capacity),
        // Both below 2^32, since capacity is at most layout::MOST.
        (header::NAMES, names as u32),
        (header::SLOTS, slots as u32),
        (header::PROCESS, std::process::id()),
    ] {
        map.u32(offset).store(value.to_le(), Ordering::Relaxed);
    }
    map.u64(header::LIMIT).store((LIMIT.as_nanos() as u64).to_le(), Ordering::Relaxed);
    map.u64(header::HEARTBEAT).store(now.to_le(), Ordering::Relaxed);
    map.u64(header::MAGIC).store(layout::MAGIC.to_le(), Ordering::Release);
    Ok((file, map))
}
