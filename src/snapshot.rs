//! Pictures of alerts: the one that fired it and the last good one before it, as JPEG files within a quota and an age
//! limit. One thread encodes and writes; who asks never waits.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use jpeg_encoder::{ColorType, Encoder};

use crate::{config::Snapshots, frame::Frame, preprocess};

/// Pictures that may wait for the thread; more are given up.
const DEPTH: usize = 16;

/// How long those that wait may take when nobody says how long.
const PATIENCE: Duration = Duration::from_secs(3);

/// JPEG quality (1–100).
const QUALITY: u8 = 80;

/// A picture encoded and kept in memory: the last good one of a stream.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<Option<Arc<Vec<u8>>>>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn get(&self) -> Option<Arc<Vec<u8>>> {
        lock(&self.0).clone()
    }

    /// Whether there is a picture.
    pub fn is_some(&self) -> bool {
        self.get().is_some()
    }
}

enum Task {
    Keep(Frame, Kept),
    Write(Frame, PathBuf),
    WriteKept(Arc<Vec<u8>>, PathBuf),
}

/// The file of an alert's picture: the last good one before it, or the one that fired it. Whatever the id, it lies in the
/// folder.
pub fn file(folder: &Path, alert: &str, good: bool) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = alert.chars().map(plain).collect();
    folder.join(format!("{name}{}.jpg", if good { ".good" } else { "" }))
}

/// Writes snapshots; the thread ends when this is dropped.
#[derive(Debug)]
pub struct Album {
    folder: PathBuf,
    to: Mutex<Option<Sender<Task>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The files of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictures {
    /// The picture that fired it.
    pub snapshot: String,
    /// The last good one before it.
    pub last_good: Option<String>,
}

impl Album {
    /// Makes the folder and starts the thread.
    ///
    /// # Errors
    /// The system's: no folder, no thread.
    pub fn start(config: &Snapshots) -> std::io::Result<Self> {
        std::fs::create_dir_all(&config.folder)?;
        let (to, from) = bounded(DEPTH);
        let limits = config.clone();
        let thread = std::thread::Builder::new().name("snapshots".into()).spawn(move || work(&limits, &from))?;
        Ok(Self { folder: config.folder.clone(), to: Mutex::new(Some(to)), thread: Mutex::new(Some(thread)) })
    }

    fn ask(&self, task: Task) -> bool {
        lock(&self.to).as_ref().is_some_and(|to| to.try_send(task).is_ok())
    }

    /// Takes no more pictures and waits until those it has are written, at most until `deadline`.
    pub fn finish(&self, deadline: Instant) {
        drop(lock(&self.to).take());
        let Some(thread) = lock(&self.thread).take() else { return };
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        if !thread.is_finished() {
            tracing::warn!("the last snapshots were not written in time; check the disk of [snapshots] folder");
        } else if thread.join().is_err() {
            tracing::error!("the snapshots' thread panicked; please report this");
        }
    }

    /// Keeps a frame in memory as a stream's last good one.
    pub fn keep(&self, frame: &Frame, kept: &Kept) {
        self.ask(Task::Keep(frame.clone(), kept.clone()));
    }

    /// Writes the pictures of an alert; `None` if the thread is too busy.
    pub fn write(&self, alert: &str, frame: &Frame, good: &Kept) -> Option<Pictures> {
        let snapshot = file(&self.folder, alert, false);
        if !self.ask(Task::Write(frame.clone(), snapshot.clone())) {
            return None;
        }
        let good = good.get().and_then(|bytes| {
            let path = file(&self.folder, alert, true);
            self.ask(Task::WriteKept(bytes, path.clone())).then(|| path.display().to_string())
        });
        Some(Pictures { snapshot: snapshot.display().to_string(), last_good: good })
    }
}

impl Drop for Album {
    fn drop(&mut self) {
        self.finish(Instant::now() + PATIENCE);
    }
}

fn work(limits: &Snapshots, from: &Receiver<Task>) {
    let mut failing = false;
    for task in from {
        let done = match task {
            Task::Keep(frame, kept) => encode(&frame).map(|bytes| {
                *lock(&kept.0) = Some(Arc::new(bytes));
            }),
            Task::Write(frame, path) => encode(&frame).and_then(|bytes| write(&path, &bytes, limits)),
            Task::WriteKept(bytes, path) => write(&path, &bytes, limits),
        };
        if let Err(error) = &done
            && !failing
        {
            tracing::warn!("a snapshot could not be written: {error}; check [snapshots] folder and its free space");
        }
        failing = done.is_err();
    }
}

fn encode(frame: &Frame) -> Result<Vec<u8>, String> {
    let rgb = preprocess::to_rgb(frame).map_err(|e| e.to_string())?;
    let (Ok(width), Ok(height)) = (u16::try_from(rgb.width()), u16::try_from(rgb.height())) else {
        return Err(format!("a picture of {}×{} is too large for JPEG", rgb.width(), rgb.height()));
    };
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, QUALITY).encode(rgb.as_raw(), width, height, ColorType::Rgb).map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8], limits: &Snapshots) -> Result<(), String> {
    let beside = path.with_extension("part");
    let put = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    if put.is_err() {
        // On a full disk the half that was written takes room, too. The first error tells more than one of this.
        let _ = std::fs::remove_file(&beside);
    }
    // Also after a failure: what is too old may be what fills the disk.
    let quota = limits.quota_mb.saturating_mul(1_000_000);
    let swept = sweep(&limits.folder, limits.keep.get(), quota, SystemTime::now());
    put.and(swept).map_err(|e| e.to_string())
}

/// Removes pictures that are too old, then the oldest until the rest is within the quota in bytes.
fn sweep(folder: &Path, keep: Duration, quota: u64, now: SystemTime) -> std::io::Result<()> {
    let mut pictures = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let ours = entry.path().extension().is_some_and(|ending| ending == "jpg" || ending == "part");
        let about = entry.metadata()?;
        if ours && about.is_file() {
            pictures.push((about.modified()?, about.len(), entry.path()));
        }
    }
    pictures.sort();
    let mut total: u64 = pictures.iter().map(|(_, len, _)| len).sum();
    for (modified, len, path) in pictures {
        let old = now.duration_since(modified).is_ok_and(|age| age > keep);
        if !old && total <= quota {
            break;
        }
        std::fs::remove_file(path)?;
        total -= len;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Period;

    fn limits(folder: &Path) -> Snapshots {
        Snapshots { folder: folder.into(), keep: Period::from_millis(3_600_000), quota_mb: 100 }
    }

    #[test]
    fn an_alert_has_its_picture_and_the_last_good_one() {
        let folder = tempfile::tempdir().expect("folder");
        let album = Album::start(&limits(folder.path())).expect("starts");
        let (white, black) = (image::RgbImage::from_pixel(64, 48, image::Rgb([250; 3])), image::RgbImage::new(64, 48));
        let kept = Kept::default();
        album.keep(&Frame::from_rgb(white), &kept);
        while !kept.is_some() {
            std::thread::yield_now();
        }
        let pictures = album.write("yard/../fog/7", &Frame::from_rgb(black), &kept).expect("room");
        drop(album);
        for (path, bright) in [(&pictures.snapshot, false), (pictures.last_good.as_ref().expect("kept"), true)] {
            assert_eq!(Path::new(path).parent(), Some(folder.path()));
            let picture = crate::picture::read(Path::new(path), crate::picture::Orientation::Ignore).expect("a JPEG");
            assert_eq!(picture.get_pixel(3, 3).0[0] > 128, bright, "{path}");
        }
    }

    #[test]
    fn what_could_not_be_written_leaves_nothing_and_old_pictures_go_all_the_same() {
        let folder = tempfile::tempdir().expect("folder");
        let old = folder.path().join("old.jpg");
        let file = std::fs::File::create(&old).expect("file");
        file.set_modified(SystemTime::now() - Duration::from_secs(7200)).expect("time");
        // A folder of that name can't be replaced by a file.
        let taken = folder.path().join("taken.jpg");
        std::fs::create_dir(&taken).expect("made");
        write(&taken, &[1; 100], &limits(folder.path())).expect_err("it is taken");
        assert!(!taken.with_extension("part").exists() && !old.exists());
        write(&folder.path().join("new.jpg"), &[1; 100], &limits(folder.path())).expect("written");
    }

    #[test]
    fn old_pictures_go_then_the_oldest_beyond_the_quota() {
        let folder = tempfile::tempdir().expect("folder");
        let now = SystemTime::now();
        for (name, age_s, len) in
            [("a.jpg", 5000, 10), ("b.jpg", 300, 400), ("c.jpg", 200, 400), ("d.jpg", 100, 400), ("e.txt", 9000, 9)]
        {
            let file = std::fs::File::create(folder.path().join(name)).expect("file");
            file.set_len(len).expect("length");
            file.set_modified(now - Duration::from_secs(age_s)).expect("time");
        }
        sweep(folder.path(), Duration::from_secs(3600), 900, now).expect("swept");
        let mut left: Vec<_> = std::fs::read_dir(folder.path())
            .expect("folder")
            .map(|e| e.expect("entry").file_name().into_string().expect("UTF-8"))
            .collect();
        left.sort();
        assert_eq!(left, ["c.jpg", "d.jpg", "e.txt"]);
    }
}
