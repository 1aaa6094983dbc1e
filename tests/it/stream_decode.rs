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
    assert!((distance - 1.0).abs() < 0.05, "{distance}");
    assert!(status.decoder.as_deref().is_some_and(|name| name.contains("h264")), "{status:?}");
    let (before, (due, _)) = (status.frames, stream.mark());
    std::thread::sleep(Duration::from_secs(4));
    let decoded = stream.status().frames - before;
    assert!((3..=5).contains(&decoded), "{decoded} decoded in 4 s of 15 frames a second");
    assert!((3..=5).contains(&(stream.mark().0 - due)), "every one of them is due");

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
    assert_eq!(stream.seen().frames.last().map(|frame| frame.middle), Some(WHITE));
    let (_, told) = (camera.tell("pattern black"), Instant::now());
    stream.until("a black frame", 10, |seen, _| seen.frames.iter().any(|frame| frame.middle == BLACK));
    // A keyframe a second, 0.2 s against packets out of order, and the encoder's two frames; a decoder left alone would
    // keep two keyframes more, two seconds.
    assert!(told.elapsed() < Duration::from_millis(2200), "{:?}", told.elapsed());
    assert_eq!(stream.status().corrupt, 0);
}

#[test]
fn pictures_that_are_all_keyframes_are_thinned() {
    let stream = Watched::start(
        "location = \"gst:videotestsrc is-live=true ! video/x-raw,framerate=25/1 ! jpegenc\"\ninterval = \"1s\"",
    );
    stream.until("keyframes only", 10, |_, status| status.mode == Some(Mode::Keyframes));
    let (before, (due, _)) = (stream.status().frames, stream.mark());
    std::thread::sleep(Duration::from_secs(4));
    let (status, (now, _)) = (stream.status(), stream.mark());
    assert_eq!(status.codec.as_deref(), Some("JPEG"));
    assert!((6..=10).contains(&(status.frames - before)), "{} of 100 decoded", status.frames - before);
    assert!((3..=5).contains(&(now - due)), "{} due in 4 s", now - due);
}
