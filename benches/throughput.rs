//! The daemon on the bundled clip, as fast as it can, beside a bare loop that only calls a one-thread session on ready
//! tensors: how much of the session's speed is left after decoding, preprocessing, monitor and sinks.
//!
//! `cargo bench --bench throughput` prints both in views a second and the ratio (limit: at least 0.9). Both sides
//! alternate in one run, since machines are noisy; one engine worker, so that both have one thread for the session.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use miqa::{
    config::Config,
    daemon,
    engine::{Card, Device, Model, Runtime},
    preprocess::{Rgb288, ViewSet, from_frame},
    source::frames,
};

const ROUNDS: usize = 5;

fn config(root: &Path) -> Config {
    let text = r#"
        [engine]
        model = "models/edge"
        device = "cpu"
        workers = 1
        [[stream]]
        name = "traffic"
        location = "demo/traffic.mp4"
        views = "centre"
        interval = "0ms"
        pace = "asap"
    "#;
    Config::parse(text, &root.join("bench.toml")).expect("the config above is valid")
}

fn main() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let config = config(&root);
    let card = Card::read(&root.join("models/edge")).expect("the shipped model");
    let runtime = Runtime::open(Device::Cpu).expect("make deps");
    let mut model = Model::open(&runtime, &card, 1).expect("the shipped model opens");
    let views: Vec<Rgb288> = frames(&root.join("demo/traffic.mp4"))
        .expect("the bundled clip opens")
        .map(|f| f.expect("the bundled clip decodes"))
        .flat_map(|f| ViewSet::Centre.views().into_iter().map(move |v| from_frame(&f, v).expect("large enough")))
        .collect();

    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for view in &views {
            model.score(std::slice::from_ref(view)).expect("scores");
        }
        bare.push(views.len() as f64 / start.elapsed().as_secs_f64());
        let start = Instant::now();
        let summary = daemon::run(&config, Vec::new(), &Arc::new(AtomicBool::new(false)), daemon::Options::default())
            .expect("runs");
        let scored: u64 = summary.streams.iter().map(|s| s.scored).sum();
        assert_eq!(scored, views.len() as u64, "every frame of the clip is scored");
        whole.push(scored as f64 / start.elapsed().as_secs_f64());
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (bare, whole) = (median(&mut bare), median(&mut whole));
    println!(
        "throughput: bare loop {bare:.1} views/s, daemon {whole:.1} views/s (start-up included), ratio {:.3}",
        whole / bare
    );
}
