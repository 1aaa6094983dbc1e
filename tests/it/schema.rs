//! The configuration's JSON schema, judged by an independent validator (Python's jsonschema): it takes what the program takes.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    str::FromStr,
};

use miqa::{
    config::{Config, FileMode, GateBound, Location, Period},
    preprocess::ViewSet,
};
use serde_json::{Value, json};

use crate::support::{miqa, stderr, stdout};

/// What the validator says of each document: `None` where it is valid. `None` without a validator.
fn judged(cases: &[(Option<&str>, Value)]) -> Option<Vec<Option<String>>> {
    let there = Command::new("python3").args(["-c", "import jsonschema"]).output();
    if !there.is_ok_and(|there| there.status.success()) {
        println!("skipped: no jsonschema for Python (Debian's package python3-jsonschema)");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/schema.py");
    let mut child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let given = json!({ "schema": Config::schema(), "cases": cases });
    let mut to = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || to.write_all(given.to_string().as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn document(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap_or_else(|e| panic!("{text}: {e}"))).unwrap()
}

/// The example with every commented key switched on, tables included.
fn in_full(text: &str) -> String {
    let key = |line: &str| {
        let name = line.split([' ', '=']).next().unwrap_or_default();
        !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && line.contains(" = ")
    };
    let mut out = String::new();
    for line in text.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let bare = bare.strip_prefix("e.g. ").unwrap_or(bare);
        out += if key(bare) || bare.starts_with('[') && bare.ends_with(']') { bare } else { line };
        out.push('\n');
    }
    out
}

#[test]
fn every_example_is_valid_and_the_program_prints_the_same_schema() {
    let printed = miqa(["schema"]);
    assert_eq!(printed.status.code(), Some(0), "{}", stderr(&printed));
    assert_eq!(serde_json::from_str::<Value>(&stdout(&printed)).unwrap(), Config::schema());

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = vec![fs::read_to_string(root.join("demo/demo.toml")).unwrap()];
    for entry in fs::read_dir(root.join("config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "toml") {
            let text = fs::read_to_string(path).unwrap();
            texts.extend([in_full(&text), text]);
        }
    }
    // Keys that exclude each other stand beside each other there, and some twice: only what TOML takes is judged.
    texts.retain(|text| toml::from_str::<toml::Table>(text).is_ok());
    assert!(texts.len() >= 3, "config/miqa.toml switched on in full is TOML");
    let cases: Vec<_> = texts.iter().map(|text| (None, document(text))).collect();
    let Some(judged) = judged(&cases) else { return };
    for (text, verdict) in texts.iter().zip(judged) {
        assert_eq!(verdict, None, "{text}");
    }
}

#[test]
fn what_the_program_refuses_by_kind_range_or_form_the_schema_refuses_too() {
    const ONE: &str = "[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\n";
    let stream = |keys: &str| format!("{ONE}{keys}\n");
    let rule = |keys: &str| format!("{ONE}[[rule]]\nname = \"r\"\n{keys}\n");
    let night = "[[gate.schedule]]\nname = \"n\"\ntime_zone = \"UTC\"\nfrom = \"22:00\"\nto = \"06:00\"\nclose_below = 0.1\nopen_above = 0.2\n";
    let wrong = [
        String::new(),
        "stream = []".into(),
        "[[stream]]\nname = \"a\"\n".into(),
        "[[stream]]\nlocation = \"a.mp4\"\n".into(),
        stream("intervall = \"1s\""),
        stream("interval = 200"),
        stream("interval = \"200\""),
        stream("interval = \"-1s\""),
        stream("interval = \"1 day\""),
        stream("views = \"tiles:1\""),
        stream("views = \"tiles:9:mean\""),
        stream("views = \"left\""),
        stream("transport = \"tpc\""),
        stream("decode = \"everything\""),
        stream("pace = \"fast\""),
        stream("repeat = \"no\""),
        stream("[[stream.region]]\nrectangle = [0.1, 0.2, 0.3]"),
        stream("[[stream.region]]\npolygon = [[0.1, 0.2], [0.3, 0.4]]"),
        stream("[[stream.region]]\ncombine = \"maximum\""),
        stream("[stream.gate]\nclose_below = \"0.4\""),
        stream("[stream.gate]\nclose_below = \"auto:30%\""),
        stream("[stream.facts]\nfrozen_after = \"never\""),
        ONE.replace("a.mp4", "ftp://x/"),
        ONE.replace("a.mp4", ""),
        ONE.replace("a.mp4", "rtsp://"),
        ONE.replace("a.mp4", "test:a b"),
        ONE.replace("a.mp4", "images:"),
        ONE.replace("a.mp4", "gst: "),
        ONE.replace("\"a\"", "\"a b\""),
        format!("[engine]\ndevice = \"gpu\"\n{ONE}"),
        format!("[engine]\nthreads = 0\n{ONE}"),
        format!("[engine]\nthreads = \"2\"\n{ONE}"),
        format!("[engine]\nworkers = -1\n{ONE}"),
        format!("[engine]\nworkers = 257\n{ONE}"),
        format!("[gate]\nclose_below = 1.5\n{ONE}"),
        format!("[gate]\nwhen_unknown = \"degraded\"\n{ONE}"),
        format!("[gate]\nmode = \"dry\"\n{ONE}"),
        format!("[gates]\nclose_below = 0.2\n{ONE}"),
        format!("{ONE}{}", night.replace("22:00", "24:30")),
        format!("{ONE}{}", night.replace("22:00", "7:00")),
        format!("{ONE}{}days = [\"monday\"]\n", night),
        format!("{ONE}{}light = \"dark\"\n", night),
        format!("{ONE}{}", night.replace("time_zone = \"UTC\"\n", "")),
        rule("sight = \"frozn\""),
        rule("head = \"x\"\nfire_below = 2"),
        rule("head = \"x\"\nfire_below = 0.2\nseverity = \"bad\""),
        rule("drop = -0.1"),
        rule("lost = 1"),
        stream("[jsonl]"),
        stream("[jsonl]\npath = \"a\"\nevents = [\"alrt\"]"),
        stream("[jsonl]\npath = \"a\"\nrotate_bytes = 100"),
        stream("[jsonl]\npath = \"a\"\nkeep = 1001"),
        stream("[[webhook]]\nurl = \"hook.example/x\""),
        stream("[[webhook]]\nurl = \"https://u@hook.example/x\""),
        stream("[[webhook]]\nurl = \"https://h/\"\nattempts = 0"),
        stream("[mqtt]"),
        stream("[mqtt.broker]\naddress = \"broker\""),
        stream("[mqtt]\nprefix = \"a//b\"\n[mqtt.broker]\naddress = \"mqtt://h\""),
        stream("[frigate]\nmode = \"on\""),
        stream("[http]\nlisten = \"localhost\""),
        stream("[http]\nlisten = 9464"),
        stream("[socket]\nmode = \"660\"\nreaders = 0"),
        stream("[socket]\nmode = \"0460\""),
        stream("[slot]\ncapacity = 70000"),
        stream("[state]"),
        stream("[snapshots]\nfolder = \"a\"\nquota_mb = -1"),
    ];
    for text in &wrong {
        assert!(Config::parse(text, Path::new("a.toml")).is_err(), "the program takes\n{text}");
    }
    let cases: Vec<_> = wrong.iter().map(|text| (None, document(text))).collect();
    let Some(judged) = judged(&cases) else { return };
    for (text, verdict) in wrong.iter().zip(judged) {
        assert!(verdict.is_some(), "the schema takes\n{text}");
    }
}

#[test]
fn texts_of_a_form_are_valid_exactly_where_the_program_reads_them() {
    /// Every row of up to `most` of these words.
    fn rows(words: &[&str], most: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut begin = 0;
        for _ in 0..most {
            let end = all.len();
            for i in begin..end {
                for word in words {
                    let row = format!("{}{word}", all[i]);
                    all.push(row);
                }
            }
            begin = end;
        }
        all
    }
    fn read<T: FromStr>(texts: &[String]) -> Vec<bool> {
        texts.iter().map(|text| text.parse::<T>().is_ok()).collect()
    }
    let periods = rows(&["0", "15", ".", " ", "ms", "s", "m", "h", "-", "d"], 4);
    let modes = rows(&["0", "6", "7", "4", "8"], 5);
    let views = rows(&["centre", "tiles:", ":", "2", "9", "mean"], 5);
    let bounds: Vec<_> = rows(&["auto", ":-", "10", ".5", "%", " "], 5);
    // No "gst:": the text of a fragment counts as a secret, which other tests of this process would miss in what is said.
    let places = rows(&["rtsp", "HTTPS", "file", "v4l2", "://", ":", "/", "cam", "test:", "images:", "?", " "], 4);
    let forms = [
        // Longer than 366 days is refused for another reason than its form.
        ("Period", false, &periods, read::<Period>(&periods)),
        ("FileMode", true, &modes, read::<FileMode>(&modes)),
        ("ViewSet", true, &views, read::<ViewSet>(&views)),
        // A number in quotes and shares beyond 1 to 90 % are refused for other reasons than their form.
        (
            "GateBound",
            false,
            &bounds,
            bounds.iter().map(|text| text.starts_with("auto") && text.parse::<GateBound>().is_ok()).collect(),
        ),
        // Hosts and ports are looked at by the program alone.
        ("Location", false, &places, read::<Location>(&places)),
    ];
    for (name, exact, texts, taken) in forms {
        let cases: Vec<_> = texts.iter().map(|text| (Some(name), json!(text))).collect();
        let Some(judged) = judged(&cases) else { return };
        assert!(taken.iter().filter(|taken| **taken).count() > 2, "{name}: the words make some that are read");
        for ((text, taken), verdict) in texts.iter().zip(taken).zip(judged) {
            let valid = verdict.is_none();
            assert!(valid == taken || valid && !exact, "{name} \"{text}\": program {taken}, schema {valid}");
        }
    }
}
