//! Video over HTTP from a real server that wants a login: HLS, a file, JPEGs in a row.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::{
    clip::{self, WHITE},
    stream_watched::Watched,
};

/// The server; killed when dropped.
pub(crate) struct Web {
    child: Child,
    pub(crate) port: u16,
}

impl Web {
    pub(crate) fn serve(folder: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/stream_http.py");
        let mut child =
            Command::new("python3").arg(script).arg(folder).stdout(Stdio::piped()).spawn().expect("python3");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a port");
        Self { child, port: line.trim().parse().expect("a port") }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Six seconds of white as HLS: `live.m3u8` and its parts.
fn make_hls(folder: &Path) -> bool {
    gst::init().expect("GStreamer");
    let text = "videotestsrc num-buffers=150 pattern=white ! video/x-raw,width=320,height=288,framerate=25/1 \
                ! x264enc speed-preset=ultrafast tune=zerolatency key-int-max=25 ! h264parse ! hlssink2 name=out target-duration=2";
    let Ok(pipeline) = gst::parse::launch(text) else { return false };
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let out = pipeline.by_name("out").expect("hlssink2");
    out.set_property("location", folder.join("part%03d.ts").to_str().expect("UTF-8"));
    out.set_property("playlist-location", folder.join("live.m3u8").to_str().expect("UTF-8"));
    pipeline.set_state(gst::State::Playing).expect("plays");
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline.bus().expect("bus").timed_pop_filtered(gst::ClockTime::from_seconds(60), &ends);
    pipeline.set_state(gst::State::Null).expect("stops");
    matches!(end.expect("an end").view(), gst::MessageView::Eos(_))
}

fn keys(web: &Web, password: &str, path: &str, interval: &str) -> String {
    format!("location = \"http://bob:{password}@127.0.0.1:{}/{path}\"\ninterval = \"{interval}\"", web.port)
}

#[test]
fn hls_a_file_and_jpegs_in_a_row_play_with_a_login() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("clip.mp4"), &[(60, WHITE)]);
    let photo = include_bytes!("../fixtures/pictures/000000208901.jpg");
    std::fs::write(folder.path().join("a.jpg"), photo).expect("written");
    assert!(make_hls(folder.path()), "hlssink2");
    let web = Web::serve(folder.path());
    let play = |path, interval| Watched::start(&keys(&web, "hunter2", path, interval));
    let (hls, file, jpegs) = (play("live.m3u8", "200ms"), play("clip.mp4", "200ms"), play("mjpeg", "0s"));
    hls.gives(0, 5, 20);
    file.gives(0, 5, 20);
    jpegs.gives(0, 5, 20);
    assert!(hls.seen().frames[4].middle > 225 && file.seen().frames[4].middle > 225);
    assert_eq!(jpegs.status().codec.as_deref(), Some("JPEG"));
    assert_eq!(hls.status().codec.as_deref(), Some("H.264"));
    // In its own time: the fifth of five a second.
    let frames = &file.seen().frames[..5];
    assert!((0.6..1.4).contains(&(frames[4].at - frames[0].at).as_secs_f64()), "{frames:?}");
    drop(web);
    // What comes over HTTP is live: its server's end is said, and it is asked again.
    jpegs.told(0, "stalled", 10);
    jpegs.told(0, "cannot connect", 20);
}

#[test]
fn a_wrong_login_or_path_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let web = Web::serve(folder.path());
    let refused = Watched::start(&keys(&web, "hunter3", "live.m3u8", "1s"));
    let lost = Watched::start(&keys(&web, "hunter2", "none.m3u8", "1s"));
    refused.told(0, "login refused", 15);
    lost.told(0, "no such stream", 15);
    for stream in [refused, lost] {
        let said = format!("{:?} {:?}", stream.seen().notices, stream.status());
        assert!(!said.contains("hunter"), "{said}");
    }
}
