//! The program from outside: what it prints and how it exits.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use miqa::event::Event;

use crate::{
    clip::{self, BLACK, WHITE},
    support::{command, config, miqa, model, stderr, stdout},
};

#[test]
fn score_prints_a_table_or_json_and_exits_by_the_gate() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    image::RgbImage::from_pixel(400, 300, image::Rgb([204; 3])).save(path("bright.png")).expect("saved");
    image::RgbImage::from_pixel(300, 400, image::Rgb([51; 3])).save(path("dark.jpg")).expect("saved");
    clip::make(&folder.path().join("cut.mp4"), &[(50, WHITE), (50, BLACK)]);
    let tiny = model("tiny").display().to_string();
    let score = |rest: &[&str]| miqa(["score", "--model", &tiny].iter().chain(rest));

    let bright = score(&[&path("bright.png")]);
    assert_eq!(bright.status.code(), Some(0), "{}", stderr(&bright));
    assert!(
        stdout(&bright).lines().count() == 2 && stdout(&bright).contains("0.800") && stdout(&bright).contains("open")
    );

    let all = score(&["--json", &path("bright.png"), &path("dark.jpg"), &path("cut.mp4")]);
    assert_eq!(all.status.code(), Some(1), "{}", stderr(&all));
    let lines: Vec<serde_json::Value> =
        stdout(&all).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [bright, dark, cut] = &lines[..] else { panic!("three lines") };
    let near = |value: &serde_json::Value, want: f64| (value.as_f64().expect("number") - want).abs() < 0.01;
    assert!(near(&bright["heads"]["cls_consistency"], 0.8) && bright["gate"] == "open");
    assert!(near(&dark["heads"]["cls_consistency"], 0.2) && dark["gate"] == "closed");
    assert_eq!(dark["causes"][0]["distortion"], "darkness");
    // Frames at 0, 1, 2 and 3 s: two white, two black.
    assert_eq!(cut["frames"], 4);
    assert!(
        near(&cut["heads"]["cls_consistency"], 0.5)
            && near(&cut["worst"]["score"], 0.0)
            && near(&cut["worst"]["at"], 2.0)
    );

    for (rest, code) in [(["--close-below", "0.1"], 0), (["--head", "cls_accuracy"], 2), (["--every", "0s"], 1)] {
        let output = score(&[rest[0], rest[1], &path("dark.jpg")]);
        assert_eq!(output.status.code(), Some(code), "{rest:?}: {}", stderr(&output));
    }
}

#[test]
fn run_prints_events_as_text_and_json() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("a.mp4"), &[(50, WHITE), (50, BLACK)]);
    let file = config(folder.path(), "tiny", "[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\npace = \"asap\"\n");
    let file = file.display().to_string();
    let text = miqa(["run", "--config", &file]);
    assert_eq!(text.status.code(), Some(0), "{}", stderr(&text));
    let printed = stdout(&text);
    for part in [
        "a  started, 320×288",
        "gate OPEN (was unknown)",
        "gate CLOSED (was open): score low",
        "likely darkness",
        "100 frames seen, 20 scored",
    ] {
        assert!(printed.contains(part), "no \"{part}\" in\n{printed}");
    }
    let json = miqa(["run", "--config", &file, "--json"]);
    let events: Vec<Event> = stdout(&json).lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!(events.len() + 1, printed.lines().count());
    assert!(matches!(events.last(), Some(Event::Summary(_))), "{events:?}");
}

#[test]
fn a_signal_drains_within_two_seconds() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("a.mp4"), &[(1500, WHITE)]);
    let file = config(folder.path(), "tiny", "[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\n");
    let mut child =
        command().args(["run", "--json", "--config"]).arg(file).stdout(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("\"state\":\"open\"") {
        line.clear();
        assert!(lines.read_line(&mut line).expect("readable") > 0, "ended before the gate opened");
    }
    let asked = Instant::now();
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(kill.success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("readable");
    assert_eq!(child.wait().expect("ends").code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    let kinds: Vec<Event> = rest.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    let [Event::StreamEnded { reason, .. }, Event::Gate(_), Event::Summary(_)] = &kinds[..] else { panic!("{rest}") };
    assert_eq!(reason, "stopped");
}

#[test]
fn check_says_what_it_found_and_a_gone_reader_is_no_error() {
    let folder = tempfile::tempdir().expect("folder");
    let file = config(folder.path(), "tiny", "[[stream]]\nname = \"a\"\nlocation = \"rtsp://u:hunter2@127.0.0.1/1\"\n");
    let output = miqa(["check", "--config", &file.display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for part in [
        "SHA-256 verified",
        "provider  cpu: CPU",
        "session   opened",
        "a: rtsp://***@127.0.0.1/1",
        "closes below 0.4, opens from 0.5",
    ] {
        assert!(stdout(&output).contains(part), "no \"{part}\" in\n{}", stdout(&output));
    }
    assert!(!stdout(&output).contains("hunter2"));
    let missing = config(folder.path(), "tiny", "[[stream]]\nname = \"a\"\nlocation = \"none.mp4\"\n");
    let output = miqa(["check", "--config", &missing.display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    assert!(said.contains("tiny.toml: stream[0].location: ") && said.contains("none.mp4: cannot be opened"), "{said}");
    // `miqa check | head -0`: the reader is gone before the first line.
    let mut child = command()
        .args(["check", "--config"])
        .arg(missing)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn check_refuses_what_cannot_run_with_the_keys_path_and_the_next_step() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("file"), "x").expect("written");
    let stream = |name: &str, location: &str| format!("[[stream]]\nname = \"{name}\"\nlocation = \"{location}\"\n");
    let good = stream("a", "test:ball");
    let check = |text: &str| {
        let output = miqa(["check", "--config", &config(folder.path(), "tiny", text).display().to_string()]);
        (output.status.code(), stdout(&output) + &stderr(&output))
    };
    let (code, said) = check(&format!("{good}[state]\nfolder = \"s/t\"\n[jsonl]\npath = \"logs/e.jsonl\"\n"));
    assert_eq!(code, Some(0), "{said}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("there").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left.len(), 2, "what was tried is undone: {left:?}");
    for (text, code, parts) in [
        (good.clone() + &stream("b", "test:bal"), 1, ["stream[1].location: test:bal: ", "try smpte"]),
        (stream("b", "gst:vidoetestsrc ! queue"), 1, ["stream[0].location: gst:***", "gst-launch-1.0"]),
        (stream("b", "rtsp://cam:99999/1"), 2, ["stream[0].location: ", "a port is a number from 1 to 65535"]),
        (good.clone() + "[state]\nfolder = \"file\"\n", 1, ["state.folder: ", "a file is in the way"]),
        (good.clone() + "[state]\nfolder = \"/proc/miqa\"\n", 1, ["state.folder: /proc/miqa: ", "name a place"]),
        (good.clone() + "[snapshots]\nfolder = \"file/b\"\n", 1, ["snapshots.folder: ", "a file is in the way"]),
        (good.clone() + "[jsonl]\npath = \"file/e.jsonl\"\n", 1, ["jsonl.path: ", "a file is in the way"]),
        (good.clone() + "[jsonl]\npath = \".\"\n", 1, ["jsonl.path: ", "name a file in it"]),
        (good.clone() + "[slot]\npath = \".\"\n", 1, ["slot.path: ", "name a file in it"]),
        (
            good.clone() + "[[webhook]]\nurl = \"https://h/\"\nca_file = \"file\"\n",
            1,
            ["webhook[0].ca_file: certificates of ", "give a PEM file"],
        ),
        (
            good + "[frigate]\ncameras = { a = \"b\" }\nbroker = { address = \"mqtt://h\" }\n",
            1,
            ["frigate: ", "add [state] folder"],
        ),
    ] {
        let (exit, said) = check(&text);
        assert_eq!(exit, Some(code), "{text}\n{said}");
        let mut lines = said.lines().filter(|line| line.starts_with(["problem   ", "miqa: "][usize::from(code == 2)]));
        let line = lines.next().expect(&said);
        assert!(parts.iter().all(|part| line.contains(part)) && lines.next().is_none(), "{parts:?} in {said}");
    }
}

#[test]
fn cuda_that_does_not_work_is_an_error_at_start() {
    let folder = tempfile::tempdir().expect("folder");
    let file = config(folder.path(), "tiny", "[[stream]]\nname = \"a\"\nlocation = \"none.mp4\"\n");
    let text = std::fs::read_to_string(&file).expect("readable");
    for (device, expected) in
        [("cuda", "device \"cuda\" is not usable: "), ("auto", "provider  auto: CPU (CUDA not used: ")]
    {
        std::fs::write(&file, text.replace("\"cpu\"", &format!("\"{device}\""))).expect("written");
        let output = miqa(["check", "--config", &file.display().to_string()]);
        let said = stdout(&output) + &stderr(&output);
        if said.contains("provider  cuda: CUDA") || said.contains("provider  auto: CUDA") {
            println!("skipped: CUDA works here");
            continue;
        }
        assert!(said.contains(expected), "{said}");
    }
}
