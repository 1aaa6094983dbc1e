//! Prometheus' alert rules and Grafana's dashboard: right by promtool, and only about metrics that there are.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use miqa::{
    event::{GateState, GateStatus},
    gate::Board,
    http::{About, Metrics, SinkReading},
};
use serde_json::Value;

use crate::support::{stderr, stdout};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Debian's promtool, fetched by `scripts/promtool.sh` or installed.
fn promtool() -> Option<Command> {
    let fetched = file(".deps/promtool/promtool");
    let program = if fetched.is_file() { fetched } else { "promtool".into() };
    if Command::new(&program).arg("--version").output().is_err() {
        println!("skipped: no promtool (Debian's package prometheus; scripts/promtool.sh)");
        return None;
    }
    Some(Command::new(program))
}

/// Names of the series that a running miqa exports.
fn exported() -> BTreeSet<String> {
    let board = Arc::new(Board::default());
    let about = About { distortions: vec!["fog".into()], ..About::default() };
    let metrics = Metrics::new(&about, Arc::clone(&board));
    let stream = metrics.stream("yard");
    stream.latency(std::time::Duration::from_millis(10));
    metrics.sink("jsonl", SinkReading::default);
    let status = GateStatus { stream: "yard".into(), decided: GateState::Open, ..GateStatus::default() };
    board.put(status, u64::MAX);
    let text = metrics.text().unwrap();
    let names = text.lines().filter(|line| !line.starts_with('#'));
    names.filter_map(|line| line.split(['{', ' ']).next()).map(Into::into).collect()
}

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("miqa_")).map(Into::into).collect()
}

/// Every query of the dashboard, with its panel's title; variables that Grafana fills in are filled in.
fn queries() -> Vec<(String, String)> {
    let text = fs::read_to_string(file("config/grafana/miqa.json")).unwrap();
    let board: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap().replace("$__rate_interval", "1m").replace("$__range", "6h");
            found.push((panel["title"].as_str().unwrap().to_owned(), query));
        }
    }
    for variable in board["templating"]["list"].as_array().unwrap() {
        if variable["type"] == "query" {
            found
                .push((variable["name"].as_str().unwrap().to_owned(), variable["definition"].as_str().unwrap().into()));
        }
    }
    found
}

#[test]
fn dashboard_and_alerts_name_only_metrics_that_there_are_and_nearly_all_of_them() {
    let exported = exported();
    let alerts = named(&fs::read_to_string(file("config/prometheus/alerts.yml")).unwrap());
    let shown: BTreeSet<_> = queries().iter().flat_map(|(_, query)| named(query)).collect();
    for name in alerts.union(&shown) {
        assert!(exported.contains(name), "{name} is exported by nobody; there are {exported:?}");
    }
    // What nobody has to look at: the parts of a histogram, and what follows from the others.
    let spare = [
        "miqa_frames_skipped_total",
        "miqa_gate_valid_for_seconds",
        "miqa_latency_seconds_count",
        "miqa_latency_seconds_sum",
        "miqa_score",
        "miqa_sink_written_total",
    ];
    let unseen: Vec<_> = exported.difference(&shown).filter(|name| name.starts_with("miqa_")).collect();
    assert_eq!(unseen, spare, "every other metric is on the dashboard");
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    let Some(mut promtool) = promtool() else { return };
    let tested = promtool.args(["test", "rules"]).arg(file("tests/fixtures/alerts/alerts_test.yml")).output().unwrap();
    assert!(tested.status.success(), "{}{}", stdout(&tested), stderr(&tested));
    // Each alert is tested, and none is tested that isn't there.
    let text = |name: &str| fs::read_to_string(file(name)).unwrap();
    let of = |text: &str, key: &str| -> BTreeSet<String> {
        let found = text.match_indices(key).map(|(at, _)| &text[at + key.len()..]);
        found.filter_map(|rest| rest.trim_start().split([',', '\n', ' ']).next()).map(Into::into).collect()
    };
    assert_eq!(
        of(&text("config/prometheus/alerts.yml"), "- alert:"),
        of(&text("tests/fixtures/alerts/alerts_test.yml"), "alertname:")
    );
}

#[test]
fn every_query_of_the_dashboard_is_one() {
    let Some(mut promtool) = promtool() else { return };
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("queries.yml");
    let mut text = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (i, (_, query)) in queries().iter().filter(|(_, query)| !query.starts_with("label_values")).enumerate() {
        text += &format!("      - record: query:{i}\n        expr: {}\n", serde_json::to_string(query).unwrap());
    }
    assert!(text.matches("record").count() > 15, "{text}");
    fs::write(&rules, text).unwrap();
    let checked = promtool.args(["check", "rules"]).arg(&rules).output().unwrap();
    assert!(checked.status.success(), "{}{}", stdout(&checked), stderr(&checked));
}

#[test]
fn the_dashboard_lays_its_panels_side_by_side() {
    let board: Value = serde_json::from_str(&fs::read_to_string(file("config/grafana/miqa.json")).unwrap()).unwrap();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(ids.insert(panel["id"].as_u64()), "{} has another's number", panel["title"]);
        assert!(at("x") + at("w") <= 24, "{} is too wide", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} lies over another", panel["title"]);
            }
        }
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{} is explained", panel["title"]);
    }
}
