//! Names of topics.

use super::wish::Subject;
use crate::config::Mqtt;

/// The topics of one configuration.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    prefix: String,
    discovery: String,
}

impl Topics {
    pub(super) fn new(settings: &Mqtt) -> Self {
        Self { prefix: settings.prefix.clone(), discovery: settings.discovery_prefix.clone() }
    }

    /// `online` or `offline`, retained.
    pub(super) fn availability(&self) -> String {
        format!("{}/status", self.prefix)
    }

    /// Where a gate stands, retained.
    pub(super) fn gate(&self, stream: &str) -> String {
        format!("{}/{stream}/gate", self.prefix)
    }

    /// Where people ask something of a stream; never retained.
    pub(super) fn set(&self, stream: &str, subject: Subject) -> String {
        format!("{}/{stream}{}", self.prefix, ending(subject))
    }

    /// What a topic of [`Topics::set`] is for.
    pub(super) fn asked<'a>(&self, topic: &'a str) -> Option<(Subject, &'a str)> {
        let topic = topic.strip_prefix(&self.prefix)?.strip_prefix('/')?;
        let of = |subject| Some((subject, topic.strip_suffix(ending(subject))?));
        of(Subject::Gate).or_else(|| of(Subject::Silence))
    }

    /// What happens; never retained.
    pub(super) fn event(&self, stream: Option<&str>) -> String {
        match stream {
            Some(stream) => format!("{}/{stream}/event", self.prefix),
            None => format!("{}/event", self.prefix),
        }
    }

    /// Home Assistant's birth message.
    pub(super) fn birth(&self) -> String {
        format!("{}/status", self.discovery)
    }

    /// A stream's device, for Home Assistant; retained.
    pub(super) fn device(&self, stream: &str) -> String {
        format!("{}/device/{}/config", self.discovery, self.id(stream))
    }

    /// A stream's name at Home Assistant: letters, digits, `_` and `-` only.
    pub(super) fn id(&self, stream: &str) -> String {
        format!("{}_{stream}", self.prefix).replace('.', "_2e").replace('/', "_")
    }
}

/// How the topic ends where something is asked of a stream.
fn ending(subject: Subject) -> &'static str {
    match subject {
        Subject::Gate => "/gate/set",
        Subject::Silence => "/silence/set",
    }
}
