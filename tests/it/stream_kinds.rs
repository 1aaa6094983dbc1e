//! Locations other than cameras and servers: folders, test pictures, fragments; and `miqa probe`.

use std::time::Duration;

use crate::{
    clip,
    rtsp_camera::Camera,
    stream_watched::Watched,
    support::{command, miqa, stderr, stdout},
};

fn grey(folder: &std::path::Path, name: &str, level: u8) {
    image::RgbImage::from_pixel(64, 48, image::Rgb([level; 3])).save(folder.join(name)).expect("saved");
}

#[test]
fn a_folder_is_played_by_name_and_what_cannot_be_read_is_left_out() {
    let folder = tempfile::tempdir().expect("folder");
    for (name, level) in [("b.png", 20), ("a.png", 10), ("d.png", 40)] {
        grey(folder.path(), name, level);
    }
    std::fs::write(folder.path().join("c.png"), "no picture").expect("written");
    std::fs::write(folder.path().join("notes.txt"), "no picture either").expect("written");
    let keys = format!("location = \"images:{}\"\ninterval = \"200ms\"", folder.path().display());
    let stream = Watched::start(&keys);
    stream.told(0, "ended", 10);
    let seen = stream.seen();
    let frames: Vec<_> = seen.frames.iter().map(|frame| (frame.pts.as_millis(), frame.middle)).collect();
    assert_eq!(frames, [(0, 10), (200, 20), (400, 40)]);
    assert!(seen.frames[2].at - seen.frames[0].at >= Duration::from_millis(390), "in its own time");
    assert!(seen.notices[0].contains("c.png") && seen.notices.len() == 2, "{:?}", seen.notices);
    drop(seen);

    let stream = Watched::start(&format!("{keys}\nrepeat = true"));
    stream.gives(0, 7, 10);
    let levels: Vec<_> = stream.seen().frames.iter().take(7).map(|frame| frame.middle).collect();
    assert_eq!(levels, [10, 20, 40, 10, 20, 40, 10]);
    assert_eq!(stream.status().frames, stream.mark().0 as u64);

    let empty = tempfile::tempdir().expect("folder");
    let stream = Watched::start(&format!("location = \"images:{}\"", empty.path().display()));
    stream.told(0, "holds no PNG or JPEG file", 5);
}

#[test]
fn raw_and_encoded_fragments_play() {
    for (fragment, codec) in [
        ("videotestsrc is-live=true pattern=white ! video/x-raw,format=YUY2 ! identity", None),
        ("videotestsrc is-live=true pattern=white ! x264enc tune=zerolatency ! h264parse", Some("H.264")),
        ("videotestsrc is-live=true pattern=white ! vp8enc deadline=1", Some("VP8")),
    ] {
        let stream = Watched::start(&format!("location = \"gst:{fragment}\"\ninterval = \"0s\""));
        stream.gives(0, 5, 15);
        assert_eq!(stream.status().codec.as_deref(), codec, "{fragment}");
        assert!(stream.seen().frames[4].middle > 225, "{fragment}");
    }
}

#[test]
fn a_fragment_may_end_in_whatever_gives_video() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("white.mp4");
    clip::make(&path, &[(50, clip::WHITE)]);
    let (file, decoded) = (path.display().to_string(), Some("H.264"));
    for (fragment, codec) in [
        // Encoded, from a pad that is there; behind a demuxer, whose own pads come later.
        (format!("filesrc location={file} ! qtdemux ! h264parse"), decoded),
        (format!("filesrc location={file} ! qtdemux name=d d.video_0 ! queue ! h264parse ! identity"), decoded),
        // Encoded, from a pad that comes later.
        (format!("filesrc location={file} ! qtdemux"), decoded),
        (format!("filesrc location={file} ! parsebin"), decoded),
        // Raw, from a pad that is there and from one that comes later.
        (format!("filesrc location={file} ! qtdemux ! h264parse ! avdec_h264"), decoded),
        (format!("filesrc location={file} ! decodebin ! videoconvert ! video/x-raw,format=RGB ! identity"), decoded),
        (format!("filesrc location={file} ! decodebin"), decoded),
        (format!("uridecodebin uri=file://{file}"), decoded),
        // A container that nobody has looked into.
        (format!("filesrc location={file}"), decoded),
        // What gives sound as well, first.
        (format!("filesrc location={file} ! decodebin name=d audiotestsrc ! fakesink d. ! queue"), decoded),
    ] {
        let stream = Watched::start(&format!("location = \"gst:{fragment}\"\ninterval = \"0s\""));
        stream.until(&format!("20 frames of {fragment}"), 15, |seen, _| seen.frames.len() >= 20);
        assert_eq!(stream.status().codec.as_deref(), codec, "{fragment}");
        assert!(stream.seen().frames[4].middle > 225, "{fragment}");
        assert_eq!(stream.seen().notices, [""; 0], "{fragment}");
    }
}

#[test]
fn probe_says_what_a_camera_is_like() {
    let Some(camera) = Camera::start(&["--size", "640x360"]) else { return };
    let location = format!("rtsp://127.0.0.1:{}/cam", camera.port);
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("password");
    std::fs::write(&file, "hunter2\n").expect("written");
    let file = file.display().to_string();
    let login = ["probe", &location, "--user", "bob", "--password-file", &file];

    let output = miqa(login.iter().chain(&["--json"]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    for (key, value) in [("codec", "H.264"), ("mode", "keyframes"), ("location", &location.replace("//", "//***@"))] {
        assert_eq!(said[key], value, "{said}");
    }
    assert_eq!((&said["width"], &said["height"]), (&640.into(), &360.into()));
    for (key, value, within) in
        [("rate_seen", 15.0, 1.5), ("keyframe_interval_s", 1.0, 0.1), ("first_frame_s", 1.5, 1.49)]
    {
        let number = said[key].as_f64().unwrap_or(f64::NAN);
        assert!((number - value).abs() <= within, "{key}: {said}");
    }

    let mut program = command();
    program.args(&login[..4]).args(["--password-env", "MIQA_TEST_WORD", "--transport", "udp", "--interval", "200ms"]);
    let output = program.env("MIQA_TEST_WORD", "hunter2").output().expect("runs");
    let text = stdout(&output);
    for line in [
        "codec        H.264, decoded by ",
        "keyframes    every 1.0",
        "decode       all pictures, for a frame every 200ms",
    ] {
        assert!(text.contains(line), "{text}{}", stderr(&output));
    }

    std::fs::write(folder.path().join("wrong"), "hunter3\n").expect("written");
    let wrong = folder.path().join("wrong").display().to_string();
    let with_password = location.replace("//", "//bob:hunter2@");
    for (arguments, expected) in [
        (vec!["probe", &location, "--user", "bob", "--password-file", &wrong], "login refused"),
        (vec!["probe", &with_password], "--password-file or --password-env"),
        (vec!["probe", "gst:souphttpsrc user-pw=abc ! queue"], "--password-file or --password-env"),
        (vec!["probe", &location, "--password-file", &file], "--user: is missing"),
        (vec!["probe", "none.mp4"], "none.mp4: cannot be opened"),
        (vec!["probe", "/dev/video-none"], "no such device"),
        (vec!["probe", "test:none"], "no such test picture"),
        (vec!["probe", "ftp://x/"], "not supported"),
    ] {
        let output = miqa(&arguments);
        let error = stderr(&output);
        assert!(output.status.code() == Some(2) && error.contains(expected), "{arguments:?}: {error}");
        assert!(error.lines().count() == 1 && !error.contains("hunter"), "{arguments:?}: {error}");
    }
}
