//! The first element of a pipeline for each kind of location. Secrets are set as properties; no text with one is ever
//! parsed, save a fragment's own.

use std::path::Path;

use gstreamer as gst;
use gstreamer::{glib, prelude::*};

use super::{SourceError, container, fragment};
use crate::config::{Address, Location, Transport};

/// How long a camera's packets may be out of order, in milliseconds.
const RTSP_LATENCY_MS: u32 = 200;

/// After this long without a datagram RTSP takes the connection instead, in microseconds.
const UDP_TIMEOUT_US: u64 = 3_000_000;

/// A server that doesn't answer within this is given up, in microseconds and in seconds.
const TCP_TIMEOUT_US: u64 = 8_000_000;
const HTTP_TIMEOUT_S: u32 = 8;

/// The test picture.
const TEST_CAPS: &str = "video/x-raw,format=I420,width=640,height=360,framerate=25/1";

/// Puts what `location` needs into the pipeline and leads it into `decode`.
pub(super) fn build(
    location: &Location,
    transport: Transport,
    pipeline: &gst::Pipeline,
    decode: &gst::Element,
) -> Result<(), SourceError> {
    let source = match location {
        Location::File(path) => file(path)?,
        Location::Rtsp(address) => {
            let source = camera(address, transport, decode)?;
            return add(pipeline, &source, location);
        }
        Location::Http(address) => http(address, pipeline)?,
        Location::Device(path) => {
            if !path.exists() {
                return Err(SourceError::Missing { path: path.clone(), reason: "there is no such device".into() });
            }
            let source = element("v4l2src", "gstreamer1.0-plugins-good")?;
            source.set_property("device", text(path)?);
            source
        }
        Location::Test(pattern) => test(pattern, pipeline, location)?,
        Location::Fragment(text) => {
            let fragment = fragment::parse(text.reveal())?;
            add(pipeline, fragment.upcast_ref(), location)?;
            return fragment::lead(&fragment, decode).map_err(|e| failed(location, &e));
        }
        Location::Images(path) => {
            // Those are read without GStreamer.
            return Err(SourceError::Missing { path: path.clone(), reason: "it is a folder".into() });
        }
    };
    // The test picture is in the pipeline already, with its caps.
    if source.parent().is_none() {
        add(pipeline, &source, location)?;
    }
    source.link(decode).map_err(|e| failed(location, &e))
}

/// A new element; the package to install if there is none.
pub(super) fn element(name: &'static str, package: &'static str) -> Result<gst::Element, SourceError> {
    gst::ElementFactory::make(name).build().map_err(|_| SourceError::Element { element: name, package })
}

pub(super) fn add(pipeline: &gst::Pipeline, element: &gst::Element, location: &Location) -> Result<(), SourceError> {
    pipeline.add(element).map_err(|e| failed(location, &e))
}

fn failed(location: &Location, error: &glib::BoolError) -> SourceError {
    SourceError::Failed { name: location.to_string(), reason: crate::secret::scrub(&error.message).into_owned() }
}

fn text(path: &Path) -> Result<&str, SourceError> {
    path.to_str()
        .ok_or_else(|| SourceError::Missing { path: path.into(), reason: "its name is not UTF-8; rename it".into() })
}

fn file(path: &Path) -> Result<gst::Element, SourceError> {
    container::check(path)?;
    let source = element("filesrc", "libgstreamer1.0-0")?;
    source.set_property("location", text(path)?);
    Ok(source)
}

fn camera(address: &Address, transport: Transport, decode: &gst::Element) -> Result<gst::Element, SourceError> {
    let source = element("rtspsrc", "gstreamer1.0-plugins-good")?;
    source.set_property("location", address.url());
    log_in(&source, address);
    let protocols = match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp+udp-mcast",
        Transport::Auto => "tcp+udp+udp-mcast",
    };
    source.set_property_from_str("protocols", protocols);
    source.set_property("latency", RTSP_LATENCY_MS);
    source.set_property("drop-on-latency", true);
    source.set_property("timeout", UDP_TIMEOUT_US);
    source.set_property("tcp-timeout", TCP_TIMEOUT_US);
    // Sound and metadata are not even asked for.
    source.connect("select-stream", false, |values| {
        let caps = values.get(2).and_then(|value| value.get::<gst::Caps>().ok());
        Some(caps.is_some_and(|caps| is_video_rtp(&caps)).to_value())
    });
    let decode = decode.downgrade();
    source.connect_pad_added(move |_, pad| {
        let Some(to) = decode.upgrade().and_then(|decode| decode.static_pad("sink")) else { return };
        if !to.is_linked() && pad.current_caps().is_none_or(|caps| is_video_rtp(&caps)) && pad.link(&to).is_err() {
            tracing::warn!("a camera's stream could not be linked");
        }
    });
    Ok(source)
}

fn is_video_rtp(caps: &gst::Caps) -> bool {
    caps.structure(0).is_some_and(|s| s.get::<&str>("media").is_ok_and(|media| media == "video"))
}

fn log_in(source: &gst::Element, address: &Address) {
    if let Some(login) = address.login() {
        source.set_property("user-id", &login.user);
        source.set_property("user-pw", login.password.reveal());
    }
}

fn http(address: &Address, pipeline: &gst::Pipeline) -> Result<gst::Element, SourceError> {
    let source = element("souphttpsrc", "gstreamer1.0-plugins-good")?;
    source.set_property("location", address.url());
    source.set_property("timeout", HTTP_TIMEOUT_S);
    log_in(&source, address);
    // HLS fetches its parts through elements of its own. The login is for the server it was given for, no other.
    let address = address.clone();
    pipeline.connect_deep_element_added(move |_, _, element| {
        if element.factory().is_some_and(|factory| factory.name() == "souphttpsrc")
            && element.property::<Option<String>>("location").is_some_and(|url| origin(&url) == origin(address.url()))
        {
            log_in(element, &address);
        }
    });
    Ok(source)
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find(['/', '?', '#']).map_or(url, |end| &url[..host + end])
}

fn test(pattern: &str, pipeline: &gst::Pipeline, location: &Location) -> Result<gst::Element, SourceError> {
    let source = element("videotestsrc", "gstreamer1.0-plugins-base")?;
    let patterns = source.find_property("pattern").and_then(|p| glib::EnumClass::with_type(p.value_type()));
    if patterns.is_none_or(|patterns| patterns.value_by_nick(pattern).is_none()) {
        return Err(SourceError::Pattern { pattern: pattern.into() });
    }
    source.set_property_from_str("pattern", pattern);
    source.set_property("is-live", true);
    let caps = element("capsfilter", "libgstreamer1.0-0")?;
    caps.set_property_from_str("caps", TEST_CAPS);
    add(pipeline, &source, location)?;
    add(pipeline, &caps, location)?;
    source.link(&caps).map_err(|e| failed(location, &e))?;
    Ok(caps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_for_its_own_server() {
        for (url, expected) in [
            ("http://cam/x/y.m3u8", "http://cam"),
            ("http://cam:80?x", "http://cam:80"),
            ("https://cam", "https://cam"),
        ] {
            assert_eq!(origin(url), expected);
        }
    }
}
