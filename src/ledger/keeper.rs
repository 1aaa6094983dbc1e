//! The sink that keeps the ledger. What can't be written is kept in memory and tried again: the daemon goes on whatever
//! becomes of the file.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use super::{Course, LedgerError, Store, Stretch, row::ms, stretch::day};
use crate::{
    config,
    event::{Event, GateEvent, Said},
    sink::Sink,
};

/// How often moves are written to the disk: what a kill costs at most.
const WRITE_EVERY: Duration = Duration::from_secs(10);

/// How often it is written that a gate still stands: by how much a kill makes a stretch too short.
const LASTING_EVERY: f64 = 60.0;

/// Stretches that wait for a disk that takes nothing. More are given up, the oldest first.
const MOST_OWED: usize = 10_000;

/// A stretch with its likely causes and a sum take less than this, the database's own needs included: measured by
/// `ledger::keeper::tests::the_file_stays_within_its_bound`.
const ENTRY: u64 = 1024;

/// The name that a damaged file gets.
const ASIDE: &str = "redb.damaged";

/// Keeps the ledger: moves of gates and the end of the run.
pub struct Keeper {
    path: PathBuf,
    /// Days whose stretches are kept one by one.
    detail_days: f64,
    /// Days of which anything is kept.
    days: usize,
    /// Entries that fit into the file's bound.
    most: u64,
    store: Option<Store>,
    course: Course,
    /// What is to be written, by beginning and stream.
    owed: BTreeMap<(u64, String), Stretch>,
    lost: u64,
    written: f64,
    lasting_written: f64,
    tidied: Option<i32>,
    /// Why the last write failed; said until one succeeds.
    trouble: Option<String>,
}

impl Keeper {
    /// A keeper of the ledger in `settings.folder`; the file is opened with the first move, and nothing that is wrong with
    /// it stops the daemon.
    pub fn new(settings: &config::Ledger) -> Self {
        Self {
            path: settings.file(),
            detail_days: f64::from(settings.detail_days),
            days: settings.days as usize,
            most: (settings.max_mb << 20) / ENTRY,
            store: None,
            course: Course::default(),
            owed: BTreeMap::new(),
            lost: 0,
            written: 0.0,
            lasting_written: 0.0,
            tidied: None,
            trouble: None,
        }
    }

    fn owe(&mut self, stream: &str, stretch: Stretch) {
        self.owed.insert((ms(stretch.from), stream.into()), stretch);
        while self.owed.len() > MOST_OWED {
            self.owed.pop_first();
            self.lost += 1;
        }
    }

    fn moved(&mut self, event: &GateEvent, now: f64) {
        if let Some(ended) = self.course.moved(event, now) {
            self.owe(&event.stream, ended);
        }
        let begun = self.course.lasting().find(|(stream, _)| **stream == event.stream);
        if let Some(begun) = begun.map(|(_, stretch)| stretch.clone()) {
            self.owe(&event.stream, begun);
        }
    }

    /// Time passed until `now` (seconds since 1970): what is due is written.
    fn pass(&mut self, now: f64) -> io::Result<()> {
        for (stream, stretch) in self.course.pass(now) {
            self.owe(&stream, stretch);
        }
        // A clock that was set back must not silence the ledger.
        let since = |then: f64| (now - then).abs();
        let renew = since(self.lasting_written) >= LASTING_EVERY && self.course.lasting().next().is_some();
        if (self.owed.is_empty() && !renew) || since(self.written) < WRITE_EVERY.as_secs_f64() {
            return self.trouble.clone().map_or(Ok(()), |why| Err(io::Error::other(why)));
        }
        let lasting: Vec<_> = self.course.lasting().map(|(name, stretch)| (name.clone(), stretch.clone())).collect();
        lasting.into_iter().for_each(|(stream, stretch)| self.owe(&stream, stretch));
        self.lasting_written = now;
        self.flush(now)
    }

    fn flush(&mut self, now: f64) -> io::Result<()> {
        // Also after a failure: not with every event.
        self.written = now;
        let result = self.put(now);
        if result.is_err() {
            // Whatever went wrong, the file is opened and looked at anew.
            self.store = None;
        }
        self.trouble = result.as_ref().err().map(ToString::to_string);
        result.map_err(io::Error::other)
    }

    fn put(&mut self, now: f64) -> Result<(), LedgerError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => open(&self.path)?,
        };
        store.put(self.owed.iter().map(|((_, stream), stretch)| (stream.as_str(), stretch)))?;
        self.owed.clear();
        if self.lost > 0 {
            tracing::warn!(lost = self.lost, "the ledger is written again; its oldest stretches in between are lost");
            self.lost = 0;
        }
        let (stretches, days) = store.counts()?;
        if self.tidied != Some(day(now)) || stretches + days > self.most {
            // A quarter at a time, so that a flapping camera doesn't have it tidied with every write.
            let left = if stretches > self.most / 2 { self.most / 2 / 4 * 3 } else { self.most / 2 };
            store.fold(now - self.detail_days * super::stretch::DAY, left)?;
            store.drop_oldest(self.days, self.most / 2)?;
            self.tidied = Some(day(now));
        }
        self.store = Some(store);
        Ok(())
    }
}

/// Opens the ledger; one that is damaged or none is put aside, and a new one begun.
fn open(path: &std::path::Path) -> Result<Store, LedgerError> {
    let io = |source| LedgerError::Io { path: path.into(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    match Store::open(path) {
        Err(error) if error.is_damage() => {
            let aside = path.with_extension(ASIDE);
            std::fs::rename(path, &aside).map_err(io)?;
            tracing::error!(%error, aside = %aside.display(), "the ledger can't be used and was put aside; a new one is begun");
            Store::open(path)
        }
        other => other,
    }
}

impl Sink for Keeper {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn wants(&self) -> Box<dyn Fn(&Event) -> bool + Send + Sync> {
        Box::new(|event| matches!(event, Event::Gate(_) | Event::Summary(_)))
    }

    fn write(&mut self, said: &Said) -> io::Result<()> {
        let now = seconds(said.time);
        match &said.event {
            Event::Gate(event) => {
                self.moved(event, now);
                self.pass(now)
            }
            Event::Summary(_) => {
                for (stream, stretch) in self.course.close(now) {
                    self.owe(&stream, stretch);
                }
                if self.owed.is_empty() { Ok(()) } else { self.flush(now) }
            }
            _ => Ok(()),
        }
    }

    fn every(&self) -> Option<Duration> {
        Some(WRITE_EVERY)
    }

    fn tick(&mut self, now: SystemTime) -> io::Result<()> {
        self.pass(seconds(now))
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        event::{GateReason, GateState, Seconds, Summary},
        ledger::{
            End, read,
            store::content,
            stretch::{DAY, tests::event},
        },
    };

    fn settings(folder: &Path) -> config::Ledger {
        config::Ledger { folder: folder.into(), days: 366, detail_days: 35, max_mb: 64 }
    }

    fn at(time: f64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs_f64(time)
    }

    fn said(time: f64, event: Event) -> Said {
        Said { time: at(time), id: String::new(), event }
    }

    /// A move of a gate, in turn closed and open.
    fn moved(number: u32, time: f64) -> Said {
        let (open, closed) = (GateState::Open, GateState::Closed);
        let (state, previous, reason) = if number.is_multiple_of(2) {
            (open, closed, GateReason::ScoreGood)
        } else {
            (closed, open, GateReason::ScoreLow)
        };
        said(time, Event::Gate(event(state, previous, reason)))
    }

    fn stretches(path: &Path) -> Vec<(f64, f64, End)> {
        let all = content(path).expect("readable").unwrap_or_default().stretches;
        all.into_iter().map(|(_, s)| (s.from, s.until, s.end)).collect()
    }

    const NOW: f64 = 20_000.0 * DAY + 40_000.0;

    #[test]
    fn moves_reach_the_file_within_ten_seconds_and_are_read_while_it_is_written() {
        let folder = tempfile::tempdir().expect("folder");
        let settings = settings(folder.path());
        let path = settings.file();
        let mut keeper = Keeper::new(&settings);
        keeper.write(&moved(1, NOW)).expect("written");
        assert_eq!(stretches(&path), [(NOW, NOW, End::Lasting)]);
        keeper.write(&moved(2, NOW + 4.0)).expect("kept");
        assert_eq!(stretches(&path).len(), 1, "not with every move");
        keeper.tick(at(NOW + 10.0)).expect("written");
        assert_eq!(stretches(&path), [(NOW, NOW + 4.0, End::Moved), (NOW + 4.0, NOW + 10.0, End::Lasting)]);
        // Killed: nobody closes the file. It lasted at least until it was last written down.
        keeper.tick(at(NOW + 70.0)).expect("written");
        keeper.tick(at(NOW + 115.0)).expect("nothing to write");
        let mut copy = std::fs::read(&path).expect("read");
        let killed = folder.path().join("killed.redb");
        std::fs::write(&killed, &copy).expect("written");
        assert_eq!(stretches(&killed)[1], (NOW + 4.0, NOW + 70.0, End::Lasting));
        drop(Store::open(&killed).expect("opens"));
        assert_eq!(stretches(&killed)[1], (NOW + 4.0, NOW + 70.0, End::Cut));
        copy.clear();
        // A second writer is refused, the first goes on.
        let refused = Store::open(&path).expect_err("held").to_string();
        assert!(refused.contains("in use by another miqa"), "{refused}");
        let end = Event::Summary(Summary { streams: vec![], took: Seconds::default() });
        keeper.write(&said(NOW + 200.0, end)).expect("written");
        assert_eq!(stretches(&path)[1], (NOW + 4.0, NOW + 200.0, End::Moved));
    }

    #[test]
    fn old_stretches_become_sums_and_the_oldest_days_go() {
        let folder = tempfile::tempdir().expect("folder");
        let settings = config::Ledger { days: 50, ..settings(folder.path()) };
        let mut keeper = Keeper::new(&settings);
        // An hour closed each day, for sixty days.
        for day in 0..60_u32 {
            let begin = NOW + f64::from(day) * DAY;
            for i in 0..=12_u32 {
                keeper.write(&moved(1 + u32::from(i == 12), begin + f64::from(i) * 300.0)).expect("written");
                keeper.tick(at(begin + f64::from(i) * 300.0 + 299.0)).expect("written");
            }
        }
        let content = content(&settings.file()).expect("readable").expect("there");
        assert!((60..90).contains(&content.stretches.len()), "{}", content.stretches.len());
        let days: std::collections::BTreeSet<_> = content.rows.keys().map(|key| key.day).collect();
        assert!((14..=51).contains(&days.len()), "{days:?}");
        let reading = read(&settings.file(), NOW - DAY, NOW + 61.0 * DAY, false).expect("readable");
        let closed = |(key, sum): (&crate::ledger::Key, &crate::ledger::Sum)| {
            (key.decided == "closed").then_some((sum.ms, sum.stays, sum.flaps))
        };
        let closed: Vec<_> = reading.rows.iter().filter_map(closed).collect();
        assert!(closed.len() >= 50 && closed.iter().all(|sum| *sum == (3_600_000, 1, 1)), "{closed:?}");
    }

    #[test]
    fn a_clock_that_leaps_for_an_hour_does_not_cost_the_year() {
        let folder = tempfile::tempdir().expect("folder");
        let settings = settings(folder.path());
        let mut keeper = Keeper::new(&settings);
        keeper.write(&moved(1, NOW)).expect("written");
        keeper.write(&moved(2, NOW + 20.0)).expect("written");
        keeper.tick(at(NOW + 5000.0 * DAY)).expect("written");
        keeper.tick(at(NOW + 40.0)).expect("written");
        let reading = read(&settings.file(), NOW - 1.0, NOW + 60.0, false).expect("readable");
        assert_eq!(reading.rows.iter().find(|(key, _)| key.decided == "closed").expect("kept").1.ms, 20_000);
    }

    #[test]
    fn what_is_damaged_or_foreign_is_put_aside_and_a_new_ledger_begun() {
        let folder = tempfile::tempdir().expect("folder");
        let settings = settings(folder.path());
        let path = settings.file();
        let aside = path.with_extension(ASIDE);
        for bytes in [b"[engine]\nthreads = 2\n".to_vec(), b"{}".to_vec(), vec![0; 70_000]] {
            std::fs::write(&path, &bytes).expect("written");
            let mut keeper = Keeper::new(&settings);
            keeper.write(&moved(1, NOW)).expect("goes on");
            drop(keeper);
            assert_eq!(std::fs::read(&aside).expect("kept"), bytes);
            assert_eq!(stretches(&path).len(), 1);
            std::fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn no_damage_within_the_file_stops_the_keeper() {
        let folder = tempfile::tempdir().expect("folder");
        let settings = settings(folder.path());
        let path = settings.file();
        let mut keeper = Keeper::new(&settings);
        (0..400).for_each(|i| keeper.write(&moved(i, NOW + 11.0 * f64::from(i))).expect("written"));
        drop(keeper);
        let whole = std::fs::read(&path).expect("read");
        for i in 0..60_usize {
            let mut bytes = whole.clone();
            let place = i * 7919 * 31 % bytes.len();
            if i % 6 == 5 {
                bytes.truncate(place);
            } else {
                let end = (place + 64 * (i % 6)).min(bytes.len());
                bytes[place..end.max(place + 1)].iter_mut().for_each(|byte| *byte ^= 0x5a);
            }
            std::fs::write(&path, &bytes).expect("written");
            let mut keeper = Keeper::new(&settings);
            let _ = content(&path);
            keeper.write(&moved(1, NOW + 9000.0)).unwrap_or_else(|e| panic!("damage {i}: {e}"));
            drop(keeper);
            assert!(stretches(&path).iter().any(|(from, ..)| *from == NOW + 9000.0), "damage {i}");
        }
    }

    #[test]
    fn what_could_not_be_written_is_written_once_there_is_a_place() {
        let folder = tempfile::tempdir().expect("folder");
        let settings = settings(&folder.path().join("a"));
        std::fs::write(folder.path().join("a"), "a file is in the way").expect("written");
        let mut keeper = Keeper::new(&settings);
        let refused = keeper.write(&moved(1, NOW)).expect_err("no folder").to_string();
        assert!(refused.contains("check free space and permissions"), "{refused}");
        for i in 2..30 {
            let _ = keeper.write(&moved(i, NOW + 5.0 * f64::from(i)));
        }
        std::fs::remove_file(folder.path().join("a")).expect("removed");
        keeper.tick(at(NOW + 160.0)).expect("written");
        assert_eq!(stretches(&settings.file()).len(), 29, "nothing is lost");
    }

    #[test]
    fn the_file_stays_within_its_bound() {
        let folder = tempfile::tempdir().expect("folder");
        let settings = config::Ledger { max_mb: 8, ..settings(folder.path()) };
        let mut keeper = Keeper::new(&settings);
        let causes =
            ["gaussian_noise", "jpeg_compression", "motion_blur"].map(|name| crate::event::Cause::new(name, 0.123_456));
        // Forty cameras that flap, written in bulk.
        for i in 0..1000_u32 {
            for camera in 0..40 {
                let Event::Gate(mut event) = moved(i, 0.0).event else { unreachable!("a move") };
                (event.stream, event.causes) = (format!("the camera at gate {camera}"), causes.to_vec());
                keeper.moved(&event, NOW + 30.0 * f64::from(i));
            }
            keeper.pass(NOW + 30.0 * f64::from(i)).expect("written");
        }
        let bytes = settings.file().metadata().expect("there").len();
        let (stretches, days) = keeper.store.as_ref().expect("open").counts().expect("counts");
        eprintln!("{stretches} stretches and {days} sums of days in {bytes} bytes");
        assert!(
            bytes <= 8 << 20 && stretches > 2000 && days >= 80,
            "{bytes} bytes, {stretches} stretches, {days} days"
        );
    }
}
