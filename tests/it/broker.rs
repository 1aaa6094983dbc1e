//! A real broker (mosquitto) on loopback, and an ear at it.

use std::{
    fmt::Write as _,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rumqttc::{Client, Event, Incoming, MqttOptions, QoS};

/// A running mosquitto; its messages are lost when it dies, as after a crash.
pub(crate) struct Broker {
    pub(crate) port: u16,
    config: PathBuf,
    child: Option<Child>,
}

impl Broker {
    /// `None` where mosquitto is not installed.
    pub(crate) fn start(folder: &Path, rest: &str) -> Option<Self> {
        let program = Command::new("mosquitto").arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status();
        program.ok()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut text = format!("listener {port} 127.0.0.1\nuser root\npersistence false\n");
        text.write_str(if rest.contains("password_file") { "" } else { "allow_anonymous true\n" }).unwrap();
        let config = folder.join("mosquitto.conf");
        std::fs::write(&config, text + rest).unwrap();
        let mut broker = Self { port, config, child: None };
        broker.up();
        Some(broker)
    }

    pub(crate) fn up(&mut self) {
        let mut mosquitto = Command::new("mosquitto");
        mosquitto.arg("-c").arg(&self.config).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(mosquitto.spawn().unwrap());
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(5), "mosquitto does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops and continues it without a word to anybody.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.down();
    }
}

/// A message as somebody else gets it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) retained: bool,
}

impl Heard {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.payload).unwrap()
    }
}

/// Hears everything at a broker, for as long as it lives or the broker does; comes back when the broker does.
#[derive(Clone)]
pub(crate) struct Ear {
    heard: Arc<Mutex<Vec<Heard>>>,
    client: Client,
}

impl Ear {
    pub(crate) fn at(port: u16) -> Self {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut options = MqttOptions::new(format!("ear-{}-{number}", std::process::id()), "127.0.0.1", port);
        options.set_max_packet_size(1 << 20, 1 << 20).set_keep_alive(Duration::from_secs(60));
        let (client, mut connection) = Client::new(options, 64);
        let ear = Self { heard: Arc::default(), client };
        let (heard, again) = (Arc::downgrade(&ear.heard), ear.client.clone());
        let (up, is_up) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for event in connection.iter() {
                let Some(heard) = heard.upgrade() else { return };
                match event {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => again.try_subscribe("#", QoS::AtLeastOnce).unwrap(),
                    Ok(Event::Incoming(Incoming::SubAck(_))) => drop(up.send(())),
                    Ok(Event::Incoming(Incoming::Publish(message))) => {
                        let payload = String::from_utf8_lossy(&message.payload).into_owned();
                        let heard_now = Heard { topic: message.topic, payload, retained: message.retain };
                        heard.lock().unwrap().push(heard_now);
                    }
                    Ok(_) => {}
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            }
        });
        is_up.recv_timeout(Duration::from_secs(5)).expect("connected");
        ear
    }

    pub(crate) fn say(&self, topic: &str, payload: &str, retain: bool) {
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload).unwrap();
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn of(&self, topic: &str) -> Vec<Heard> {
        self.heard().into_iter().filter(|heard| heard.topic == topic).collect()
    }

    /// Waits until such a message was heard, among those after the first `from`; how many there were then.
    #[track_caller]
    pub(crate) fn until(&self, from: usize, what: &str, is: impl Fn(&Heard) -> bool) -> usize {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if let Some(at) = self.heard().iter().skip(from).position(&is) {
                return from + at + 1;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("not heard: {what}; heard: {:#?}", self.heard().iter().skip(from).collect::<Vec<_>>());
    }
}
