//! Decode, degrade by stretch, encode.

use std::path::Path;
use std::time::Duration;

use gstreamer_video::VideoInfo;
use miqa::frame::Frame;
use miqa::preprocess;
use rayon::prelude::*;
use serde::Serialize;

use super::{ClipError, Stretch, decode::Decoder, encode::Encoder, planes::Planes, stretch::stretch_at};
use crate::recipe::Recipe;
use crate::source::PixelHash;
use crate::{distort, render, sample};

/// Frames that are degraded side by side.
const BATCH: usize = 8;

/// What a clip consists of; the JSON file beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Made {
    /// File name of the video that was degraded.
    pub source: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Number of frames.
    pub frames: u32,
    /// Every stretch in order.
    pub stretches: Vec<MadeStretch>,
}

/// One stretch as it came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MadeStretch {
    /// Presentation time of its first frame in seconds.
    pub start: f64,
    /// Presentation time of the first frame after it in seconds.
    pub end: f64,
    /// Name of the distortion, `none` for a clean stretch.
    pub distortion: String,
    /// Parameter row of the distortion, -1 for a clean stretch.
    pub row: i16,
    /// The parameters in words, empty for a clean stretch.
    pub parameters: String,
}

/// Writes `output` (MP4): `input` from its start, each stretch under its effect, without sound.
///
/// Frames of clean stretches go to the encoder as they were decoded. The random field of an effect is drawn once a
/// stretch, so that fog stands still as it does before a fixed camera. `quality` is x264's rate factor, 0 to 51.
///
/// # Errors
/// [`ClipError`]; no file is left behind then.
pub fn make(input: &Path, output: &Path, stretches: &[Stretch], quality: u32) -> Result<Made, ClipError> {
    if stretches.is_empty() {
        return Err(ClipError::NoStretch);
    }
    gstreamer::init().map_err(|e| ClipError::Pipeline(e.to_string()))?;
    let needs: Duration = stretches.iter().map(|stretch| stretch.duration).sum();
    let mut decoder = Decoder::open(input)?;
    let mut work = Work { stretches, fields: vec![None; stretches.len()], starts: vec![None; stretches.len()] };
    let mut encoder: Option<(Encoder, VideoInfo)> = None;
    let mut first = None;
    let (mut frames, mut end) = (0, Duration::ZERO);
    let mut complete = false;
    while !complete {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH {
            let Some((frame, info)) = decoder.next()? else {
                break;
            };
            let pts = frame.pts.unwrap_or(end);
            let time = pts.saturating_sub(*first.get_or_insert(pts));
            end = time;
            let Some(index) = stretch_at(stretches, time) else {
                complete = true;
                break;
            };
            if encoder.is_none() {
                encoder = Some((Encoder::create(output, &info, quality)?, info));
            }
            work.begin(index, time, &frame)?;
            batch.push((index, time, frame));
        }
        let Some((encoder, info)) = encoder.as_mut().filter(|_| !batch.is_empty()) else {
            break;
        };
        let planes: Vec<Planes> =
            batch.par_iter().map(|(index, _, frame)| work.degrade(*index, frame)).collect::<Result<_, _>>()?;
        for ((_, time, _), planes) in batch.iter().zip(&planes) {
            encoder.push(planes, *time)?;
            frames += 1;
        }
        if !complete {
            end += frame_time(info);
        }
    }
    // The last frame lasts as long as any other, to within the rounding of the frame rate.
    let has = end + Duration::from_millis(1);
    let Some((encoder, info)) = encoder.filter(|_| has >= needs) else {
        return Err(ClipError::TooShort { path: input.to_owned(), has: end.as_secs_f64(), needs: needs.as_secs_f64() });
    };
    encoder.finish()?;
    let source = input.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Made { source, width: info.width(), height: info.height(), frames, stretches: work.made(end) })
}

/// Length of one frame; zero where the stream has no fixed rate.
fn frame_time(info: &VideoInfo) -> Duration {
    let (frames, seconds) = (f64::from(info.fps().numer()), f64::from(info.fps().denom()));
    Duration::try_from_secs_f64(seconds / frames).unwrap_or_default()
}

/// The stretches, and what is settled when the first frame of each comes.
struct Work<'a> {
    stretches: &'a [Stretch],
    /// Key of the random field: the pixels of the stretch's first frame.
    fields: Vec<Option<PixelHash>>,
    starts: Vec<Option<Duration>>,
}

impl Work<'_> {
    fn begin(&mut self, index: usize, time: Duration, frame: &Frame) -> Result<(), ClipError> {
        if self.starts[index].is_none() {
            self.starts[index] = Some(time);
            self.fields[index] = Some(PixelHash::of(&rgb(frame)?));
        }
        Ok(())
    }

    fn degrade(&self, index: usize, frame: &Frame) -> Result<Planes, ClipError> {
        match self.stretches[index].effect.zip(self.fields[index]) {
            None => Planes::of_frame(frame),
            Some((effect, field)) => {
                let kind = distort::find(effect.distortion).map_err(|e| ClipError::Colour(e.to_string()))?;
                let degraded = render::candidate(Recipe::miqd(), &rgb(frame)?, &field, kind, effect.row)?;
                Planes::of_rgb(&degraded, frame.colour)
            }
        }
    }

    fn made(&self, end: Duration) -> Vec<MadeStretch> {
        let seconds = |time: Duration| (time.as_secs_f64() * 1000.0).round() / 1000.0;
        let starts: Vec<Duration> = self.starts.iter().map(|start| start.unwrap_or(end)).collect();
        let ends = starts.iter().copied().skip(1).chain([end]);
        self.stretches
            .iter()
            .zip(starts.iter().zip(ends))
            .map(|(stretch, (&start, end))| {
                let (distortion, row) =
                    stretch.effect.map_or((sample::CLEAN, sample::CLEAN_ROW), |e| (e.distortion, e.row as i16));
                let kind = stretch.effect.and_then(|e| {
                    let kind = distort::find(e.distortion).ok()?;
                    Some(kind.describe(Recipe::miqd().parameters(kind, e.row).ok()?))
                });
                MadeStretch {
                    start: seconds(start),
                    end: seconds(end),
                    distortion: distortion.to_owned(),
                    row,
                    parameters: kind.unwrap_or_default(),
                }
            })
            .collect()
    }
}

fn rgb(frame: &Frame) -> Result<image::RgbImage, ClipError> {
    preprocess::to_rgb(frame).map_err(|e| ClipError::Colour(e.to_string()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use gstreamer_video::{VideoColorimetry, VideoFormat};
    use miqa::frame::{Colour, Matrix};

    use super::*;

    /// Two seconds of a moving picture, 10 frames a second.
    fn source(folder: &Path) -> std::path::PathBuf {
        gstreamer::init().unwrap();
        let path = folder.join("source.mp4");
        let info = VideoInfo::builder(VideoFormat::I420, 96, 64)
            .fps(gstreamer::Fraction::new(10, 1))
            .colorimetry(&"bt709".parse::<VideoColorimetry>().unwrap())
            .build()
            .unwrap();
        let mut encoder = Encoder::create(&path, &info, 18).unwrap();
        for frame in 0..20 {
            let wave = |x: u32, y: u32| {
                120 + (50.0 * (f64::from(x + frame) / 9.0).sin() + 40.0 * (f64::from(y) / 7.0).cos()) as i32
            };
            let rgb = image::RgbImage::from_fn(96, 64, |x, y| image::Rgb([wave(x, y) as u8, wave(y, x) as u8, 110]));
            let planes = Planes::of_rgb(&rgb, Colour { matrix: Matrix::Bt709, full_range: false }).unwrap();
            encoder.push(&planes, Duration::from_millis(100) * frame).unwrap();
        }
        encoder.finish().unwrap();
        path
    }

    fn stretches(texts: &[&str]) -> Vec<Stretch> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn frames(path: &Path) -> Vec<image::RgbImage> {
        let mut decoder = Decoder::open(path).unwrap();
        std::iter::from_fn(|| decoder.next().unwrap()).map(|(frame, _)| rgb(&frame).unwrap()).collect()
    }

    fn mean(picture: &image::RgbImage) -> f64 {
        picture.iter().map(|&v| f64::from(v)).sum::<f64>() / picture.as_raw().len() as f64
    }

    #[test]
    fn each_stretch_is_under_its_effect_and_the_bytes_repeat() {
        let folder = tempfile::tempdir().unwrap();
        let input = source(folder.path());
        let output = folder.path().join("clip.mp4");
        let plan = stretches(&["clean:0.55s", "darkness:9:0.5s", "clean:0.4s", "gaussian_noise:7:0.5s"]);
        let made = make(&input, &output, &plan, 12).unwrap();
        let times: Vec<(f64, f64)> = made.stretches.iter().map(|s| (s.start, s.end)).collect();
        assert_eq!(times, [(0.0, 0.6), (0.6, 1.1), (1.1, 1.5), (1.5, 2.0)]);
        assert_eq!((made.frames, made.width, made.height), (20, 96, 64));

        let (before, after) = (frames(&input), frames(&output));
        assert_eq!(after.len(), 20);
        for (index, (before, after)) in before.iter().zip(&after).enumerate() {
            let psnr = crate::rank::psnr(before, after).unwrap();
            match index {
                0..=5 | 11..=14 => assert!(psnr > 35.0, "clean frame {index}: {psnr:.1} dB"),
                // c = 0.348: 89 levels darker.
                6..=10 => assert!(mean(before) - mean(after) > 60.0, "frame {index} is not dark"),
                _ => assert!((8.0..22.0).contains(&psnr), "frame {index} is not noisy: {psnr:.1} dB"),
            }
        }
        let again = folder.path().join("again.mp4");
        make(&input, &again, &plan, 12).unwrap();
        let (first, second) = (std::fs::read(&output).unwrap(), std::fs::read(&again).unwrap());
        let differs = first.iter().zip(&second).position(|(a, b)| a != b);
        assert_eq!((differs, first.len()), (None, second.len()), "the same input gave other bytes");
    }

    #[test]
    fn bad_inputs_are_one_line_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let input = source(folder.path());
        let garbage = folder.path().join("garbage.mp4");
        std::fs::write(&garbage, vec![7; 5000]).unwrap();
        let output = folder.path().join("out.mp4");
        for (input, plan, part) in [
            (input.as_path(), &["clean:3s"][..], "shorten them"),
            (garbage.as_path(), &["clean:1s"], "garbage.mp4"),
            (&folder.path().join("missing.mp4"), &["clean:1s"], "missing.mp4"),
            (input.as_path(), &[], "at least one stretch"),
        ] {
            let error = make(input, &output, &stretches(plan), 20).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{error}");
        }
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}
