//! Prints both sides of a comparison from one Criterion run, and their ratio.

use std::path::PathBuf;

/// The median in nanoseconds that Criterion wrote for `group/function` in this run.
fn median(group: &str, function: &str) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let path = target.join("criterion").join(group).join(function).join("new/estimates.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    json["median"]["point_estimate"].as_f64()
}

/// One line: the other side's median, ours, and how many times ours fits into the other.
pub(crate) fn print(group: &str, other: &str, ours: &str) {
    match (median(group, other), median(group, ours)) {
        (Some(a), Some(b)) => {
            println!("{group}: {other} {:.3} ms, {ours} {:.3} ms, ratio {:.2}", a / 1e6, b / 1e6, a / b);
        }
        _ => println!("{group}: {other} or {ours} was not measured in this run"),
    }
}
