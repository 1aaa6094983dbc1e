//! Keeps a connection up and holds a talk over it.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    io::ErrorKind,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, Incoming, Outgoing, QoS, StateError,
    SubscribeReasonCode,
};
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::{Message, Options, Talk, pause};
use crate::{secret::scrub, sink::tls};

/// How often a talk gets the chance to say something.
const TICK: Duration = Duration::from_millis(50);

/// Messages under way at a time.
const WINDOW: usize = 16;

/// Time that making a connection may take, in seconds.
const CONNECT_S: u64 = 5;

/// Time that a talk may take to finish once it shall stop; its owner may wait for less.
const FAREWELL: Duration = Duration::from_secs(3);

/// Time that the last packet may take.
const LAST_PACKET: Duration = Duration::from_millis(300);

/// A connection and what is under way on it.
struct Wire {
    client: AsyncClient,
    shown: String,
    /// Since when it is connected.
    connected: Option<Instant>,
    /// Handed to the client, its packet's id not known yet.
    handed: usize,
    /// Ids of packets that are not acknowledged, the oldest first.
    sent: VecDeque<u16>,
    /// Failures in a row; they count until a connection has held.
    failures: u32,
}

impl Wire {
    fn new(options: Options) -> (Self, EventLoop) {
        let (client, mut events) = AsyncClient::new(options.mqtt, 2 * WINDOW);
        events.network_options.set_connection_timeout(CONNECT_S);
        let wire =
            Self { client, shown: options.shown, connected: None, handed: 0, sent: VecDeque::new(), failures: 0 };
        (wire, events)
    }

    /// What one event of the connection means to the talk.
    fn take(&mut self, event: Result<Event, ConnectionError>, talk: &mut impl Talk) {
        match event {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                if self.failures > 0 {
                    tracing::warn!(broker = self.shown, "connected again");
                }
                self.connected = Some(Instant::now());
                for topic in talk.connected() {
                    if self.client.try_subscribe(&topic, QoS::AtLeastOnce).is_err() {
                        tracing::error!(broker = self.shown, topic, "cannot subscribe; please report this");
                    }
                }
            }
            Ok(Event::Incoming(Incoming::Publish(message))) => {
                talk.received(&message.topic, &message.payload, message.retain);
            }
            Ok(Event::Outgoing(Outgoing::Publish(id))) => {
                self.handed = self.handed.saturating_sub(1);
                self.sent.push_back(id);
            }
            Ok(Event::Incoming(Incoming::PubAck(ack))) => {
                if let Some(place) = self.sent.iter().position(|id| *id == ack.pkid) {
                    self.sent.remove(place);
                    talk.acknowledged(place);
                }
            }
            Ok(Event::Incoming(Incoming::SubAck(ack))) if ack.return_codes.contains(&SubscribeReasonCode::Failure) => {
                tracing::warn!(
                    broker = self.shown,
                    "the broker refuses a subscription; check this user's rights there"
                );
            }
            Ok(_) => {}
            Err(error) => {
                let held = self.connected.take().map(|since| since.elapsed());
                if held.is_some() {
                    talk.lost();
                }
                self.handed = 0;
                self.sent.clear();
                self.failures = pause::count(self.failures, held);
                if held.is_some() || self.failures == 1 {
                    let error = reason(&error);
                    tracing::warn!(broker = self.shown, error = %scrub(&error), "no connection; trying again");
                }
            }
        }
    }

    /// Hands over what the talk has to say.
    fn speak(&mut self, talk: &mut impl Talk) {
        while self.connected.is_some() && self.handed + self.sent.len() < WINDOW {
            let Some(Message { topic, payload, retain }) = talk.next() else { return };
            if self.client.try_publish(topic, QoS::AtLeastOnce, retain, payload).is_err() {
                // The channel has room for twice the window: it is closed, and so is the connection soon.
                return;
            }
            self.handed += 1;
        }
    }
}

/// An error in words that say what to do.
fn reason(error: &ConnectionError) -> String {
    let said = error.to_string();
    if let Some(advice) = tls::advice(&said) {
        return format!("{said}; {advice}");
    }
    let next = match error {
        ConnectionError::ConnectionRefused(ConnectReturnCode::BadUserNamePassword) => {
            return "wrong user name or password; check the broker's user and password_file".into();
        }
        ConnectionError::ConnectionRefused(ConnectReturnCode::NotAuthorized) => {
            return "login refused; check the broker's user and password_file".into();
        }
        ConnectionError::ConnectionRefused(ConnectReturnCode::BadClientId) => {
            return "the broker refuses our client id; set the broker's client_id".into();
        }
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            return "the broker does not answer; check its address, and the network and firewalls on the way".into();
        }
        ConnectionError::Tls(_) => "check that its port speaks TLS, and ca_file",
        // Also what a broker does to the older of two clients with one id, and to TLS on a port without or the other way round.
        ConnectionError::MqttState(
            StateError::Io(_)
            | StateError::ConnectionAborted
            | StateError::AwaitPingResp
            | StateError::Deserialization(_),
        ) => {
            "the broker hung up: its log says why; mostly it restarted, another client has the same client_id, or the port wants TLS (mqtts://)"
        }
        ConnectionError::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            "start the broker, or check its address and port"
        }
        ConnectionError::Io(_) => "check the broker's address and port, and that it runs",
        _ => "the broker's log may say more",
    };
    format!("{said}; {next}")
}

/// A number in 0–1, another one each time.
fn chance() -> f64 {
    (RandomState::new().hash_one(0) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The next event; a new connection after `failures` comes after a pause.
async fn next(events: &mut EventLoop, failures: u32) -> Result<Event, ConnectionError> {
    if failures > 0 {
        sleep(pause::after(failures, chance())).await;
    }
    events.poll().await
}

/// Holds the talk until `stop` is set and it is done.
pub(super) async fn converse(options: Options, mut talk: impl Talk, stop: &AtomicBool, wake: &Notify) {
    let (mut wire, mut events) = Wire::new(options);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut until: Option<Instant> = None;
    'talk: loop {
        // A poll must not be cut short: it may be in the middle of a connection or a packet.
        let mut poll = pin!(next(&mut events, if wire.connected.is_some() { 0 } else { wire.failures }));
        let event = loop {
            tokio::select! {
                biased;
                event = &mut poll => break event,
                _ = ticks.tick() => {}
                () = wake.notified() => {}
            }
            talk.tick();
            if until.is_none() && stop.load(Ordering::Acquire) {
                until = Some(Instant::now() + FAREWELL);
                talk.stop();
            }
            wire.speak(&mut talk);
            if until.is_some_and(|until| talk.is_done(wire.connected.is_some()) || Instant::now() >= until) {
                break 'talk;
            }
        };
        wire.take(event, &mut talk);
        wire.speak(&mut talk);
    }
    // A connection that ends with a word of farewell leaves no last will behind.
    if wire.connected.is_some() && wire.client.try_disconnect().is_ok() {
        let gone =
            async { while !matches!(events.poll().await, Err(_) | Ok(Event::Outgoing(Outgoing::Disconnect))) {} };
        // Whether the word gets through or not, it is over.
        let _ = timeout(LAST_PACKET, gone).await;
    }
}
