//! Something that behaves at a broker as Frigate's documents say: it tells its settings, then that it is there; takes ON
//! and OFF; echoes anything else; is `offline` by its last will.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rumqttc::{Client, Event, Incoming, LastWill, MqttOptions, QoS};

pub(crate) struct StandIn {
    detect: Arc<Mutex<BTreeMap<String, bool>>>,
    commands: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    client: Client,
}

impl StandIn {
    /// Starts with these settings and tells them.
    pub(crate) fn start(port: u16, cameras: &[(&str, bool)]) -> Self {
        let mut options = MqttOptions::new("frigate", "127.0.0.1", port);
        options.set_last_will(LastWill::new("frigate/available", "offline", QoS::AtLeastOnce, true));
        let (client, mut connection) = Client::new(options, 64);
        let detect: BTreeMap<_, _> = cameras.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect();
        let (detect, commands) = (Arc::new(Mutex::new(detect)), Arc::new(Mutex::new(Vec::new())));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (detect, commands, stop, client) =
                (Arc::clone(&detect), Arc::clone(&commands), Arc::clone(&stop), client.clone());
            std::thread::spawn(move || {
                let word = |on| if on { "ON" } else { "OFF" };
                let tell = |topic: String, payload: &str| {
                    client.try_publish(topic, QoS::AtLeastOnce, true, payload).unwrap();
                };
                loop {
                    let event = connection.recv_timeout(Duration::from_millis(20));
                    if stop.load(Ordering::Acquire) {
                        // Without a word: the broker carries out the last will.
                        return;
                    }
                    match event {
                        Ok(Ok(Event::Incoming(Incoming::ConnAck(_)))) => {
                            client.try_subscribe("frigate/#", QoS::AtLeastOnce).unwrap();
                            for (name, on) in detect.lock().unwrap().iter() {
                                tell(format!("frigate/{name}/detect/state"), word(*on));
                            }
                            tell("frigate/available".into(), "online");
                        }
                        Ok(Ok(Event::Incoming(Incoming::Publish(message)))) => {
                            let Some(rest) = message.topic.strip_prefix("frigate/") else { continue };
                            let Some(name) = rest.strip_suffix("/detect/set") else { continue };
                            let payload = String::from_utf8_lossy(&message.payload).into_owned();
                            let retained = if message.retain { " retained" } else { "" };
                            commands.lock().unwrap().push(format!("{name} {payload}{retained}"));
                            if ["ON", "OFF"].contains(&payload.as_str()) {
                                detect.lock().unwrap().insert(name.into(), payload == "ON");
                            }
                            tell(format!("frigate/{name}/detect/state"), &payload);
                        }
                        Ok(Err(_)) => std::thread::sleep(Duration::from_millis(100)),
                        _ => {}
                    }
                }
            })
        };
        Self { detect, commands, stop, thread: Some(thread), client }
    }

    pub(crate) fn detects(&self, camera: &str) -> bool {
        self.detect.lock().unwrap()[camera]
    }

    /// Every command that came, such as `yard OFF`.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap().clone()
    }

    /// A person switches detection in Frigate's own page.
    pub(crate) fn person(&self, camera: &str, on: bool) {
        self.detect.lock().unwrap().insert(camera.into(), on);
        let word = if on { "ON" } else { "OFF" };
        self.client.publish(format!("frigate/{camera}/detect/state"), QoS::AtLeastOnce, true, word).unwrap();
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _gone = self.thread.take().map(JoinHandle::join);
    }
}
