//! Gates and events at an MQTT broker, with Home Assistant's discovery.
//!
//! A thread ([`broker`](super::broker)) keeps the connection and follows the board; events come from the sink's queue one
//! by one, each held until the broker has acknowledged it.

mod announcer;
mod discovery;
mod outbox;
mod state;
mod topics;
mod wish;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{RecvTimeoutError, Sender, TrySendError, bounded};
use tokio::sync::Notify;

use super::{
    Setting, Sink, SinkError,
    broker::{Link, Message, Options, Will},
};
use crate::{
    config,
    event::{Event, Said},
};
use announcer::{Announcer, Delivery};
use topics::Topics;

/// How often a wait looks whether it should end.
const NAP: Duration = Duration::from_millis(50);

/// Time for the last messages, once the queue has ended.
const FAREWELL: Duration = Duration::from_millis(800);

/// Publishes gates and events.
pub struct Mqtt {
    settings: Arc<config::Mqtt>,
    topics: Topics,
    deliver: Sender<Delivery>,
    connected: Arc<AtomicBool>,
    hurry: Arc<AtomicBool>,
    wake: Arc<Notify>,
    link: Link,
}

impl Mqtt {
    /// Starts the connection.
    ///
    /// # Errors
    /// [`SinkError`] without certificates or threads; a broker that can't be reached is no error.
    pub fn start(settings: &config::Mqtt, setting: &Setting) -> Result<Self, SinkError> {
        let topics = Topics::new(settings);
        let will = Will { topic: topics.availability(), payload: "offline", retain: true };
        let options = Options::new(&settings.broker, "", Some(will))?;
        let settings = Arc::new(settings.clone());
        let (deliver, deliveries) = bounded(1);
        let connected = Arc::new(AtomicBool::new(false));
        let talk = Announcer::new(Arc::clone(&settings), topics.clone(), setting, deliveries, Arc::clone(&connected));
        let thread = |source| SinkError::Thread { what: "mqtt".into(), source };
        let link = Link::start("mqtt", options, talk).map_err(thread)?;
        Ok(Self { settings, topics, deliver, connected, hurry: Arc::default(), wake: link.waker(), link })
    }
}

impl Sink for Mqtt {
    fn name(&self) -> &'static str {
        "mqtt"
    }

    fn wants(&self) -> Box<dyn Fn(&Event) -> bool + Send + Sync> {
        let settings = Arc::clone(&self.settings);
        Box::new(move |event| settings.events.contains(&event.kind()) && !event.is_quiet())
    }

    fn hurry(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.hurry)
    }

    fn write(&mut self, said: &Said) -> io::Result<()> {
        let topic = self.topics.event(said.event.stream());
        let message = Message { topic, payload: serde_json::to_vec(said)?, retain: false };
        let (done, taken) = bounded(1);
        let mut delivery = Some(Delivery { message, done });
        loop {
            if let Some(waiting) = delivery.take() {
                match self.deliver.try_send(waiting) {
                    Ok(()) => self.wake.notify_one(),
                    Err(TrySendError::Full(back)) => delivery = Some(back),
                    Err(TrySendError::Disconnected(_)) => return Err(gone()),
                }
            }
            match taken.recv_timeout(NAP) {
                Ok(()) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.hurry.load(Ordering::Acquire) && !self.connected.load(Ordering::Acquire) {
                return Err(io::Error::other("no connection to the broker, and miqa stops"));
            }
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the connection's thread ended; restart miqa and report this")
}

impl Drop for Mqtt {
    fn drop(&mut self) {
        if !self.link.stop(FAREWELL) {
            tracing::warn!(sink = "mqtt", "the broker did not take the last messages in time");
        }
    }
}
