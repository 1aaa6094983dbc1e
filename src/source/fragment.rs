//! A gst-launch fragment as the beginning of a pipeline: what comes out of it may be raw or encoded, from a pad that is
//! there or from one that appears once the data is known.

use gstreamer as gst;
use gstreamer::{glib, prelude::*};

use super::SourceError;

const UNPARSABLE: &str = "it cannot be parsed";

/// Makes the fragment. GStreamer's own words on it quote it, and a misplaced blank makes a password look like an element:
/// only the kind of the mistake is said.
///
/// # Errors
/// [`SourceError::Fragment`].
pub(super) fn parse(text: &str) -> Result<gst::Bin, SourceError> {
    let bin = gst::parse::bin_from_description_full(text, false, None, gst::ParseFlags::FATAL_ERRORS);
    let bin = bin.map_err(|error| SourceError::Fragment {
        reason: match error.kind::<gst::ParseError>() {
            Some(gst::ParseError::NoSuchElement) => {
                "it names an element that is not installed, or ends in caps (end it in \"! identity\")"
            }
            Some(gst::ParseError::NoSuchProperty) => "it sets a property that its element does not have",
            Some(gst::ParseError::CouldNotSetProperty) => "it gives a property a value that does not fit",
            Some(gst::ParseError::Link) => "two of its elements cannot be linked",
            _ => UNPARSABLE,
        },
    })?;
    let bin = bin.downcast::<gst::Bin>().map_err(|_| SourceError::Fragment { reason: UNPARSABLE })?;
    if loose(&bin).is_none() && promising(&bin).is_none() {
        return Err(SourceError::Fragment { reason: "no pad of its elements is left that video could come out of" });
    }
    Ok(bin)
}

/// The fragment's own elements, from its end to its beginning.
fn elements(bin: &gst::Bin) -> impl Iterator<Item = gst::Element> {
    bin.iterate_sorted().into_iter().flatten()
}

/// The most downstream source pad that is there and leads nowhere. Not those inside of its elements: GStreamer's own
/// search takes a decoder's inner ones, too.
fn loose(bin: &gst::Bin) -> Option<gst::Pad> {
    elements(bin).flat_map(|element| element.src_pads()).find(|pad| !pad.is_linked())
}

/// The most downstream element whose source pads appear later.
fn promising(bin: &gst::Bin) -> Option<gst::Element> {
    let sometimes = |pad: &gst::PadTemplate| {
        pad.direction() == gst::PadDirection::Src && pad.presence() == gst::PadPresence::Sometimes
    };
    elements(bin).find(|element| element.pad_template_list().iter().any(sometimes))
}

/// Leads what comes out of the fragment into `decode`, now or as soon as there is video.
///
/// # Errors
/// GStreamer's, if they can't be linked.
pub(super) fn lead(bin: &gst::Bin, decode: &gst::Element) -> Result<(), glib::BoolError> {
    if let Some(pad) = loose(bin) {
        bin.add_pad(&gst::GhostPad::with_target(&pad)?)?;
        return bin.link(decode);
    }
    let Some(element) = promising(bin) else { return Ok(()) };
    let (bin, decode) = (bin.downgrade(), decode.downgrade());
    element.connect_pad_added(move |_, pad| {
        let (Some(bin), Some(decode)) = (bin.upgrade(), decode.upgrade()) else { return };
        if is_video(pad) && !pad.is_linked() && bin.static_pad("src").is_none() && join(&bin, pad, &decode).is_err() {
            gst::element_error!(decode, gst::StreamError::Format, ("the fragment's video cannot be decoded"));
        }
    });
    Ok(())
}

fn join(bin: &gst::Bin, pad: &gst::Pad, decode: &gst::Element) -> Result<(), glib::BoolError> {
    let ghost = gst::GhostPad::builder_with_target(pad)?.name("src").build();
    ghost.set_active(true)?;
    bin.add_pad(&ghost)?;
    bin.link(decode)
}

/// Whether pictures come out of a pad, as far as it says.
fn is_video(pad: &gst::Pad) -> bool {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let Some(structure) = caps.structure(0) else { return true };
    let name = structure.name();
    name.starts_with("video/")
        || name.starts_with("image/")
        || name == "application/x-rtp" && structure.get::<&str>("media").is_ok_and(|media| media == "video")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_is_judged_without_being_quoted() {
        crate::source::log::start().expect("GStreamer");
        for (text, expected) in [
            ("videotestsrc ! queue", None),
            ("videotestsrc ! x264enc ! h264parse", None),
            ("nosuchword ! queue", Some("not installed")),
            ("videotestsrc nosuchword=hunter2", Some("property")),
            ("videotestsrc pattern=hunter2 ! queue", Some("value")),
            ("videotestsrc ! fakesink", Some("video could come out of")),
            ("filesrc location=x ! qtdemux", None),
            ("filesrc location=x ! qtdemux ! h264parse", None),
            ("filesrc location=x ! decodebin", None),
            ("videotestsrc ! (", Some("cannot be parsed")),
        ] {
            match (parse(text), expected) {
                (Ok(_), None) => {}
                (Err(error), Some(expected)) => {
                    let error = error.to_string();
                    assert!(error.contains(expected) && !error.contains("hunter2"), "{text}: {error}");
                }
                (made, _) => panic!("{text}: {:?}", made.map(|_| ())),
            }
        }
    }
}
