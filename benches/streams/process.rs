//! The processes of the bench: camera, bare pipelines, daemon; and what they cost.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use gstreamer as gst;
use gstreamer::prelude::*;
use miqa::event::{Event, Summary};

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// CPU seconds that a process has used, in user mode and in the kernel.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // The command's name may hold spaces; fields are counted after it.
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks = |i: usize| fields[i].parse::<f64>().expect("a number");
    // Linux counts in hundredths (USER_HZ) on every machine that this runs on.
    (ticks(11) + ticks(12)) / 100.0
}

/// Cores that a process uses, after a time to warm up.
fn cores(pid: u32, warm: Duration, span: Duration) -> f64 {
    std::thread::sleep(warm);
    let before = cpu(pid);
    std::thread::sleep(span);
    (cpu(pid) - before) / span.as_secs_f64()
}

/// Something that runs, killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// The camera that all streams connect to.
pub(crate) struct Camera {
    pub(crate) url: String,
    _server: Running,
}

impl Camera {
    /// Encodes the bundled clip as 1080p25 with a keyframe a second, then serves it.
    pub(crate) fn start(root: &Path, folder: &Path) -> Option<Self> {
        let file = folder.join("streams-1080p25.h264");
        if !file.is_file() {
            gst::init().expect("GStreamer");
            let part = folder.join("streams-1080p25.part");
            let text = format!(
                "filesrc location={:?} ! qtdemux ! h264parse ! avdec_h264 ! videorate ! videoscale \
                 ! video/x-raw,width=1920,height=1080,framerate=25/1 ! x264enc speed-preset=veryfast bitrate=4000 \
                 key-int-max=25 bframes=0 option-string=scenecut=0 ! video/x-h264,stream-format=byte-stream,profile=high \
                 ! filesink location={part:?}",
                root.join("demo/traffic.mp4")
            );
            let pipeline = gst::parse::launch(&text).expect("x264enc");
            pipeline.set_state(gst::State::Playing).expect("plays");
            let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
            let end = pipeline.bus().expect("bus").timed_pop_filtered(gst::ClockTime::from_seconds(300), &kinds);
            assert!(matches!(end.expect("an end").view(), gst::MessageView::Eos(_)), "the clip could not be made");
            pipeline.set_state(gst::State::Null).expect("stops");
            std::fs::rename(part, &file).expect("renamed");
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let mut child = Command::new("/usr/bin/python3")
            .arg(root.join("benches/streams/server.py"))
            .arg(port.to_string())
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        let server = Running(child);
        (line.trim() == "ready").then(|| Self { url: format!("rtsp://127.0.0.1:{port}/cam"), _server: server })
    }
}

/// Plays bare pipelines in this process, for so long.
pub(crate) fn bare(url: &str, cameras: usize, span: Duration) {
    gst::init().expect("GStreamer");
    let text = format!(
        "rtspsrc location={url} protocols=tcp latency=200 ! rtph264depay ! h264parse \
         ! identity drop-buffer-flags=delta-unit ! avdec_h264 max-threads=1 ! fakesink sync=false"
    );
    let pipelines: Vec<_> = (0..cameras).map(|_| gst::parse::launch(&text).expect("elements")).collect();
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Playing).expect("plays");
    }
    std::thread::sleep(span);
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Null).expect("stops");
    }
}

/// Cores that bare pipelines use in a process of their own.
pub(crate) fn run_bare(url: &str, warm: Duration, span: Duration) -> f64 {
    let program = std::env::current_exe().expect("this program");
    let seconds = (warm + span).as_secs() + 30;
    let child = Command::new(program).args(["bare", url, &seconds.to_string()]).spawn().expect("starts");
    let running = Running(child);
    cores(running.0.id(), warm, span)
}

/// A daemon that runs.
pub(crate) struct Daemon {
    running: Running,
    lines: BufReader<std::process::ChildStdout>,
}

impl Daemon {
    /// Scores keyframes of so many cameras.
    pub(crate) fn start(folder: &Path, model: &Path, url: &str, cameras: usize, interval: &str) -> Self {
        Self::with(folder, model, url, cameras, interval, "keyframes")
    }

    /// Scores every picture that is due.
    pub(crate) fn start_all(folder: &Path, model: &Path, url: &str, cameras: usize, interval: &str) -> Self {
        Self::with(folder, model, url, cameras, interval, "all")
    }

    fn with(folder: &Path, model: &Path, url: &str, cameras: usize, interval: &str, decode: &str) -> Self {
        let mut text = format!("[engine]\nmodel = {model:?}\ndevice = \"cpu\"\n");
        for i in 0..cameras {
            text += &format!(
                "[[stream]]\nname = \"cam{i}\"\nlocation = \"{url}\"\ninterval = \"{interval}\"\nfast_interval = \"{interval}\"\n\
                 decode = \"{decode}\"\nviews = \"centre\"\n"
            );
        }
        let file = folder.join("streams.toml");
        std::fs::write(&file, text).expect("written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_miqa"))
            .args(["run", "--json", "--config"])
            .arg(file)
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self { running: Running(child), lines }
    }

    /// Cores that it uses.
    pub(crate) fn cores(mut self, warm: Duration, span: Duration) -> f64 {
        let cores = cores(self.running.0.id(), warm, span);
        let summary = self.stop();
        let least = summary.streams.iter().map(|s| s.scored).min().unwrap_or(0);
        let expected = (warm + span).as_secs() / 2;
        assert!(least >= expected, "a camera was scored {least} times in {:?}: {summary:?}", warm + span);
        cores
    }

    /// Resident memory in megabytes (10⁶ bytes).
    pub(crate) fn megabytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.running.0.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.split_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).expect("a number") * 1.024e-3
    }

    /// Stops it; its summary.
    pub(crate) fn stop(&mut self) -> Summary {
        let pid = self.running.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        for line in std::io::Read::by_ref(&mut self.lines).lines() {
            if let Ok(Event::Summary(summary)) = serde_json::from_str(&line.expect("a line")) {
                return summary;
            }
        }
        panic!("the daemon ended without a summary");
    }
}
