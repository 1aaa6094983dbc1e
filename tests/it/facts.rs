//! The facts on real decoders: what an encoder makes of a frozen picture, real losses, real slates, real scenes.

use std::{path::PathBuf, sync::Mutex, time::Duration};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as app;
use gstreamer_video as video;
use gstreamer_video::VideoFrameExt as _;
use miqa::{
    config::{After, Facts},
    event::Sight,
    facts::{Change, Glance, Inspector, LightMode, glance},
    frame::{Colour, Frame, Matrix, Pixels, Plane},
};

const WIDTH: usize = 640;
const HEIGHT: usize = 360;
const RATE: u64 = 25;
/// No step of a pipeline may take longer.
const LIMIT: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// The labelled pictures and clips, where there are any.
fn data() -> Option<PathBuf> {
    let found = std::env::var_os("MIQA_DATA").map(PathBuf::from).filter(|folder| folder.is_dir());
    if found.is_none() {
        println!("skipped: MIQA_DATA names no folder of labelled pictures and clips");
    }
    found
}

fn demo() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/demo/traffic.mp4").into()
}

fn launch(text: &str) -> gst::Pipeline {
    gst::init().expect("GStreamer");
    gst::parse::launch(text).expect(text).downcast().expect("a pipeline")
}

/// A sample of I420 as a frame with memory of its own.
fn frame(sample: &gst::Sample) -> Frame {
    let info = video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
    let buffer = sample.buffer().unwrap();
    let picture = video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).unwrap();
    let plane =
        |i: u32| Plane::owned(picture.plane_data(i).unwrap().to_vec(), picture.plane_stride()[i as usize] as usize);
    Frame {
        width: info.width(),
        height: info.height(),
        pixels: Pixels::I420 { y: plane(0), u: plane(1), v: plane(2) },
        colour: Colour { matrix: Matrix::Bt709, full_range: false },
        pts: buffer.pts().map(|t| Duration::from_nanos(t.nseconds())),
        arrived: Duration::ZERO,
        corrupt: buffer.flags().contains(gst::BufferFlags::CORRUPTED),
    }
}

/// Plays a pipeline that ends in `appsink name=out` and gives every frame.
fn play(pipeline: &gst::Pipeline, mut each: impl FnMut(&Frame)) {
    let sink = pipeline.by_name("out").and_then(|e| e.downcast::<app::AppSink>().ok()).expect("an appsink");
    sink.set_property("sync", false);
    sink.set_caps(Some(&gst::Caps::builder("video/x-raw").field("format", "I420").build()));
    pipeline.set_state(gst::State::Playing).expect("plays");
    while let Some(sample) = sink.try_pull_sample(LIMIT) {
        each(&frame(&sample));
    }
    pipeline.set_state(gst::State::Null).expect("stops");
}

/// What an inspector says of a pipeline's frames, with the light mode at its end and the number of frames.
fn inspect(pipeline: &gst::Pipeline, facts: &Facts) -> (Vec<Change>, Option<LightMode>, usize) {
    let (mut inspector, mut changes, mut n) = (Inspector::new(facts), Vec::new(), 0);
    play(pipeline, |frame| {
        changes.extend(inspector.look(frame, frame.pts.unwrap_or_default()));
        n += 1;
    });
    (changes, inspector.light(), n)
}

/// A reproducible sequence of pseudo-random numbers (xorshift64*).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Roughly Gaussian: the sum of eight uniform bytes.
    fn gaussian(&mut self) -> f32 {
        let sum: u32 = self.next().to_le_bytes().map(u32::from).iter().sum();
        (sum as f32 - 1020.0) / 209.0
    }
}

/// A camera that looks at a photograph: by day or by night, with its sensor's noise (levels) or stuck (0), and a clock.
fn camera(night: bool, noise: f32, encoder: &str, seconds: u64) -> gst::Pipeline {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pictures/000000208901.jpg");
    let photo =
        image::open(path).unwrap().resize_exact(WIDTH as u32, HEIGHT as u32, image::imageops::FilterType::Triangle);
    let scene: Vec<f32> =
        photo.to_luma8().iter().map(|&v| f32::from(v)).map(|v| if night { 16.0 + 0.22 * v } else { v }).collect();
    let pipeline = launch(&format!(
        "appsrc name=in format=time block=true max-buffers=4 caps=video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={RATE}/1 \
         ! {encoder} ! appsink name=out max-buffers=4"
    ));
    let source = pipeline.by_name("in").and_then(|e| e.downcast::<app::AppSrc>().ok()).expect("source");
    std::thread::spawn(move || {
        let mut random = Noise(7);
        for i in 0..seconds * RATE {
            let mut pixels: Vec<u8> = if noise == 0.0 {
                scene.iter().map(|v| *v as u8).collect()
            } else {
                // Shot noise: less in the dark.
                scene.iter().map(|v| (v + noise * (0.5 + v / 256.0) * random.gaussian() + 0.5) as u8).collect()
            };
            let second = i / RATE;
            for y in 8..24 {
                for x in 8..120 {
                    pixels[y * WIDTH + x] = if ((x / 6 + y / 5) as u64 * 31 + second * 17) % 5 < 2 { 230 } else { 20 };
                }
            }
            pixels.resize(WIDTH * HEIGHT * 3 / 2, 140);
            let mut buffer = gst::Buffer::from_mut_slice(pixels);
            let times = buffer.get_mut().expect("fresh");
            times.set_pts(gst::ClockTime::from_mseconds(i * 1000 / RATE));
            times.set_duration(gst::ClockTime::from_mseconds(1000 / RATE));
            if source.push_buffer(buffer).is_err() {
                return;
            }
        }
        let _ = source.end_of_stream();
    });
    pipeline
}

const STEADY: &str =
    "x264enc tune=zerolatency speed-preset=superfast bitrate=1500 key-int-max=25 ! avdec_h264 max-threads=1";
const COARSE: &str = "x264enc speed-preset=superfast pass=quant quantizer=34 key-int-max=50 ! avdec_h264 max-threads=1";
const TIGHT: &str =
    "x264enc tune=zerolatency speed-preset=superfast bitrate=300 key-int-max=50 ! avdec_h264 max-threads=1";
const REORDERED: &str = "x264enc speed-preset=veryfast bitrate=500 key-int-max=50 bframes=3 ! avdec_h264 max-threads=1";
const MJPEG: &str = "jpegenc quality=60 ! jpegdec";
const KEYFRAMES: &str = "x264enc tune=zerolatency speed-preset=superfast bitrate=1500 key-int-max=25 \
                         ! identity drop-buffer-flags=delta-unit ! avdec_h264 max-threads=1";

fn told(changes: &[Change]) -> Vec<(Sight, bool)> {
    changes.iter().map(|c| (c.sight, c.holds)).collect()
}

#[test]
fn a_stuck_camera_is_frozen_through_an_encoder_and_a_live_one_is_not() {
    let (changes, light, n) = inspect(&camera(false, 0.0, STEADY, 14), &Facts::default());
    assert_eq!((told(&changes), light, n), (vec![(Sight::Frozen, true)], Some(LightMode::Colour), 350), "stuck");
    for encoder in [STEADY, COARSE] {
        let (changes, ..) = inspect(&camera(true, 1.0, encoder, 14), &Facts::default());
        assert_eq!(changes, [], "live at night, {encoder}");
    }
}

#[test]
#[ignore = "slow: a table of 48 encoded scenes, about a minute"]
fn frozen_against_live_over_encoders_and_noise() {
    let mut wrong = Vec::new();
    for (name, encoder) in [
        ("1500 kbit/s, 25", STEADY),
        ("quantizer 34, 50", COARSE),
        ("300 kbit/s, 50", TIGHT),
        ("500 kbit/s B, 50", REORDERED),
        ("MJPEG 60", MJPEG),
        ("keyframes only", KEYFRAMES),
    ] {
        for night in [false, true] {
            let mut line = String::new();
            for noise in [0.0, 0.5, 1.0, 2.0] {
                let (changes, ..) = inspect(&camera(night, noise, encoder, 16), &Facts::default());
                let frozen = changes.iter().any(|c| c.sight == Sight::Frozen);
                line += &format!("  {noise}: {}", if frozen { "frozen" } else { "live" });
                if changes.iter().any(|c| c.sight != Sight::Frozen) || (frozen && noise >= 1.0) {
                    wrong.push(format!("{name} night {night} noise {noise}: {changes:?}"));
                }
            }
            println!("{name:18} {} noise{line}", if night { "night" } else { "day  " });
        }
    }
    assert_eq!(wrong, [""; 0], "a live picture must never count as frozen from one level of noise on");
}

#[test]
fn the_demonstration_clip_has_no_facts() {
    let pipeline =
        launch(&format!("filesrc location={} ! qtdemux ! h264parse ! avdec_h264 ! appsink name=out", demo()));
    let (changes, light, n) = inspect(&pipeline, &Facts::default());
    assert_eq!((changes, n), (vec![], 253), "fog, darkness and blur are no facts");
    assert_eq!(light, Some(LightMode::Colour));
}

/// Letters of 5 × 7 dots, a row a number, the left dot in bit 4.
const LETTERS: [(char, [u8; 7]); 7] = [
    ('A', [14, 17, 17, 31, 17, 17, 17]),
    ('G', [14, 17, 16, 23, 17, 17, 14]),
    ('I', [14, 4, 4, 4, 4, 4, 14]),
    ('L', [16, 16, 16, 16, 16, 16, 31]),
    ('N', [17, 25, 21, 19, 17, 17, 17]),
    ('O', [14, 17, 17, 17, 17, 17, 14]),
    ('S', [15, 16, 16, 14, 1, 1, 30]),
];

/// A card of one colour with words on it, 1280×720, smooth edges as a renderer gives them, as a PNG.
fn card(path: &std::path::Path, ground: [u8; 3], words: &str) {
    let mut small = image::RgbImage::from_pixel(256, 144, image::Rgb(ground));
    for (i, letter) in words.chars().enumerate() {
        let Some((_, rows)) = LETTERS.iter().find(|(l, _)| *l == letter) else { continue };
        for (y, row) in rows.iter().enumerate() {
            for x in (0..5).filter(|x| row >> (4 - x) & 1 == 1) {
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    small.put_pixel((60 + 14 * i + 2 * x + dx) as u32, (60 + 2 * y + dy) as u32, image::Rgb([240; 3]));
                }
            }
        }
    }
    image::imageops::resize(&small, 1280, 720, image::imageops::FilterType::CatmullRom).save(path).unwrap();
}

#[test]
fn real_slates_are_slates_after_an_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let encode = "video/x-raw,format=I420,width=1280,height=720,framerate=10/1 \
                  ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=300 key-int-max=20 \
                  ! avdec_h264 max-threads=1 ! appsink name=out";
    let text = |name: &str, ground: [u8; 3]| {
        let path = folder.path().join(format!("{name}.png"));
        card(&path, ground, "NO SIGNAL");
        format!("filesrc location={} ! pngdec ! imagefreeze num-buffers=50", path.display())
    };
    let pattern = |name: &str| format!("videotestsrc num-buffers=50 pattern={name}");
    for (name, source, want) in [
        ("colour bars", pattern("smpte75"), Some(Sight::Slate)),
        ("full bars", pattern("smpte100"), Some(Sight::Slate)),
        ("blue screen", text("blue", [0, 0, 190]), Some(Sight::Slate)),
        ("white on black", text("black", [0; 3]), Some(Sight::Slate)),
        ("white on grey", text("grey", [70; 3]), Some(Sight::Slate)),
        ("black", pattern("black"), Some(Sight::Black)),
        ("blue", pattern("blue"), Some(Sight::OneColour)),
        ("noise", pattern("snow"), None),
    ] {
        let text = format!("{source} ! videoconvert ! {encode}");
        let (changes, _, n) = inspect(&launch(&text), &Facts::default());
        assert_eq!(n, 50, "{name}");
        assert_eq!(told(&changes), want.map(|fact| (fact, true)).into_iter().collect::<Vec<_>>(), "{name}");
    }
}

/// Decodes a clip, encodes it again, sends it as RTP and decodes that; drops one packet in `one_in`, none for 0.
fn sent(clip: &str, slices: u32, one_in: u64) -> gst::Pipeline {
    let pipeline = launch(&format!(
        "filesrc location={clip} ! qtdemux ! h264parse ! avdec_h264 max-threads=1 ! x264enc tune=zerolatency speed-preset=veryfast bitrate=1500 \
         key-int-max=25 option-string=slices={slices} ! rtph264pay mtu=1200 config-interval=-1 ! identity name=link ! rtph264depay \
         ! h264parse ! avdec_h264 max-threads=1 ! appsink name=out"
    ));
    let random = Mutex::new(Noise(11));
    let lost = move || random.lock().expect("no panic").next() < u64::MAX / one_in;
    let link = pipeline.by_name("link").and_then(|e| e.static_pad("src")).expect("a pad");
    link.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| match &mut info.data {
        Some(gst::PadProbeData::BufferList(list)) if one_in > 0 => {
            let kept: gst::BufferList = list.iter_owned().filter(|_| !lost()).collect();
            *list = kept;
            gst::PadProbeReturn::Ok
        }
        Some(gst::PadProbeData::Buffer(_)) if one_in > 0 && lost() => gst::PadProbeReturn::Drop,
        _ => gst::PadProbeReturn::Ok,
    });
    pipeline
}

/// Mean absolute difference of two frames' luma, in levels, on every eighth pixel.
fn difference(a: &Frame, b: &Frame) -> f64 {
    let (Pixels::I420 { y: a_plane, .. }, Pixels::I420 { y: b_plane, .. }) = (&a.pixels, &b.pixels) else {
        panic!("I420")
    };
    let (mut sum, mut n) = (0_u64, 0_u64);
    for y in (0..a.height as usize).step_by(8) {
        for x in (0..a.width as usize).step_by(8) {
            let (a, b) = (a_plane.data()[y * a_plane.stride + x], b_plane.data()[y * b_plane.stride + x]);
            sum += u64::from(a.abs_diff(b));
            n += 1;
        }
    }
    sum as f64 / n as f64
}

/// Of the pictures damaged by at least 8 levels and of those whole: how many there are and how many are found smeared;
/// and how many pictures the decoder marks.
fn smeared(clip: &str, slices: u32, one_in: u64) -> ([(usize, usize); 2], usize) {
    let mut whole = Vec::new();
    play(&sent(clip, slices, 0), |frame| whole.push(frame.clone()));
    let (mut counts, mut marked) = ([(0, 0); 2], 0);
    play(&sent(clip, slices, one_in), |frame| {
        let pts = frame.pts.unwrap();
        let twin = whole.iter().min_by_key(|w| w.pts.unwrap().abs_diff(pts)).unwrap();
        assert!(twin.pts.unwrap().abs_diff(pts) < Duration::from_millis(20));
        let damage = difference(frame, twin);
        let kind = if damage >= 8.0 { 0 } else { 1 };
        if !(0.5..8.0).contains(&damage) {
            counts[kind].0 += 1;
            counts[kind].1 += usize::from(glance(frame).unwrap().smear);
        }
        marked += usize::from(frame.corrupt);
    });
    (counts, marked)
}

#[test]
fn losses_are_seen_as_smear() {
    let ([damaged, whole], marked) = smeared(&demo(), 1, 40);
    println!("damaged, found: {damaged:?}; whole, found: {whole:?}; marked by the decoder: {marked}");
    assert!(damaged.0 >= 20 && damaged.1 * 10 >= damaged.0 * 6, "{damaged:?}");
    assert!(whole.0 >= 20 && whole.1 * 50 <= whole.0, "{whole:?}");
    let facts = Facts { frozen_after: After::Off, ..Facts::default() };
    let (changes, ..) = inspect(&sent(&demo(), 1, 15), &facts);
    assert!(told(&changes).contains(&(Sight::Smear, true)), "{changes:?}");
}

#[test]
#[ignore = "slow: measures the rates in docs/facts.md; needs MIQA_DATA"]
fn rates_of_smear_on_clips_and_losses() {
    let Some(data) = data() else { return };
    for clip in ["car-detection", "highway-dashcam"] {
        for slices in [1, 8] {
            for one_in in [20, 50, 200] {
                let path = data.join(format!("video/{clip}.mp4"));
                let ([damaged, whole], marked) = smeared(path.to_str().unwrap(), slices, one_in);
                println!("{clip} slices {slices} one in {one_in}: damaged {damaged:?} whole {whole:?} marked {marked}");
                assert!(whole.1 * 50 <= whole.0, "whole pictures must not look smeared");
            }
        }
    }
}

#[test]
#[ignore = "slow: measures the rates in docs/facts.md; needs MIQA_DATA"]
fn rates_on_photographs() {
    let Some(data) = data() else { return };
    let files = |folder: &str| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(data.join(folder)).unwrap().map(|e| e.unwrap().path());
        let mut files: Vec<_> = entries
            .filter(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("jpg") || e.eq_ignore_ascii_case("jpeg")))
            .collect();
        files.sort();
        files
    };
    let imagenet = if files("imagenet").is_empty() { files("imagenet/images") } else { files("imagenet") };
    type Change = fn(&image::RgbImage) -> image::RgbImage;
    let variants: [(&str, Change); 5] = [
        ("as they are", Clone::clone),
        ("a fifth as bright, JPEG 30", |i| jpeg(&scaled(i, 0.2), 30)),
        ("a twelfth as bright, JPEG 30", |i| jpeg(&scaled(i, 0.08), 30)),
        ("JPEG 10", |i| jpeg(i, 10)),
        ("grey, JPEG 75", |i| {
            jpeg(&image::DynamicImage::ImageLuma8(image::DynamicImage::ImageRgb8(i.clone()).to_luma8()).to_rgb8(), 75)
        }),
    ];
    for (set, files) in [("coco", files("coco/val2017")), ("imagenet", imagenet)] {
        assert!(files.len() > 50, "{set}: {} pictures", files.len());
        for (variant, change) in variants {
            let looks: Vec<Glance> = files
                .iter()
                .filter_map(|path| image::open(path).ok())
                .filter_map(|image| glance(&Frame::from_rgb(change(&image.to_rgb8()))))
                .collect();
            let n = |test: fn(&Glance) -> bool| looks.iter().filter(|g| test(g)).count();
            let mut texture: Vec<f32> = looks.iter().map(|g| g.scalars.texture).collect();
            texture.sort_by(f32::total_cmp);
            println!(
                "{set}, {variant}: {} pictures; black {}, one colour {}, drawn {}, smear {}, too plain {}, colourless {}, median below 40 {}; texture 1 % {:.2}, half {:.2}",
                looks.len(),
                n(|g| g.black),
                n(|g| g.one_colour),
                n(|g| g.drawn),
                n(|g| g.smear),
                n(|g| g.scalars.too_plain()),
                n(|g| g.scalars.coloured < 0.002),
                n(|g| g.scalars.median < 40.0),
                texture[texture.len() / 100],
                texture[texture.len() / 2],
            );
        }
    }
    for clip in ["car-detection", "highway-dashcam"] {
        let path = data.join(format!("video/{clip}.mp4"));
        let pipeline = launch(&format!(
            "filesrc location={} ! qtdemux ! h264parse ! avdec_h264 ! appsink name=out",
            path.display()
        ));
        let (changes, light, n) = inspect(&pipeline, &Facts::default());
        println!("{clip}: {n} frames, {changes:?}, {light:?}");
        assert_eq!((changes, light), (vec![], Some(LightMode::Colour)), "{clip}");
    }
}

fn scaled(image: &image::RgbImage, gain: f32) -> image::RgbImage {
    let mut image = image.clone();
    image.iter_mut().for_each(|v| *v = (f32::from(*v) * gain) as u8);
    image
}

fn jpeg(image: &image::RgbImage, quality: u8) -> image::RgbImage {
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(image).unwrap();
    image::load_from_memory(&bytes).unwrap().to_rgb8()
}

#[test]
fn a_picture_turned_grey_is_infrared_and_a_dark_one_low_light() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pictures");
    let mode = |image: image::RgbImage| {
        let mut inspector = Inspector::new(&Facts::default());
        inspector.look(&Frame::from_rgb(image), Duration::ZERO);
        inspector.light().unwrap()
    };
    let (mut n, mut low) = (0, 0);
    for path in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if path.extension().is_none_or(|e| e != "jpg") {
            continue;
        }
        let image = image::open(&path).unwrap();
        assert_eq!(mode(image.to_rgb8()), LightMode::Colour, "{path:?}");
        assert_eq!(
            mode(jpeg(&image::DynamicImage::ImageLuma8(image.to_luma8()).to_rgb8(), 60)),
            LightMode::Infrared,
            "{path:?}"
        );
        // A grey scene's last colours may vanish in the dark; then it cannot be told from infrared.
        let median = glance(&Frame::from_rgb(image.to_rgb8())).unwrap().scalars.median;
        let dark = mode(scaled(&image.to_rgb8(), 30.0 / median));
        assert_ne!(dark, LightMode::Colour, "{path:?}");
        low += usize::from(dark == LightMode::LowLight);
        n += 1;
    }
    assert!(n >= 4 && low + 1 >= n, "{low} of {n}");
}
