//! What Prometheus reads: prefix `miqa_`, base units, every series there from the start, label values from fixed lists.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    metrics::{MetricType, counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};

use super::gates::{GateCollector, Gates};
use crate::{
    event::{BaselineStatus, Sight},
    facts::LightMode,
    gate::Board,
};

/// Upper bounds of the latencies' buckets, in seconds.
const BUCKETS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0];

type Labels = Vec<(String, String)>;

/// What doesn't change during a run.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The model's name.
    pub model: String,
    /// The model's version.
    pub model_version: String,
    /// SHA-256 of the model's file, in hexadecimal.
    pub model_sha256: String,
    /// What runs the model.
    pub provider: String,
    /// The distortions that the model names.
    pub distortions: Vec<String>,
}

/// Frames of a stream's present source so far, as its slot and the workers count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    /// Decoded.
    pub seen: u64,
    /// Scored.
    pub scored: u64,
    /// Not due by the interval.
    pub skipped: u64,
    /// Due, but given up or not to be scored.
    pub dropped: u64,
}

/// What a sink's queue shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkReading {
    /// Events that wait now.
    pub waiting: u64,
    /// Events that were written or taken.
    pub written: u64,
    /// Events given up since the queue was full.
    pub dropped: u64,
    /// Events that could not be written or were refused.
    pub failures: u64,
}

/// All metrics. The daemon holds it, asks it for each stream's handle, and shows it to the server.
pub struct Metrics {
    registry: Registry,
    gates: Arc<Gates>,
    sinks: Arc<Sinks>,
    families: Families,
}

#[derive(Clone, Debug)]
struct Families {
    seen: Family<Labels, Counter>,
    scored: Family<Labels, Counter>,
    skipped: Family<Labels, Counter>,
    dropped: Family<Labels, Counter>,
    restarts: Family<Labels, Counter>,
    abandoned: Family<Labels, Counter>,
    stretch: Family<Labels, Gauge<f64, AtomicU64>>,
    latency: Family<Labels, Histogram, fn() -> Histogram>,
    normal: Family<Labels, Gauge<f64, AtomicU64>>,
    learnt: Family<Labels, Gauge<f64, AtomicU64>>,
    clean_by: Family<Labels, Gauge<f64, AtomicU64>>,
}

impl Metrics {
    /// Metrics without streams.
    pub fn new(about: &About, board: Arc<Board>) -> Self {
        let mut registry = Registry::with_prefix("miqa");
        let label = |name: &str, value: &str| (name.to_owned(), plain(value));
        let build = Info::new(vec![label("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program", build);
        let model = Info::new(vec![
            label("name", &about.model),
            label("version", &about.model_version),
            label("sha256", &about.model_sha256),
            label("provider", &about.provider),
        ]);
        registry.register("model", "The model that scores", model);
        let families = Families {
            seen: Family::default(),
            scored: Family::default(),
            skipped: Family::default(),
            dropped: Family::default(),
            restarts: Family::default(),
            abandoned: Family::default(),
            stretch: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            normal: Family::default(),
            learnt: Family::default(),
            clean_by: Family::default(),
        };
        registry.register("frames_seen", "Frames decoded", families.seen.clone());
        registry.register("frames_scored", "Frames scored", families.scored.clone());
        registry.register("frames_skipped", "Frames not due by the interval", families.skipped.clone());
        let help = "Frames that were due but gave way to newer ones or could not be scored";
        registry.register("frames_dropped", help, families.dropped.clone());
        registry.register("source_restarts", "Sources started again", families.restarts.clone());
        let help = "Pipelines that would not stop and were left behind";
        registry.register("source_abandoned", help, families.abandoned.clone());
        let help = "Real interval of scoring divided by the configured one";
        registry.register("interval_stretch_ratio", help, families.stretch.clone());
        let help = "Time from a frame's arrival to its verdict";
        registry.register("latency_seconds", help, families.latency.clone());
        let help = "Usual score of this camera by this light, 0 to 1: what a tenth, half, nine tenths of a day lie below; NaN while it is learnt";
        registry.register("baseline_score", help, families.normal.clone());
        registry.register("baseline_days", "Days learnt by this light", families.learnt.clone());
        let help = "Unix time by which the lens should be cleaned; NaN if that can't be said";
        registry.register("clean_by_timestamp_seconds", help, families.clean_by.clone());
        let sights = Sight::ALL.iter().map(|sight| sight.name().to_owned());
        let gates = Arc::new(Gates::new(board, about.distortions.iter().cloned().chain(sights).collect()));
        let sinks = Arc::new(Sinks::default());
        registry.register_collector(Box::new(GateCollector(Arc::clone(&gates))));
        registry.register_collector(Box::new(Arc::clone(&sinks)));
        Self { registry, gates, sinks, families }
    }

    /// A stream's handle; its series are there from now on. Asked again, the same series go on.
    pub fn stream(&self, name: &str) -> StreamMetrics {
        self.gates.add(name);
        let (labels, of) = (labels(name), &self.families);
        let stretch = of.stretch.get_or_create_owned(&labels);
        if stretch.get() == 0.0 {
            stretch.set(1.0);
        }
        StreamMetrics {
            frames: Arc::new(
                [&of.seen, &of.scored, &of.skipped, &of.dropped]
                    .map(|family| (family.get_or_create_owned(&labels), AtomicU64::new(0))),
            ),
            restarts: of.restarts.get_or_create_owned(&labels),
            abandoned: of.abandoned.get_or_create_owned(&labels),
            latency: of.latency.get_or_create_owned(&labels),
            stretch,
            baselines: (name.to_owned(), of.clone()),
        }
    }

    /// Forgets a stream that is no longer configured.
    pub fn remove(&self, name: &str) {
        self.gates.remove(name);
        let (labels, of) = (labels(name), &self.families);
        for family in [&of.seen, &of.scored, &of.skipped, &of.dropped, &of.restarts, &of.abandoned] {
            family.remove(&labels);
        }
        of.stretch.remove(&labels);
        of.latency.remove(&labels);
        of.clean_by.remove(&labels);
        for light in LightMode::ALL {
            of.learnt.remove(&lit(name, light, None));
            for quantile in QUANTILES {
                of.normal.remove(&lit(name, light, Some(quantile)));
            }
        }
    }

    /// Shows a sink; `read` is called at each scrape. A label that is already shown is replaced.
    pub fn sink(&self, label: &str, read: impl Fn() -> SinkReading + Send + Sync + 'static) {
        let mut sinks = self.sinks.0.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.retain(|(known, _)| known != label);
        sinks.push((label.into(), Box::new(read)));
    }

    /// Everything in Prometheus' OpenMetrics text form.
    ///
    /// # Errors
    /// None that can happen: the text grows in memory.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }

    pub(super) fn gates(&self) -> &Arc<Gates> {
        &self.gates
    }
}

fn labels(stream: &str) -> Labels {
    vec![("stream".into(), stream.into())]
}

/// The quantiles of a band, from below.
const QUANTILES: [&str; 3] = ["0.1", "0.5", "0.9"];

fn lit(stream: &str, light: LightMode, quantile: Option<&str>) -> Labels {
    let quantile = quantile.map(|quantile| ("quantile".into(), quantile.into()));
    labels(stream).into_iter().chain([("light".into(), light.name().into())]).chain(quantile).collect()
}

/// A label's value without what would have to be escaped.
fn plain(value: &str) -> String {
    value.chars().map(|c| if c.is_control() || "\"\\".contains(c) { ' ' } else { c }).collect()
}

/// One stream's series; cheap to clone, and to update from any thread.
#[derive(Clone, Debug)]
pub struct StreamMetrics {
    /// Counter and the newest total of seen, scored, skipped, dropped.
    frames: Arc<[(Counter, AtomicU64); 4]>,
    restarts: Counter,
    abandoned: Counter,
    latency: Histogram,
    stretch: Gauge<f64, AtomicU64>,
    /// The stream's name, and where series of its baseline are.
    baselines: (String, Families),
}

impl StreamMetrics {
    /// The present source's totals, now and then from one thread at a time. Totals that fell belong to a new source.
    pub fn frames(&self, totals: Frames) {
        let totals = [totals.seen, totals.scored, totals.skipped, totals.dropped];
        for ((counter, last), now) in self.frames.iter().zip(totals) {
            let before = last.swap(now, Ordering::Relaxed);
            counter.inc_by(if now >= before { now - before } else { now });
        }
    }

    /// A frame was judged that long after it arrived.
    pub fn latency(&self, latency: Duration) {
        self.latency.observe(latency.as_secs_f64());
    }

    /// Real interval / configured interval.
    pub fn stretch(&self, ratio: f64) {
        self.stretch.set(ratio);
    }

    /// How the stream's baseline stands by each light. A stream without one has no such series.
    pub fn baseline(&self, statuses: &[BaselineStatus]) {
        let (name, of) = &self.baselines;
        for status in statuses {
            of.learnt.get_or_create_owned(&lit(name, status.light, None)).set(f64::from(status.days));
            let band = status.band.map(|band| [band.low, band.normal, band.high].map(f64::from));
            for (quantile, value) in QUANTILES.iter().zip(band.unwrap_or([f64::NAN; 3])) {
                of.normal.get_or_create_owned(&lit(name, status.light, Some(quantile))).set(value);
            }
            let clean = status.clean_by.map_or(f64::NAN, |clean| clean.by as f64);
            of.clean_by.get_or_create_owned(&labels(name)).set(clean);
        }
    }

    /// The source is started again.
    pub fn restarted(&self) {
        self.restarts.inc();
    }

    /// A pipeline that would not stop was left behind.
    pub fn abandoned(&self) {
        self.abandoned.inc();
    }
}

type Read = Box<dyn Fn() -> SinkReading + Send + Sync>;

#[derive(Default)]
struct Sinks(Mutex<Vec<(String, Read)>>);

impl fmt::Debug for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sinks")
    }
}

impl Collector for Sinks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let readings: Vec<_> = sinks.iter().map(|(label, read)| ([("sink", label.as_str())], read())).collect();
        let help = "Events that wait for a sink";
        let mut metric = encoder.encode_descriptor("sink_waiting_events", help, None, MetricType::Gauge)?;
        for (labels, reading) in &readings {
            metric.encode_family(labels)?.encode_gauge(&reading.waiting)?;
        }
        type Of = fn(&SinkReading) -> u64;
        let counters: [(&str, &str, Of); 3] = [
            ("sink_written", "Events written or taken", |reading| reading.written),
            ("sink_dropped", "Events given up since a sink was too slow", |reading| reading.dropped),
            ("sink_failures", "Events that a sink could not write or that were refused", |reading| reading.failures),
        ];
        for (name, help, of) in counters {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, reading) in &readings {
                metric
                    .encode_family(labels)?
                    .encode_counter::<prometheus_client::encoding::NoLabelSet, _, u64>(&of(reading), None)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Cause, GateReason, GateState, GateStatus},
        gate::monotonic_ns,
    };

    fn lines(metrics: &Metrics) -> Vec<String> {
        metrics.text().expect("text").lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn has(metrics: &Metrics, line: &str) {
        let lines = lines(metrics);
        assert!(lines.iter().any(|l| l == line), "no {line} in\n{}", lines.join("\n"));
    }

    #[test]
    fn series_are_there_from_the_start_and_follow_the_board() {
        let board = Arc::new(Board::default());
        let about = About { model: "a \"b\"".into(), distortions: vec!["fog".into()], ..About::default() };
        let metrics = Metrics::new(&about, Arc::clone(&board));
        let yard = metrics.stream("yard");
        metrics.sink("jsonl", || SinkReading { waiting: 3, written: 5, dropped: 1, failures: 2 });
        for line in [
            "miqa_build_info{version=\"0.1.0\"} 1",
            "miqa_model_info{name=\"a  b \",version=\"\",sha256=\"\",provider=\"\"} 1",
            "miqa_frames_seen_total{stream=\"yard\"} 0",
            "miqa_source_restarts_total{stream=\"yard\"} 0",
            "miqa_interval_stretch_ratio{stream=\"yard\"} 1.0",
            "miqa_latency_seconds_count{stream=\"yard\"} 0",
            "miqa_gate_state{stream=\"yard\",state=\"unknown\"} 1.0",
            "miqa_gate_state{stream=\"yard\",state=\"open\"} 0.0",
            "miqa_gate_reason{stream=\"yard\",reason=\"starting\"} 1.0",
            "miqa_score{stream=\"yard\"} NaN",
            "miqa_cause_probability{stream=\"yard\",cause=\"fog\"} 0.0",
            "miqa_cause_probability{stream=\"yard\",cause=\"frozen\"} 0.0",
            "miqa_sink_waiting_events{sink=\"jsonl\"} 3",
            "miqa_sink_written_total{sink=\"jsonl\"} 5",
            "miqa_sink_dropped_total{sink=\"jsonl\"} 1",
            "miqa_sink_failures_total{sink=\"jsonl\"} 2",
        ] {
            has(&metrics, line);
        }
        let status = GateStatus {
            stream: "yard".into(),
            decided: GateState::Closed,
            enforced: Some(GateState::Closed),
            reason: GateReason::ScoreLow,
            score: Some(0.25),
            causes: vec![Cause::new("fog", 0.75)],
            ..GateStatus::default()
        };
        board.put(status.clone(), monotonic_ns() + 60_000_000_000);
        yard.latency(Duration::from_millis(60));
        yard.frames(Frames { seen: 10, scored: 4, skipped: 5, dropped: 1 });
        yard.frames(Frames { seen: 20, scored: 8, skipped: 10, dropped: 2 });
        // A new source counts anew.
        yard.frames(Frames { seen: 3, scored: 1, skipped: 2, dropped: 0 });
        for line in [
            "miqa_gate_state{stream=\"yard\",state=\"closed\"} 1.0",
            "miqa_gate_enforced_state{stream=\"yard\",state=\"closed\"} 1.0",
            "miqa_gate_reason{stream=\"yard\",reason=\"score_low\"} 1.0",
            "miqa_score{stream=\"yard\"} 0.25",
            "miqa_cause_probability{stream=\"yard\",cause=\"fog\"} 0.75",
            "miqa_latency_seconds_bucket{le=\"0.1\",stream=\"yard\"} 1",
            "miqa_frames_seen_total{stream=\"yard\"} 23",
            "miqa_frames_dropped_total{stream=\"yard\"} 2",
        ] {
            has(&metrics, line);
        }
        // The lease ran out.
        board.put(status, 1);
        has(&metrics, "miqa_gate_state{stream=\"yard\",state=\"unknown\"} 1.0");
        has(&metrics, "miqa_gate_enforced_state{stream=\"yard\",state=\"closed\"} 0.0");
        board.remove("yard");
        metrics.remove("yard");
        assert!(!lines(&metrics).iter().any(|line| line.contains("yard")), "{}", lines(&metrics).join("\n"));
    }
}
