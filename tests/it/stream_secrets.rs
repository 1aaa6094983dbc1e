//! A planted password, however it comes in, is in nothing that goes out.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{
    rtsp_camera::Camera,
    stream_http::Web,
    support::{command, config},
};

/// Of the passwords, those that stand in a file and in the environment; others stand in addresses, a query and fragments.
const FILED: &str = "zq7-filed%word";
const VARIABLE: &str = "zq7-variable";

#[test]
fn no_password_is_printed_at_any_level() {
    let Some(camera) = Camera::start(&[]) else { return };
    let folder = tempfile::tempdir().expect("folder");
    let server = Web::serve(folder.path());
    let (port, web) = (camera.port, server.port);
    std::fs::write(folder.path().join("word"), format!("{FILED}\n")).expect("written");
    let text = format!(
        "[[stream]]\nname = \"address\"\nlocation = \"rtsp://bob:hunter2@127.0.0.1:{port}/cam\"\n\
         [[stream]]\nname = \"refused\"\nlocation = \"rtsp://bob:zq7%2Frefused@127.0.0.1:{port}/cam\"\n\
         [[stream]]\nname = \"filed\"\nlocation = \"rtsp://bob@127.0.0.1:{port}/cam\"\npassword_file = \"word\"\n\
         [[stream]]\nname = \"variable\"\nlocation = \"rtsp://127.0.0.1:{port}/cam\"\nuser = \"bob\"\npassword_env = \"MIQA_TEST_WORD\"\n\
         [[stream]]\nname = \"query\"\nlocation = \"rtsp://bob:hunter2@127.0.0.1:{port}/cam?token=zq7-token\"\n\
         [[stream]]\nname = \"web\"\nlocation = \"http://bob:zq7-web@127.0.0.1:{web}/cam.m3u8\"\n\
         [[stream]]\nname = \"fragment\"\nlocation = \"gst:rtspsrc location=rtsp://127.0.0.1:{port}/cam user-id=bob user-pw=zq7-fragment ! rtph264depay\"\n\
         [[stream]]\nname = \"broken\"\nlocation = \"gst:rtspsrc location=rtsp://bob:zq7-broken@127.0.0.1:{port}/cam ! nosuchelement\"\n"
    );
    let file = config(folder.path(), "tiny", &text);
    let mut passwords = vec!["hunter2", "zq7", "%2Frefused"];
    // `bob:` and each of them, as they stand in a header (RFC 7617).
    passwords.extend(["Ym9iOmh1bnRlcj", "Ym9iOnpxNy"]);

    for debug in ["6", "9"] {
        let (out, err) = (folder.path().join("out"), folder.path().join("err"));
        let create = |path| std::fs::File::create(path).expect("created");
        let mut miqa = command()
            .args(["run", "--json", "--config", &file.display().to_string()])
            .env("MIQA_TEST_WORD", VARIABLE)
            .env("GST_DEBUG", debug)
            .env("RUST_LOG", "trace")
            .stdout(Stdio::from(create(&out)))
            .stderr(Stdio::from(create(&err)))
            .spawn()
            .expect("starts");
        let read =
            |path: &std::path::Path| String::from_utf8_lossy(&std::fs::read(path).expect("readable")).into_owned();
        // Long enough for one to play and the others to be refused.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            let events = read(&out);
            if events.contains("\"open\"") && events.matches("login refused").count() >= 4 {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let processes = std::process::Command::new("ps").args(["-eo", "args"]).output().expect("ps");
        let processes = String::from_utf8_lossy(&processes.stdout).into_owned();
        assert!(processes.contains("run --json --config"), "{processes}");
        let id = miqa.id().to_string();
        std::process::Command::new("kill").args(["-TERM", &id]).status().expect("kill");
        let status = miqa.wait().expect("ends");
        assert!(status.code().is_some(), "{status}");

        let (events, log) = (read(&out), read(&err));
        assert!(events.contains("\"open\"") && events.matches("login refused").count() >= 4, "{events}");
        assert!(log.contains("rtspsrc"), "no line of GStreamer's at {debug}");
        for (place, text) in [("events", &events), ("log", &log), ("processes", &processes)] {
            for line in text.lines() {
                let found = passwords.iter().find(|password| line.contains(**password));
                assert_eq!(found, None, "{place} at GST_DEBUG={debug}: {line:.400}");
            }
        }
        // GStreamer would have said them.
        assert!(log.contains("***"), "nothing was taken out at GST_DEBUG={debug}");
    }
}
