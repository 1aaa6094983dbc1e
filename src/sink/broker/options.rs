//! How a connection is made.

use std::time::Duration;

use rumqttc::{LastWill, MqttOptions, QoS, TlsConfiguration, Transport};

use crate::{
    config::{Broker, Known},
    sink::{SinkError, start::host, tls},
};

/// Without an answer from the broker for about twice this the connection counts as broken.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Bytes of the largest message taken or sent.
const LARGEST: usize = 256 << 10;

/// What the broker says for us if we go without a word.
#[derive(Clone, Debug)]
pub(in crate::sink) struct Will {
    pub(in crate::sink) topic: String,
    pub(in crate::sink) payload: &'static str,
    pub(in crate::sink) retain: bool,
}

/// How a connection is made.
#[derive(Clone)]
pub(in crate::sink) struct Options {
    pub(super) mqtt: MqttOptions,
    /// The broker as it may be shown.
    pub(super) shown: String,
}

impl Options {
    /// A connection to this broker. `role` ends the client id, so that each connection has its own.
    ///
    /// # Errors
    /// Certificates that can't be had.
    pub(in crate::sink) fn new(broker: &Broker, role: &str, will: Option<Will>) -> Result<Self, SinkError> {
        let id = broker.client_id.clone().unwrap_or_else(|| Known::client_id(&host()));
        // An IPv6 address stands in brackets before a port.
        let name = if broker.host.contains(':') { format!("[{}]", broker.host) } else { broker.host.clone() };
        let mut mqtt = MqttOptions::new(format!("{id}{role}"), name.clone(), broker.port);
        mqtt.set_keep_alive(KEEP_ALIVE).set_clean_session(true).set_max_packet_size(LARGEST, LARGEST);
        if let Some(user) = &broker.user {
            mqtt.set_credentials(user, broker.password.as_ref().map_or("", |password| password.reveal()));
        }
        if broker.tls {
            let client = tls::client(broker.ca_file.as_deref())?;
            mqtt.set_transport(Transport::Tls(TlsConfiguration::Rustls(client)));
        }
        if let Some(Will { topic, payload, retain }) = will {
            mqtt.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, retain));
        }
        Ok(Self { mqtt, shown: format!("{name}:{}", broker.port) })
    }

    /// The client's own form.
    pub(in crate::sink) fn into_mqtt(self) -> MqttOptions {
        self.mqtt
    }
}
