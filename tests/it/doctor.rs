//! `miqa doctor`: things are taken away or broken one by one, and it must name each with what mends it.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::support::{command, config, model, stderr, stdout};

const STREAM: &str = "[[stream]]\nname = \"a\"\nlocation = \"test:ball\"\n";

fn doctor(file: &Path, environment: &[(&str, &Path)]) -> Output {
    let mut command = command();
    command.args(["doctor", "--format", "json", "--config"]).arg(file).envs(environment.iter().copied());
    command.output().unwrap()
}

/// The findings, once exit code and report agree.
fn findings(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_str(&stdout(output)).unwrap_or_else(|e| panic!("{e}: {}", stderr(output)));
    let findings = report["findings"].as_array().unwrap().clone();
    let fine = findings.iter().all(|finding| finding["verdict"] != "problem");
    assert_eq!((report["fine"].as_bool(), output.status.code()), (Some(fine), Some(i32::from(!fine))));
    findings
}

/// The problems but those of the clock, which are this machine's own.
fn problems(output: &Output) -> Vec<Value> {
    let found = findings(output).into_iter();
    found.filter(|finding| finding["verdict"] == "problem" && finding["check"] != "clock").collect()
}

#[track_caller]
fn one(problems: &[Value], check: &str, subject: &str, mend: &str) {
    let found = problems.iter().find(|finding| finding["check"] == check && finding["subject"] == subject);
    let found = found.unwrap_or_else(|| panic!("no {check} {subject} in {problems:#?}"));
    assert!(found["mend"].as_str().is_some_and(|text| text.contains(mend)), "{found:#?}");
}

#[test]
fn a_whole_machine_is_fine_in_text_and_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let keys = "[state]\nfolder = \"state\"\n[http]\nlisten = \"127.0.0.1:0\"\n";
    let file = config(folder.path(), "tiny", &format!("{STREAM}{keys}"));
    let output = doctor(&file, &[]);
    assert_eq!(problems(&output), [] as [Value; 0]);
    let checks: Vec<_> = findings(&output).iter().map(|finding| finding["check"].clone()).collect();
    for check in ["plugin", "source", "runtime", "model", "clock", "permission", "port"] {
        assert!(checks.iter().any(|found| found == check), "nothing about {check} in {checks:?}");
    }
    let text = command().args(["doctor", "--config"]).arg(&file).output().unwrap();
    assert!(stdout(&text).contains("model      session: opened, one picture scored"), "{}", stdout(&text));
    assert!(!folder.path().join("state").exists(), "what was tried is undone");
}

/// A folder with these of GStreamer's plug-ins and no others.
fn plugins(folder: &Path, names: &[&str]) -> PathBuf {
    let asked = Command::new("pkg-config").args(["--variable=pluginsdir", "gstreamer-1.0"]).output().unwrap();
    let from = PathBuf::from(stdout(&asked).trim());
    let to = folder.join("plugins");
    fs::create_dir(&to).unwrap();
    for name in names {
        let file = format!("libgst{name}.so");
        assert!(from.join(&file).exists(), "{file}");
        symlink(from.join(&file), to.join(&file)).unwrap();
    }
    to
}

#[test]
fn a_missing_plugin_and_a_hidden_decoder_are_named_with_their_packages() {
    let folder = tempfile::tempdir().unwrap();
    let there = [
        "app",
        "coreelements",
        "jpeg",
        "libav",
        "playback",
        "rtp",
        "rtpmanager",
        "typefindfunctions",
        "udp",
        "videoconvertscale",
        "videoparsersbad",
        "videotestsrc",
    ];
    let (plugins, registry) = (plugins(folder.path(), &there), folder.path().join("registry"));
    let text = "[[stream]]\nname = \"yard\"\nlocation = \"rtsp://192.0.2.1/1\"\n";
    let file = config(folder.path(), "tiny", text);
    let here: [(&str, &Path); 3] = [
        ("GST_PLUGIN_SYSTEM_PATH_1_0", &plugins),
        ("GST_PLUGIN_PATH_1_0", Path::new("")),
        ("GST_REGISTRY_1_0", &registry),
    ];
    let lost = problems(&doctor(&file, &here));
    one(&lost, "plugin", "rtspsrc", "apt-get install gstreamer1.0-plugins-good");
    assert!(lost.iter().all(|finding| finding["subject"] == "rtspsrc" || finding["check"] == "source"), "{lost:#?}");
    let hidden = [&here[..], &[("GST_PLUGIN_FEATURE_RANK", Path::new("avdec_h264:NONE"))]].concat();
    let lost = problems(&doctor(&file, &hidden));
    one(&lost, "decoder", "H.264", "apt-get install gstreamer1.0-libav");
    assert!(lost.iter().all(|finding| finding["subject"] != "H.265"), "{lost:#?}");
}

#[test]
fn a_missing_library_and_a_torn_model_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "tiny", STREAM);
    let away = folder.path().join("libonnxruntime.so");
    let output = doctor(&file, &[("MIQA_ONNXRUNTIME", &away)]);
    one(&problems(&output), "runtime", "ONNX Runtime", "make deps");
    assert!(findings(&output).iter().any(|finding| finding["subject"] == "session" && finding["verdict"] == "note"));
    fs::write(&away, "no library").unwrap();
    one(&problems(&doctor(&file, &[("MIQA_ONNXRUNTIME", &away)])), "runtime", "ONNX Runtime", "make deps");

    let torn = folder.path().join("torn");
    fs::create_dir(&torn).unwrap();
    fs::copy(model("tiny").join("card.toml"), torn.join("card.toml")).unwrap();
    let whole = fs::read(model("tiny").join("model.onnx")).unwrap();
    fs::write(torn.join("model.onnx"), &whole[..whole.len() / 2]).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace(&format!("{:?}", model("tiny")), &format!("{torn:?}"));
    fs::write(&file, text).unwrap();
    one(&problems(&doctor(&file, &[])), "model", &torn.display().to_string(), "restore the model file");
    fs::remove_file(torn.join("card.toml")).unwrap();
    one(&problems(&doctor(&file, &[])), "model", &torn.display().to_string(), "card.toml");
}

#[test]
fn folders_secrets_devices_and_ports_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "hunter2hunter2\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // Not even root can make a folder there.
    let text = format!(
        "{STREAM}[[stream]]\nname = \"b\"\nlocation = \"/dev/video4711\"\n[state]\nfolder = \"/proc/miqa\"\n\
         [http]\nlisten = \"127.0.0.1:{port}\"\ntoken_file = \"token\"\n"
    );
    let file = config(folder.path(), "tiny", &text);
    let output = doctor(&file, &[]);
    let lost = problems(&output);
    one(&lost, "permission", "state.folder", "install -d -o \"$(id -un)\" /proc/miqa");
    one(&lost, "permission", "http.token_file", "chmod o= ");
    one(&lost, "permission", "stream[1].location", "v4l2-ctl --list-devices");
    one(&lost, "port", "http.listen", &format!("sport = :{port}"));
    assert!(!stdout(&output).contains("hunter2"));
    // The command that mends a secret's mode does.
    let mend = lost.iter().find(|finding| finding["subject"] == "http.token_file").unwrap()["mend"].as_str().unwrap();
    assert!(Command::new("sh").args(["-c", mend]).status().unwrap().success());
    assert!(problems(&doctor(&file, &[])).iter().all(|finding| finding["subject"] != "http.token_file"));
}

#[test]
fn a_configuration_that_cannot_be_read_is_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let output = doctor(&folder.path().join("none.toml"), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("none.toml: cannot read the configuration"), "{}", stderr(&output));
}
