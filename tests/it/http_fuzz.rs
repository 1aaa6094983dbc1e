//! A schema fuzzer against a running daemon: whatever it asks, the answer is one that the description promises.

use std::process::Command;

use crate::http_api::Daemon;

/// Seconds for all of it; a tenth of that does unless the machine is loaded.
const LIMIT: &str = "45";

/// Everything that can be said of an answer without knowing what it is about.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance";

#[test]
fn every_answer_is_one_that_the_description_promises() {
    let made = Command::new("scripts/schemathesis.sh").current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    if !made.status.success() {
        println!(
            "skipped: every_answer_is_one_that_the_description_promises: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        return;
    }
    let home = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let folder = tempfile::tempdir().unwrap();
    // Nothing but test pictures may be added: a fuzzer's addresses are others' machines.
    let text = "[[stream]]\nname = \"yard\"\nlocation = \"test:white\"\nviews = \"centre\"\n\
        [[rule]]\nname = \"bright\"\nhead = \"cls_consistency\"\nfire_above = 0.9\n[state]\nfolder = \"state\"\n[snapshots]\nfolder = \"shots\"\n";
    let daemon = Daemon::start(folder.path(), text, "add = [\"test\"]");
    let ran = Command::new("python3")
        .arg(format!("{home}/bin/st"))
        .args(["run", &format!("http://127.0.0.1:{}/api/v1/openapi.json", daemon.port), "--checks", CHECKS])
        // An event stream has no end; `http_api` reads it.
        .args(["--exclude-path", "/api/v1/events", "--phases", "coverage,fuzzing", "--max-examples", "4"])
        .args(["--generation-deterministic", "--continue-on-failure", "--max-time", LIMIT, "--no-color"])
        .env("PYTHONPATH", &home)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    println!("{said}");
    assert!(
        ran.status.success(),
        "the fuzzer found something, or could not run: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let cases = said.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse::<u32>().ok());
    assert!(cases.is_some_and(|cases| cases > 100), "too little was tried");
}
