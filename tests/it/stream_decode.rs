//! Which pictures are decoded, on real streams.

use std::time::{Duration, Instant};

use miqa::source::Mode;

use crate::{
    clip::{BLACK, WHITE},
    rtsp_camera::Camera,
    stream_watched::Watched,
};

fn keys(camera: &Camera, rest: &str) -> String {
    format!("location = \"rtsp://bob:hunter2@127.0.0.1:{}/cam\"\n{rest}", camera.port)
}

#[test]
fn keyframes_are_enough_for_a_slow_interval_and_all_are_decoded_for_a_fast_one() {
    let Some(camera) = Camera::start(&[]) else { return };
    let stream = Watched::start(&keys(&camera, "interval = \"1s\""));
    stream.until("keyframes only", 15, |_, status| status.mode == Some(Mode::Keyframes));
    let status = stream.status();
    let distance = status.keyframe_interval.expect("known").as_secs_f64();
    assert!((0.85..=1.1).contains(&distance), "{distance}");
    assert!(status.decoder.as_deref().is_some_and(|name| name.contains("h264")), "{status:?}");
    let (before, (due, _)) = (status.frames, stream.mark());
    std::thread::sleep(Duration::from_secs(3));
    let decoded = stream.status().frames - before;
    assert!((2..=5).contains(&decoded), "{decoded} decoded in 3 s of 15 frames a second");
    assert!((2..=5).contains(&(stream.mark().0 - due)), "every one of them is due");

    // A change is pending: look closer. No new connection for that.
    stream.slot.set_interval(Duration::from_millis(200));
    let (before, _) = stream.mark();
    stream.gives(before, 10, 5);
    assert_eq!(stream.status().mode, Some(Mode::All));
    stream.slot.set_interval(Duration::from_secs(1));
    stream.until("keyframes again", 5, |_, status| status.mode == Some(Mode::Keyframes));
    let status = stream.status();
    assert_eq!((status.restarts, status.corrupt), (0, 0), "{status:?}");
}

#[test]
fn decoders_that_reorder_do_not_hold_keyframes_back() {
    let Some(mut camera) = Camera::start(&["--bframes", "2"]) else { return };
    let stream = Watched::start(&keys(&camera, "interval = \"1s\"\ndecode = \"keyframes\""));
    stream.gives(0, 2, 15);
    for (pattern, level) in [("black", BLACK), ("white", WHITE), ("black", BLACK)] {
        let (before, _) = stream.mark();
        camera.tell(&format!("pattern {pattern}"));
        let told = Instant::now();
        stream.until(pattern, 10, |seen, _| seen.frames.iter().skip(before).any(|frame| frame.middle == level));
        // A keyframe a second, 0.2 s against packets out of order, and the encoder's two frames; a decoder left alone
        // would keep it until the next.
        assert!(told.elapsed() < Duration::from_millis(1800), "{pattern}: {:?}", told.elapsed());
    }
    assert_eq!(stream.status().corrupt, 0);
}

#[test]
fn pictures_that_are_all_keyframes_are_thinned() {
    let stream = Watched::start(
        "location = \"gst:videotestsrc is-live=true ! video/x-raw,framerate=25/1 ! jpegenc\"\ninterval = \"1s\"",
    );
    stream.until("keyframes only", 10, |_, status| status.mode == Some(Mode::Keyframes));
    let (before, (due, _)) = (stream.status().frames, stream.mark());
    std::thread::sleep(Duration::from_secs(3));
    let (status, (now, _)) = (stream.status(), stream.mark());
    assert_eq!(status.codec.as_deref(), Some("JPEG"));
    assert!((4..=9).contains(&(status.frames - before)), "{} of 75 decoded", status.frames - before);
    assert!((2..=4).contains(&(now - due)), "{} due in 3 s", now - due);
}

/// A stream of so many pictures a group, 25 a second.
fn encoded(encoder: &str, rest: &str) -> String {
    format!(
        "location = \"gst:videotestsrc is-live=true pattern=smpte ! video/x-raw,format=I420,framerate=25/1 ! {encoder}\"\ninterval = \"1s\"\n{rest}"
    )
}

#[test]
fn open_groups_of_pictures_are_decoded_whole() {
    // Their keyframes build upon nothing but count on from what was before; decoders don't start there.
    let stream = Watched::start(&encoded(
        "x264enc speed-preset=ultrafast key-int-max=25 bframes=2 b-adapt=false option-string=open-gop=1 ! h264parse",
        "",
    ));
    stream.gives(0, 6, 20);
    let status = stream.status();
    assert_eq!((status.corrupt, status.mode, status.restarts), (0, Some(Mode::All), 0), "{status:?}");
    assert_eq!(status.keyframe_interval, None, "only the first stands on its own");
    assert!(stream.longest_gap() < Duration::from_millis(1500), "{:?}", stream.longest_gap());
}

#[test]
fn keyframes_of_h265_are_enough() {
    let stream = Watched::start(&encoded("x265enc speed-preset=ultrafast key-int-max=25 ! h265parse", ""));
    stream.until("keyframes only", 20, |_, status| status.mode == Some(Mode::Keyframes));
    let (before, (from, _)) = (stream.status().frames, stream.mark());
    stream.gives(from, 4, 10);
    let (status, seen) = (stream.status(), stream.seen());
    assert!(status.frames - before <= 6 && status.corrupt == 0 && status.restarts == 0, "{status:?}");
    let middles: Vec<_> = seen.frames.iter().map(|frame| frame.middle).collect();
    assert!(middles.iter().all(|middle| middle.abs_diff(middles[0]) <= 4), "{middles:?}");
    drop(seen);
    assert!(stream.longest_gap() < Duration::from_millis(1800), "{:?}", stream.longest_gap());
}
