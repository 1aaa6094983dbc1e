//! What can be tried of a location without connecting anywhere or decoding a picture.

use gstreamer as gst;

use super::{SourceError, images, input, log};
use crate::config::{Location, Transport};

/// Opens a file's container, looks for pictures in a folder and for a device, and makes the elements of everything else:
/// test pictures, fragments, cameras. Nothing is played.
///
/// # Errors
/// [`SourceError`]: what the source would say when it starts.
pub fn trial(location: &Location, transport: Transport) -> Result<(), SourceError> {
    if let Location::Images(folder) = location {
        return match images::pictures(folder)?.is_empty() {
            true => Err(SourceError::NoPictures { folder: folder.clone() }),
            false => Ok(()),
        };
    }
    log::start()?;
    let pipeline = gst::Pipeline::new();
    let end = input::element("identity", "libgstreamer1.0-0")?;
    input::add(&pipeline, &end, location)?;
    input::build(location, transport, &pipeline, &end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_run_is_found_without_running_it() {
        let folder = tempfile::tempdir().expect("folder");
        let place = |name: &str| folder.path().join(name);
        std::fs::create_dir(place("none")).expect("made");
        std::fs::create_dir(place("stills")).expect("made");
        std::fs::write(place("stills/a.png"), "").expect("written");
        let images = |name: &str| format!("images:{}", place(name).display());
        for (text, expected) in [
            ("test:ball".to_owned(), None),
            ("test:bal".into(), Some("no such test picture")),
            ("gst:videotestsrc ! queue".into(), None),
            ("gst:vidoetestsrc ! queue".into(), Some("not installed")),
            ("rtsp://192.0.2.1/1".into(), None),
            ("http://192.0.2.1/a.m3u8".into(), None),
            ("/dev/video4711".into(), Some("no such device")),
            (place("a.mp4").display().to_string(), Some("cannot be opened")),
            (images("stills"), None),
            (images("none"), Some("holds no PNG")),
            (images("away"), Some("cannot be opened")),
        ] {
            let result = trial(&text.parse().expect("a location"), Transport::Tcp).map_err(|e| e.to_string());
            match expected {
                None => assert_eq!(result, Ok(()), "{text}"),
                Some(part) => assert!(result.as_ref().is_err_and(|e| e.contains(part)), "{text}: {result:?}"),
            }
        }
    }
}
