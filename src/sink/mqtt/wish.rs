//! What people ask over MQTT: a topic and a payload → a request. Pure: the time of day is an argument.

use std::time::Duration;

use crate::{
    config::{Mqtt, Period},
    control::Request,
    event::GateState,
};

/// What a topic of commands is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A stream's gate, to be set by hand.
    Gate,
    /// A stream's alerts, to be silenced.
    Silence,
}

/// The request behind a payload that came at `now`, in seconds since 1970.
///
/// A gate takes `auto`, `open` or `closed`. Alerts take `on`, `off` or a length of time, with a rule's name and a space
/// before it if only that rule is meant.
///
/// # Errors
/// What the payload must be.
pub(super) fn request(
    subject: Subject,
    stream: &str,
    payload: &[u8],
    settings: &Mqtt,
    now: u64,
) -> Result<Request, &'static str> {
    let (stream, text) = (stream.to_owned(), std::str::from_utf8(payload).unwrap_or_default());
    let after = |length: Duration| Some(now.saturating_add(length.as_secs()));
    match subject {
        Subject::Gate => {
            let state = match text {
                "auto" => None,
                "open" => Some(GateState::Open),
                "closed" => Some(GateState::Closed),
                _ => return Err("it must be auto, open or closed"),
            };
            let until = state.and_then(|_| after(settings.override_for.get()));
            Ok(Request::Gate { stream, state, until })
        }
        Subject::Silence => {
            let (rule, word) = match text.rsplit_once(' ') {
                Some((rule, word)) => (Some(rule), word),
                None => (None, text),
            };
            let until = match word {
                "on" => after(settings.silence_for.get()),
                "off" => None,
                length => match length.parse().map(Period::get) {
                    Ok(length) if length >= Duration::from_secs(1) => after(length),
                    _ => {
                        return Err("it must be on, off or a length of time such as 30m, after a rule's name or alone");
                    }
                },
            };
            Ok(Request::Silence { stream, rule: rule.map(Into::into), until })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_requests_or_refused() {
        let text = "[[stream]]\nname = \"yard\"\nlocation = \"a.mp4\"\n[mqtt]\noverride_for = \"1m\"\nsilence_for = \"2m\"\n\
                    [mqtt.broker]\naddress = \"mqtt://localhost\"\n";
        let config = crate::config::Config::parse(text, std::path::Path::new("miqa.toml")).expect("good");
        let settings = config.outputs.mqtt.expect("given");
        let ask = |subject, payload: &str| request(subject, "yard", payload.as_bytes(), &settings, 1000).ok();
        let gate = |state, until| Some(Request::Gate { stream: "yard".into(), state, until });
        for (payload, expected) in [
            ("auto", gate(None, None)),
            ("open", gate(Some(GateState::Open), Some(1060))),
            ("closed", gate(Some(GateState::Closed), Some(1060))),
            ("degraded", None),
            ("Open", None),
            ("", None),
        ] {
            assert_eq!(ask(Subject::Gate, payload), expected, "{payload}");
        }
        let silence = |rule: Option<&str>, until| {
            Some(Request::Silence { stream: "yard".into(), rule: rule.map(Into::into), until })
        };
        for (payload, expected) in [
            ("on", silence(None, Some(1120))),
            ("off", silence(None, None)),
            ("1.5h", silence(None, Some(6400))),
            ("fog on", silence(Some("fog"), Some(1120))),
            ("too dark 30s", silence(Some("too dark"), Some(1030))),
            ("fog off", silence(Some("fog"), None)),
            ("fog", None),
            ("fog 30", None),
            ("0s", None),
            ("-1h", None),
            ("999999h", None),
            ("on ", None),
            ("", None),
        ] {
            assert_eq!(ask(Subject::Silence, payload), expected, "{payload}");
        }
        assert!(request(Subject::Silence, "yard", b"fog\xff on", &settings, 0).is_err());
    }
}
