//! The body of a delivery and its signature.

use std::{fmt::Write, io, time::SystemTime};

use hmac::{Hmac, Mac};
use serde::Serialize;
use sha2::Sha256;

use crate::{
    event::{Event, Said},
    secret::Secret,
};

/// The header that carries the signature.
pub(super) const SIGNATURE: &str = "Miqa-Signature";

/// CloudEvents 1.0, JSON event format, section 3.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    /// RFC 3339.
    time: String,
    datacontenttype: &'static str,
    data: &'a Event,
}

/// An event in CloudEvents' structured mode: attributes and data in one body, so that one signature covers both.
pub(super) fn cloud_event(said: &Said, source: &str) -> io::Result<Vec<u8>> {
    let time = jiff::Timestamp::try_from(said.time).map_err(io::Error::other)?;
    let event = CloudEvent {
        specversion: "1.0",
        id: &said.id,
        source,
        r#type: format!("miqa.{}", said.event.kind().name()),
        subject: said.event.stream(),
        time: format!("{time:.3}"),
        datacontenttype: "application/json",
        data: &said.event,
    };
    Ok(serde_json::to_vec(&event)?)
}

/// `t=<seconds since 1970>,v1=<hex>`: HMAC-SHA256 (RFC 2104) of the time, a full stop and the body. The time is the
/// attempt's, so that a receiver can refuse what was recorded long ago.
pub(super) fn signature(secret: &Secret, now: SystemTime, body: &[u8]) -> String {
    let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .expect("HMAC takes keys of every length (RFC 2104, section 2)");
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    let mut text = format!("t={time},v1=");
    for byte in mac.finalize().into_bytes() {
        // Writing to a text can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_body_is_a_cloud_event() {
        let event = Event::StreamResumed { stream: "yard".into(), at: crate::event::Seconds(Duration::from_secs(3)) };
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
        let body = cloud_event(&Said { time, id: "18c-7".into(), event }, "/miqa/host").expect("a body");
        assert_eq!(
            String::from_utf8(body).expect("text"),
            r#"{"specversion":"1.0","id":"18c-7","source":"/miqa/host","type":"miqa.stream","subject":"yard","time":"2023-11-14T22:13:20.250Z","datacontenttype":"application/json","data":{"type":"stream_resumed","stream":"yard","at":3.0}}"#
        );
    }

    #[test]
    fn the_signature_is_what_others_calculate() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac k3y-of-hooks
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(
            signature(&Secret::new("k3y-of-hooks"), now, br#"{"a":1}"#),
            "t=1700000000,v1=096946ab9ca94410ac54bfcc3a5a3a6fc14eaca798309636d089deb0eb01deda"
        );
    }
}
