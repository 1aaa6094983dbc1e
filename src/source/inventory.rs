//! Which parts of GStreamer a kind of location needs, and whether they are installed: asked of the registry, nothing is
//! played.

use gstreamer as gst;
use gstreamer::prelude::*;

use super::{SourceError, log};
use crate::config::Location;

const CORE: &str = "libgstreamer1.0-0";
const BASE: &str = "gstreamer1.0-plugins-base";
const GOOD: &str = "gstreamer1.0-plugins-good";
const BAD: &str = "gstreamer1.0-plugins-bad";
const LIBAV: &str = "gstreamer1.0-libav";

/// A part of GStreamer that a stream needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The element's name, or what is to be decoded.
    pub name: &'static str,
    /// Debian's package that has it.
    pub package: &'static str,
    /// Without it the stream can't run; otherwise only cameras and files of that kind can't.
    pub needed: bool,
    /// The element that does it here, if there is one.
    pub found: Option<String>,
}

/// Elements by name, with their packages. All streams that are decoded:
const DECODED: &[(&str, &str)] = &[("typefind", CORE), ("decodebin", BASE), ("videoconvert", BASE), ("appsink", BASE)];
const FILE: &[(&str, &str)] = &[("filesrc", CORE), ("qtdemux", GOOD), ("matroskademux", GOOD)];
const RTSP: &[(&str, &str)] = &[
    ("rtspsrc", GOOD),
    ("rtpbin", GOOD),
    ("udpsrc", GOOD),
    ("rtph264depay", GOOD),
    ("rtph265depay", GOOD),
    ("rtpjpegdepay", GOOD),
];
const HTTP: &[(&str, &str)] =
    &[("souphttpsrc", GOOD), ("multipartdemux", GOOD), ("hlsdemux", BAD), ("tsdemux", BAD), ("qtdemux", GOOD)];
const DEVICE: &[(&str, &str)] = &[("v4l2src", GOOD)];
const TEST: &[(&str, &str)] = &[("videotestsrc", BASE), ("capsfilter", CORE)];
const ENCODED: &[(&str, &str)] = &[("h264parse", BAD), ("h265parse", BAD)];

/// What may have to be decoded: name, caps, package, and whether nearly every camera needs it.
const CODECS: &[(&str, &str, &str, bool)] = &[
    ("H.264", "video/x-h264", LIBAV, true),
    ("H.265", "video/x-h265", LIBAV, true),
    ("JPEG", "image/jpeg", GOOD, true),
    ("MPEG-4", "video/mpeg,mpegversion=(int)4,systemstream=(boolean)false", LIBAV, false),
    ("VP8", "video/x-vp8", GOOD, false),
    ("VP9", "video/x-vp9", GOOD, false),
    ("AV1", "video/x-av1", BAD, false),
];

/// The parts that a location needs. Which of the codecs a camera sends is not known before it is connected to.
///
/// # Errors
/// [`SourceError::Init`].
pub fn parts(location: &Location) -> Result<Vec<Part>, SourceError> {
    log::start()?;
    let (elements, encoded): (&[&[_]], bool) = match location {
        Location::File(_) => (&[DECODED, FILE, ENCODED], true),
        Location::Rtsp(_) => (&[DECODED, RTSP, ENCODED], true),
        Location::Http(_) => (&[DECODED, HTTP, ENCODED], true),
        Location::Device(_) => (&[DECODED, DEVICE], true),
        Location::Test(_) => (&[DECODED, TEST], false),
        // Its own elements are tried by making them.
        Location::Fragment(_) => (&[DECODED], false),
        // Those are read without GStreamer.
        Location::Images(_) => (&[], false),
    };
    let named = elements.iter().flat_map(|list| list.iter()).map(|&(name, package)| {
        let found = gst::ElementFactory::find(name).filter(|factory| factory.clone().load().is_ok());
        Part { name, package, needed: true, found: found.map(|factory| factory.name().into()) }
    });
    let codecs = CODECS.iter().filter(|_| encoded).map(|&(name, caps, package, needed)| {
        // A device sends raw pictures or JPEG.
        let needed = needed && (!matches!(location, Location::Device(_)) || name == "JPEG");
        Part { name, package, needed, found: decoder(caps) }
    });
    Ok(named.chain(codecs).collect())
}

/// The decoder that would be taken, as decodebin takes it: by rank.
fn decoder(caps: &str) -> Option<String> {
    let caps: gst::Caps = caps.parse().ok()?;
    let decoders = gst::ElementFactory::factories_with_type(
        gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO,
        gst::Rank::MARGINAL,
    );
    let images = gst::ElementFactory::factories_with_type(
        gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_IMAGE,
        gst::Rank::MARGINAL,
    );
    let able = decoders.iter().chain(images.iter()).filter(|factory| factory.can_sink_any_caps(&caps));
    able.max_by_key(|factory| factory.rank()).map(|factory| factory.name().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_found_and_a_still_folder_needs_nothing() {
        let of = |text: &str| parts(&text.parse().expect("a location")).expect("GStreamer starts");
        for location in ["a.mp4", "rtsp://192.0.2.1/1", "http://192.0.2.1/a.m3u8", "/dev/video0", "test:ball"] {
            let lacking: Vec<_> = of(location).into_iter().filter(|part| part.needed && part.found.is_none()).collect();
            assert_eq!(lacking, [], "{location}: the packages of scripts/deps.sh have them all");
        }
        assert_eq!(of("images:stills"), []);
        assert!(decoder("video/x-nothing-of-the-kind").is_none());
    }
}
