//! The configuration's JSON schema, made from the very types that read it: for editors and for whoever writes files by
//! program. It knows every key, its kind, range and default; what holds between keys only `miqa check` knows.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::Value;

use super::{After, Config, FileMode, GateBound, Keys, Location, Period, SightKey, TimeOfDay};
use crate::{preprocess::ViewSet, secret::Secret};

/// A number and a unit, as [`Period`] reads them.
const PERIOD: &str = r"^([0-9]+\.?[0-9]*|\.[0-9]+)\s*(ms|s|m|h)\s*$";

impl Config {
    /// The schema (JSON Schema, draft 2020-12).
    #[must_use]
    pub fn schema() -> Value {
        let mut settings = SchemaSettings::draft2020_12();
        // What isn't there is left out: TOML has no null.
        settings.transforms.push(Box::new(schemars::transform::RecursiveTransform(without_null)));
        settings.into_generator().into_root_schema_for::<Keys>().to_value()
    }
}

/// Takes `null` out of what an optional key may be.
fn without_null(schema: &mut Schema) {
    let Some(keys) = schema.as_object_mut() else { return };
    if keys.get("default").is_some_and(Value::is_null) {
        keys.remove("default");
    }
    if let Some(Value::Array(kinds)) = keys.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = &kinds[..] {
            let kind = kind.clone();
            keys.insert("type".into(), kind);
        }
    }
    if let Some(Value::Array(forms)) = keys.get_mut("anyOf") {
        forms.retain(|form| form.get("type").is_none_or(|kind| kind != "null"));
        // Beside a description a reference may stand alone.
        if let [Value::Object(form)] = &forms[..] {
            let form = form.clone();
            keys.remove("anyOf");
            keys.extend(form);
        }
    }
}

/// Implements [`JsonSchema`] for types that are written as text of a form of their own.
macro_rules! written_as {
    ($($type:ty, $name:literal: $schema:tt;)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

written_as! {
    Period, "Period": {
        "type": "string",
        "pattern": PERIOD,
        "description": "A length of time: a number and a unit, such as \"200ms\", \"2s\", \"1m\" or \"1h\"; at most 366 days."
    };
    After, "After": {
        "anyOf": [{ "const": "off" }, { "type": "string", "pattern": PERIOD }],
        "description": "A length of time, such as \"1s\", or \"off\"."
    };
    GateBound, "GateBound": {
        "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": r"^auto:-\s*\+?[0-9.]+([eE][+-]?[0-9]+)?\s*%$" },
            { "type": "string", "pattern": r"^normal:-[0-9.]+$" }
        ],
        "description": "A score from 0 to 1; \"auto:-10%\": where the models behind the picture have lost a tenth (1 to 90 %); or \"normal:-0.2\": so far under what is normal for this camera (0.01 to 0.9)."
    };
    FileMode, "FileMode": {
        "type": "string",
        "pattern": "^0?[67][0-7][0-7]$",
        "description": "A file's permission bits in octal, such as \"0660\"."
    };
    TimeOfDay, "TimeOfDay": {
        "type": "string",
        "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        "description": "A time of day, \"HH:MM\"."
    };
    SightKey, "SightKey": {
        "enum": (SightKey::WORDS)
    };
    ViewSet, "ViewSet": {
        "type": "string",
        "pattern": r"^(centre|tiles:\+?0*[2-8](:mean)?)$",
        "description": "\"centre\", or 2 to 8 squares over the longer side: \"tiles:3\" (the worst counts) or \"tiles:3:mean\"."
    };
    Secret, "Secret": { "type": "string" };
    Location, "Location": {
        "type": "string",
        "anyOf": [
            { "pattern": r"^gst:[\s\S]*\S" },
            { "pattern": "^test:[A-Za-z0-9-]+$" },
            { "pattern": "^images:[\\s\\S]" },
            { "pattern": r"^([Rr][Tt][Ss][Pp]|[Hh][Tt][Tt][Pp])[Ss]?://[^/?:]" },
            { "pattern": "^[Ff][Ii][Ll][Ee]://" },
            { "pattern": "^[Vv]4[Ll]2:///" },
            { "pattern": r"^(?!gst:|test:|images:)((?!://)[\s\S])+$" }
        ],
        "description": "A file, images:FOLDER, rtsp(s)://HOST/PATH, http(s)://HOST/PATH, /dev/videoN, test:PATTERN or gst:FRAGMENT."
    };
}
