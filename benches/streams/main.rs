//! Sixteen H.264 1080p25 cameras on loopback, scored once a second from keyframes: what the daemon costs beside bare
//! pipelines that only decode, how many cameras fit, what a camera takes of memory, and how late verdicts are.
//!
//! `cargo bench --bench streams` prints it; both sides run in turn, several times, and the median difference counts. CPU
//! times are the processes' own, so the senders on the same machine don't count. `REFERENCE=<python>` with
//! opencv-python-headless, pillow, numpy and onnxruntime adds the script that a user would write. `MINUTES=60` runs the
//! memory part for an hour instead of three minutes.

mod process;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use process::{Camera, Daemon, median};

/// Cameras of a run.
const CAMERAS: usize = 16;

/// Seconds until connections and decoders are warm, and seconds that are measured then.
const WARM: Duration = Duration::from_secs(6);
const SPAN: Duration = Duration::from_secs(12);

/// Runs of each side.
const ROUNDS: usize = 3;

/// Limit of the daemon's cost over bare pipelines, in cores.
const LIMIT: f64 = 0.10;

/// A model's time for one score, in seconds, for which the number of cameras is calculated beside the shipped one.
const TYPICAL: f64 = 0.025;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, bare, url, seconds, ..] = &arguments[..]
        && bare == "bare"
    {
        return process::bare(url, CAMERAS, Duration::from_secs(seconds.parse().expect("a number")));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let Some(camera) = Camera::start(root, &folder) else {
        println!("streams: skipped: needs /usr/bin/python3 with gir1.2-gst-rtsp-server-1.0 and python3-gi");
        return;
    };
    let tiny = root.join("tests/fixtures/tiny");
    let edge = root.join("models/edge");

    let (mut bare, mut daemon, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(process::run_bare(&camera.url, WARM, SPAN));
        daemon.push(Daemon::start(&folder, &tiny, &camera.url, CAMERAS, "1s").cores(WARM, SPAN));
        whole.push(Daemon::start(&folder, &edge, &camera.url, CAMERAS, "1s").cores(WARM, SPAN));
    }
    let over = median(bare.iter().zip(&daemon).map(|(bare, daemon)| daemon - bare));
    let (bare, daemon, whole) = (median(bare), median(daemon), median(whole));
    println!(
        "streams: {CAMERAS} bare pipelines {bare:.3} cores, daemon without its session {daemon:.3}: {over:+.3} cores (limit +{LIMIT}); ratio {:.2}",
        daemon / bare
    );
    println!(
        "streams: with the shipped model {whole:.3} cores: decode {:.0} %, preprocessing, facts and the rest {:.0} %, session {:.0} %",
        100.0 * bare / whole,
        100.0 * over / whole,
        100.0 * (whole - daemon) / whole
    );
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let one = daemon / CAMERAS as f64;
    println!(
        "streams: cameras on {cores} cores at one score a second, calculated: {:.0} with the shipped model, {:.0} with one of {:.0} ms (limit for 2 cores: 36)",
        cores / (whole / CAMERAS as f64),
        cores / (one + TYPICAL),
        1000.0 * TYPICAL
    );

    load(&folder, &edge, &camera.url);
    memory(&folder, &tiny, &camera.url);
    match std::env::var_os("REFERENCE") {
        None => println!("streams: the user's script: skipped: set REFERENCE=<python>"),
        Some(python) => {
            let model = edge.join("model.onnx");
            let script = root.join("benches/streams/script.py");
            let output = Command::new(python)
                .arg(script)
                .args([camera.url.as_str(), model.to_str().expect("UTF-8"), &SPAN.as_secs().to_string()])
                .output()
                .expect("the script runs");
            let said: serde_json::Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
            let number = |key: &str| said[key].as_f64().expect(key);
            let script = (number("cpu") - number("session")) / number("scored");
            println!(
                "streams: outside the session, core-seconds a scored frame: script {script:.4}, daemon {one:.4}, ratio {:.1} (limit 3)",
                script / one
            );
        }
    }
}

/// More to score than can be: how late are verdicts, and is every interval stretched alike?
fn load(folder: &Path, model: &Path, url: &str) {
    let interval = Duration::from_millis(200);
    let mut daemon = Daemon::start_all(folder, model, url, CAMERAS, "200ms");
    std::thread::sleep(WARM + SPAN);
    let summary = daemon.stop();
    let latencies: Vec<_> = summary.streams.iter().filter_map(|s| s.latency).collect();
    let p99 = latencies.iter().map(|l| l.p99_ms).fold(0.0, f64::max);
    let scored: Vec<u64> = summary.streams.iter().map(|s| s.scored).collect();
    let (least, most) = (scored.iter().min().copied().unwrap_or(0), scored.iter().max().copied().unwrap_or(0));
    let total: u64 = scored.iter().sum();
    // Every core scores one frame after the other.
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let inference = 1000.0 * cores * summary.took.0.as_secs_f64() / total.max(1) as f64;
    let stretched =
        interval.as_secs_f64() * 1000.0 * summary.streams.iter().map(|s| s.scored + s.dropped).sum::<u64>() as f64
            / total.max(1) as f64;
    println!(
        "streams: overloaded ({CAMERAS} cameras every {} ms): p99 from newest frame to event {p99:.0} ms, limit (stretched interval {stretched:.0} + 2 × {inference:.0} ms) {:.0} ms; scored a camera {least} to {most}",
        interval.as_millis(),
        stretched + 2.0 * inference
    );
}

/// What a camera takes of memory, and whether it grows.
fn memory(folder: &Path, model: &Path, url: &str) {
    let minutes: u64 = std::env::var("MINUTES").ok().and_then(|m| m.parse().ok()).unwrap_or(3);
    let resident = |cameras| {
        let daemon = Daemon::start(folder, model, url, cameras, "1s");
        std::thread::sleep(WARM * 2);
        (daemon.megabytes(), daemon)
    };
    let (one, mut daemon) = resident(1);
    daemon.stop();
    let (many, mut daemon) = resident(CAMERAS);
    println!(
        "streams: {:.1} MB a camera ({one:.0} MB with one, {many:.0} MB with {CAMERAS}; limit 25)",
        (many - one) / (CAMERAS - 1) as f64
    );
    let mut samples = Vec::new();
    for _ in 0..minutes * 6 {
        std::thread::sleep(Duration::from_secs(10));
        samples.push(daemon.megabytes());
    }
    daemon.stop();
    let half = samples.len() / 2;
    let (early, late) = (median(samples[..half].to_vec()), median(samples[half..].to_vec()));
    println!(
        "streams: over {minutes} min {early:.1} MB, then {late:.1} MB ({:+.1} %, limit ±2)",
        100.0 * (late / early - 1.0)
    );
}
