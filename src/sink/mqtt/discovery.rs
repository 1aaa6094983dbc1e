//! A stream as a device of Home Assistant ("MQTT discovery", device-based discovery payload). Pure.

use std::time::Duration;

use serde_json::{Value, json};

use super::{topics::Topics, wish::Subject};
use crate::config::Mqtt;

/// A state that isn't renewed within this time is not to be believed: two renewals were missed.
pub(super) fn expires(settings: &Mqtt) -> Duration {
    3 * settings.renew_every.get()
}

/// The device's description: a score, whether the picture is a problem, why, the gate to be set by hand, and alerts to be
/// silenced.
pub(super) fn device(stream: &str, settings: &Mqtt, topics: &Topics, causes: &[String]) -> Value {
    let id = topics.id(stream);
    let expire_after = expires(settings).as_secs();
    let part = |name: &str, platform: &str, template: &str| {
        json!({
            "p": platform,
            "name": name,
            "unique_id": format!("{id}_{}", name.to_lowercase()),
            "value_template": template,
        })
    };
    let mut score = part("Score", "sensor", "{{ value_json.smoothed }}");
    score["state_class"] = json!("measurement");
    score["suggested_display_precision"] = json!(2);
    // "None" makes it unknown: nobody can say.
    let problem = "{{ {'open': 'OFF', 'degraded': 'ON', 'closed': 'ON'}.get(value_json.decided, 'None') }}";
    let mut problem = part("Problem", "binary_sensor", problem);
    problem["device_class"] = json!("problem");
    let mut cause = part("Cause", "sensor", "{{ value_json.cause }}");
    cause["device_class"] = json!("enum");
    cause["options"] = json!(causes);
    for expiring in [&mut score, &mut problem, &mut cause] {
        expiring["expire_after"] = json!(expire_after);
    }
    let mut gate = part("Gate", "select", "{{ value_json.override }}");
    gate["options"] = json!(["auto", "open", "closed"]);
    gate["command_topic"] = json!(topics.set(stream, Subject::Gate));
    let mut silenced = part("Silenced", "switch", "{{ value_json.silenced }}");
    for (key, word) in [("payload_on", "on"), ("payload_off", "off"), ("state_on", "on"), ("state_off", "off")] {
        silenced[key] = json!(word);
    }
    silenced["command_topic"] = json!(topics.set(stream, Subject::Silence));
    for command in [&mut gate, &mut silenced] {
        command["retain"] = json!(false);
        command["entity_category"] = json!("config");
    }
    if !settings.commands {
        // A component with nothing but its platform is removed.
        (gate, silenced) = (json!({ "p": "select" }), json!({ "p": "switch" }));
    }
    json!({
        "dev": { "ids": [id], "name": format!("miqa {stream}"), "mf": "miqa", "mdl": "picture quality" },
        "o": { "name": "miqa", "sw": env!("CARGO_PKG_VERSION") },
        "cmps": { "score": score, "problem": problem, "cause": cause, "gate": gate, "silenced": silenced },
        "state_topic": topics.gate(stream),
        "availability_topic": topics.availability(),
        "qos": 1,
    })
}
