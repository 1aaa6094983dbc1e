//! GStreamer's plug-ins and decoders that the streams need.

use std::collections::BTreeMap;

use super::finding::Finding;
use crate::{
    command::CommandError,
    config::Config,
    source::{self, Part},
};

/// Every part once, with the streams that need it.
///
/// # Errors
/// GStreamer itself can't be started.
pub(super) fn check(config: &Config) -> Result<Vec<Finding>, CommandError> {
    let mut parts: BTreeMap<&str, (Part, Vec<&str>)> = BTreeMap::new();
    for stream in &config.streams {
        for part in source::parts(&stream.location)? {
            let (known, streams) = parts.entry(part.name).or_insert_with(|| (part.clone(), Vec::new()));
            known.needed |= part.needed;
            streams.push(&stream.name);
        }
    }
    let mut findings: Vec<_> = parts.values().map(|(part, streams)| of(part, &streams.join(", "))).collect();
    for (i, stream) in config.streams.iter().enumerate() {
        let subject = format!("stream[{i}].location");
        findings.push(match source::trial(&stream.location, stream.transport) {
            Ok(()) => Finding::fine("source", subject, format!("{} can be tried", stream.location)),
            Err(error) => Finding::problem("source", subject, error.to_string()),
        });
    }
    Ok(findings)
}

fn of(part: &Part, streams: &str) -> Finding {
    // Elements have small names, codecs begin with a capital.
    let check = if part.name.starts_with(|c: char| c.is_ascii_uppercase()) { "decoder" } else { "plugin" };
    match &part.found {
        Some(found) if check == "decoder" => Finding::fine(check, part.name, format!("decoded by {found}")),
        Some(_) => Finding::fine(check, part.name, "installed"),
        None => {
            let make = if part.needed { Finding::problem } else { Finding::note };
            let said = match (check, part.needed) {
                ("decoder", false) => "nothing here decodes it, which matters only to sources that send it".into(),
                ("decoder", true) => format!("nothing here decodes it; needed by {streams}"),
                _ => format!("not installed; needed by {streams}"),
            };
            make(check, part.name.to_owned(), said).mended_by(format!("apt-get install {}", part.package))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn what_is_missing_names_its_package_and_who_needs_it() {
        let part = |name, needed, found: Option<&str>| Part {
            name,
            package: "gstreamer1.0-libav",
            needed,
            found: found.map(Into::into),
        };
        let lost = of(&part("H.264", true, None), "yard, gate");
        assert_eq!((lost.verdict, lost.check), (Verdict::Problem, "decoder"));
        assert!(lost.said.contains("yard, gate"), "{lost}");
        assert_eq!(lost.mend.as_deref(), Some("apt-get install gstreamer1.0-libav"));
        assert_eq!(of(&part("AV1", false, None), "yard").verdict, Verdict::Note);
        assert_eq!(of(&part("rtspsrc", true, None), "yard").check, "plugin");
        let there = of(&part("H.264", true, Some("avdec_h264")), "yard");
        assert!(there.verdict == Verdict::Fine && there.said.contains("avdec_h264") && there.mend.is_none());
    }
}
