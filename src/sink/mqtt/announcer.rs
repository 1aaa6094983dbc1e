//! What is said to the broker, and what is done with what it says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender};

use super::{
    discovery,
    outbox::{Ended, Outbox},
    state,
    topics::Topics,
    wish::{self, Subject},
};
use crate::{
    config,
    control::Request,
    event::{GateReason, GateState, GateStatus},
    gate::{Board, Entry, Kind, Standing, monotonic_ns},
    sink::{
        Setting,
        broker::{Message, Talk},
    },
    state::{Silence, Store},
};

/// How often gates that didn't move are looked at: a lease may have run out.
const LOOK: Duration = Duration::from_millis(250);

/// An event, and who waits until the broker has it.
pub(super) struct Delivery {
    pub(super) message: Message,
    pub(super) done: Sender<()>,
}

/// What of a gate's standing is told at once when it changes.
type Told = (GateState, Option<GateState>, GateReason, Option<GateState>, Vec<Silence>);

/// A stream as the broker knows it.
struct Announced {
    entry: Entry,
    told: Option<(Told, Instant)>,
}

pub(super) struct Announcer {
    settings: Arc<config::Mqtt>,
    topics: Topics,
    causes: Vec<String>,
    board: Arc<Board>,
    seen: u64,
    store: Option<Arc<Store>>,
    commands: Option<Sender<Request>>,
    silences: Arc<Mutex<Vec<Silence>>>,
    deliveries: Receiver<Delivery>,
    waiting: Option<Sender<()>>,
    connected: Arc<AtomicBool>,
    streams: BTreeMap<String, Announced>,
    looked: Option<Instant>,
    outbox: Outbox,
}

impl Announcer {
    pub(super) fn new(
        settings: Arc<config::Mqtt>,
        topics: Topics,
        setting: &Setting,
        deliveries: Receiver<Delivery>,
        connected: Arc<AtomicBool>,
    ) -> Self {
        let mut announcer = Self {
            causes: state::causes(&setting.distortions),
            settings,
            topics,
            board: Arc::clone(&setting.board),
            seen: 0,
            store: setting.store.clone(),
            commands: setting.commands.clone(),
            silences: Arc::clone(&setting.silences),
            deliveries,
            waiting: None,
            connected,
            streams: BTreeMap::new(),
            looked: None,
            outbox: Outbox::default(),
        };
        // All of them at once: each change of the state file waits for the disk.
        let topics: Vec<_> = setting.streams.iter().flat_map(|stream| announcer.topics_of(stream)).collect();
        announcer.remember(|announced| announced.extend(topics));
        for stream in &setting.streams {
            announcer.add(Entry {
                status: GateStatus { stream: stream.clone(), ..GateStatus::default() },
                ..Entry::default()
            });
        }
        announcer.sweep();
        announcer
    }

    /// The retained topics that tell of a stream.
    fn topics_of(&self, stream: &str) -> Vec<String> {
        let mut topics = vec![self.topics.gate(stream)];
        if self.settings.home_assistant {
            topics.push(self.topics.device(stream));
        }
        topics
    }

    /// Empties what an earlier run announced and what is no more: a stream that was removed while nobody was here, or
    /// another prefix.
    fn sweep(&mut self) {
        let Some(store) = &self.store else { return };
        let wanted: BTreeSet<_> = self.streams.keys().flat_map(|stream| self.topics_of(stream)).collect();
        for topic in store.get().announced.difference(&wanted) {
            self.outbox.put(topic, "");
        }
    }

    fn remember(&self, change: impl FnOnce(&mut BTreeSet<String>)) {
        if let Some(store) = &self.store
            && let Err(error) = store.change(|state| change(&mut state.announced))
        {
            tracing::warn!(sink = "mqtt", %error, "a removed stream may stay at the broker");
        }
    }

    fn add(&mut self, entry: Entry) {
        let stream = entry.status.stream.clone();
        if let Some(known) = self.streams.get_mut(&stream) {
            known.entry = entry;
            return;
        }
        // Before it is sent: what is not remembered could not be removed by a later run.
        let topics = self.topics_of(&stream);
        self.remember(|announced| announced.extend(topics));
        if self.settings.home_assistant {
            let device = discovery::device(&stream, &self.settings, &self.topics, &self.causes);
            self.outbox.put(&self.topics.device(&stream), device.to_string());
        }
        self.streams.insert(stream, Announced { entry, told: None });
    }

    fn remove(&mut self, stream: &str) {
        if self.streams.remove(stream).is_some() {
            self.topics_of(stream).iter().for_each(|topic| self.outbox.put(topic, ""));
        }
    }

    /// Tells where gates stand that moved, or that were not told of for a while.
    fn tell(&mut self, now: Instant) {
        let (monotonic, expires) = (monotonic_ns(), discovery::expires(&self.settings));
        let (today, silences) = (today(), self.silences.lock().unwrap_or_else(PoisonError::into_inner).clone());
        for (stream, announced) in &mut self.streams {
            let standing: Standing = announced.entry.standing(monotonic);
            let status = &standing.status;
            let by_hand = status.by_hand.map(|by_hand| by_hand.state);
            let silenced = |silence: &&Silence| silence.stream == *stream && today < silence.until;
            let silences: Vec<Silence> = silences.iter().filter(silenced).cloned().collect();
            let told: Told = (status.decided, status.enforced, status.reason, by_hand, silences.clone());
            let kind = match &announced.told {
                Some((before, _)) if *before != told => Kind::Change,
                Some((_, at)) if now.duration_since(*at) < self.settings.renew_every.get() => continue,
                Some(_) => Kind::Renewal,
                None => Kind::State,
            };
            match state::payload(standing, kind, by_hand, &silences, &self.causes, expires) {
                Ok(payload) => {
                    self.outbox.put(&self.topics.gate(stream), payload);
                    announced.told = Some((told, now));
                }
                Err(error) => tracing::error!(sink = "mqtt", %error, "a gate can't be told; please report this"),
            }
        }
    }

    /// Somebody asks for something.
    fn command(&self, subject: Subject, stream: &str, payload: &[u8], retained: bool) {
        let what = match subject {
            Subject::Gate => "gate",
            Subject::Silence => "alerts",
        };
        let refuse = |why: &str| tracing::warn!(sink = "mqtt", stream, "a command for its {what} is ignored: {why}");
        let Some(commands) = self.commands.as_ref().filter(|_| self.settings.commands) else { return };
        if retained {
            // It would come again with every connection, long after it was meant.
            return refuse("it is retained; send it without the retain flag and empty the topic");
        }
        if !self.streams.contains_key(stream) {
            return refuse("there is no such stream");
        }
        let request = wish::request(subject, stream, payload, &self.settings, today());
        let sent = request.and_then(|request| commands.try_send(request).map_err(|_| "too many came at once"));
        sent.unwrap_or_else(refuse);
    }
}

/// Seconds since 1970.
fn today() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

impl Talk for Announcer {
    fn connected(&mut self) -> Vec<String> {
        self.connected.store(true, Ordering::Release);
        self.outbox.put(&self.topics.availability(), "online");
        self.outbox.renew();
        let mut topics = Vec::new();
        if self.settings.commands && self.commands.is_some() {
            topics.extend([Subject::Gate, Subject::Silence].map(|subject| self.topics.set("+", subject)));
        }
        if self.settings.home_assistant {
            topics.push(self.topics.birth());
        }
        topics
    }

    fn received(&mut self, topic: &str, payload: &[u8], retained: bool) {
        if let Some((subject, stream)) = self.topics.asked(topic) {
            self.command(subject, stream, payload, retained);
        } else if topic == self.topics.birth() && payload == b"online" {
            // It has just started and knows nothing of us, or not where gates stand.
            self.outbox.renew();
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let mut moved = self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK);
        if let Some((seen, entries)) = self.board.newer(self.seen, Duration::ZERO) {
            self.seen = seen;
            for entry in entries {
                moved |= entry.moved;
                if entry.gone { self.remove(&entry.status.stream) } else { self.add(entry) }
            }
        }
        if moved {
            self.looked = Some(now);
            self.tell(now);
        }
        if self.outbox.is_free()
            && let Ok(Delivery { message, done }) = self.deliveries.try_recv()
        {
            self.outbox.post(message);
            self.waiting = Some(done);
        }
    }

    fn next(&mut self) -> Option<Message> {
        self.outbox.next()
    }

    fn acknowledged(&mut self, place: usize) {
        match self.outbox.acknowledged(place) {
            Ended::Event => {
                // Nobody waits any more if the sink gave up.
                let _ = self.waiting.take().map(|done| done.try_send(()));
            }
            Ended::Removed(topic) => self.remember(|announced| {
                announced.remove(&topic);
            }),
            Ended::Nothing => {}
        }
    }

    fn lost(&mut self) {
        self.connected.store(false, Ordering::Release);
        self.outbox.lost();
    }

    fn stop(&mut self) {
        self.outbox.put(&self.topics.availability(), "offline");
    }

    fn is_done(&self, connected: bool) -> bool {
        !connected || self.outbox.is_empty()
    }
}
