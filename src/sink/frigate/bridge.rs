//! Carries out the cameras' steps: disk, last wills, commands.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use fail::fail_point;

use super::{
    camera::{Around, Camera, Held, Step},
    guard::{Farewell, Guard},
    wanted::{Wanted, wanted},
};
use crate::{
    config::{self, FrigateMode},
    event::GateState,
    gate::{Board, monotonic_ns},
    sink::broker::{Message, Options, Talk, Will},
    state::{FrigateChange, Store, in_force},
};

/// A memory that could not be written is tried again after this.
const DISK_AGAIN: Duration = Duration::from_secs(10);

/// How often gates are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What is still remembered, for those who wait for the end.
pub(super) type Left = Arc<Mutex<Vec<String>>>;

/// One camera with what belongs to it.
struct Place {
    stream: Option<String>,
    name: String,
    camera: Camera,
    guard: Option<Guard>,
    /// What was wanted last, to be said once.
    wanted: Option<Wanted>,
    disk_failed: Option<Duration>,
}

pub(super) struct Bridge {
    settings: config::Frigate,
    board: Arc<Board>,
    store: Arc<Store>,
    begun: Instant,
    around: Around,
    places: Vec<Place>,
    messages: VecDeque<Message>,
    under_way: usize,
    looked: Option<Duration>,
    /// Last wills that are being taken back.
    leaving: Vec<Farewell>,
    left: Left,
}

impl Bridge {
    /// A bridge for the configured cameras, and for those that an earlier run switched off.
    pub(super) fn new(settings: config::Frigate, board: Arc<Board>, store: Arc<Store>, left: Left) -> Self {
        let held = store.get().frigate;
        let place = |stream: Option<&String>, name: &String| Place {
            stream: stream.cloned(),
            name: name.clone(),
            camera: Camera::new(if held.contains_key(name) { Held::Inherited } else { Held::No }),
            guard: None,
            wanted: None,
            disk_failed: None,
        };
        let mut places: Vec<_> = settings.cameras.iter().map(|(stream, name)| place(Some(stream), name)).collect();
        let known = |name: &&String| !settings.cameras.values().any(|camera| camera == *name);
        places.extend(held.keys().filter(known).map(|name| place(None, name)));
        let bridge = Self {
            settings,
            board,
            store,
            begun: Instant::now(),
            around: Around::default(),
            places,
            messages: VecDeque::new(),
            under_way: 0,
            looked: None,
            leaving: Vec::new(),
            left,
        };
        bridge.publish_left();
        bridge
    }

    fn topic(&self, camera: &str, rest: &str) -> String {
        format!("{}/{camera}/detect/{rest}", self.settings.prefix)
    }

    fn publish_left(&self) {
        let held = self.places.iter().filter(|place| place.camera.is_held()).map(|place| place.name.clone());
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = held.collect();
    }

    /// What a place's gate wants. In shadow mode it is said and not done.
    fn wanted(&mut self, i: usize, overrides: &BTreeMap<String, crate::state::Override>, now: Duration) -> Wanted {
        let place = &mut self.places[i];
        // A camera that is no longer ours is put back.
        let Some(stream) = &place.stream else { return Wanted::On };
        let standing = self.board.get(stream).map(|entry| entry.standing(monotonic_ns()));
        let status = standing.as_ref().map(|standing| &standing.status);
        let today = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let by_hand: Option<GateState> = in_force(overrides.get(stream), today);
        let wanted = wanted(status, by_hand, self.settings.when_unknown, now);
        let shadow = self.settings.mode == FrigateMode::Shadow;
        if place.wanted.replace(wanted) != Some(wanted) && shadow && wanted == Wanted::Off {
            let reason = status.map(|status| status.reason.name()).unwrap_or_default();
            tracing::info!(sink = "frigate", camera = place.name, reason, "would switch detection off (shadow)");
        }
        if shadow { Wanted::On } else { wanted }
    }

    fn take(&mut self, i: usize, step: Step, now: Duration) {
        let name = self.places[i].name.clone();
        match step {
            Step::Remember => {
                if self.places[i].disk_failed.is_some_and(|at| now < at + DISK_AGAIN) {
                    return;
                }
                let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
                let change = FrigateChange { before: "ON".into(), since };
                match self.store.change(|state| drop(state.frigate.insert(name.clone(), change))) {
                    Ok(()) => {
                        fail_point!("frigate-remembered");
                        self.places[i].disk_failed = None;
                        self.places[i].camera.hold();
                    }
                    Err(error) => {
                        tracing::warn!(sink = "frigate", camera = name, %error, "detection stays on: it can't be remembered");
                        self.places[i].disk_failed = Some(now);
                    }
                }
            }
            Step::Set(on) => {
                let payload = if on { "ON" } else { "OFF" };
                fail_point!("frigate-before-command");
                tracing::info!(sink = "frigate", camera = name, payload, "detection is switched");
                let topic = self.topic(&name, "set");
                self.messages.push_back(Message { topic, payload: payload.into(), retain: false });
            }
            Step::Forget { by_person } => {
                fail_point!("frigate-before-forget");
                if let Err(error) = self.store.change(|state| drop(state.frigate.remove(&name))) {
                    tracing::warn!(sink = "frigate", camera = name, %error, "detection was put back and may be again");
                }
                if by_person {
                    tracing::warn!(
                        sink = "frigate",
                        camera = name,
                        "somebody switched detection on; it stays on until the gate has opened and closes again"
                    );
                }
                self.places[i].camera.release();
            }
        }
        self.publish_left();
    }

    /// Leaves and takes back last wills.
    fn guard(&mut self, i: usize, now: Duration) {
        let place = &mut self.places[i];
        if !place.camera.is_held() {
            self.leaving.extend(place.guard.take().map(Guard::take_back));
            return;
        }
        if place.guard.is_none() && !self.around.ending {
            let topic = format!("{}/{}/detect/set", self.settings.prefix, place.name);
            let will = Will { topic, payload: "ON", retain: false };
            match Options::new(&self.settings.broker, &format!("-frigate-{}", place.name), Some(will)) {
                Ok(options) => place.guard = Some(Guard::leave(&options)),
                Err(error) => tracing::warn!(sink = "frigate", %error, "no last will can be left"),
            }
        }
        if place.guard.as_mut().is_some_and(Guard::has_broken) {
            place.camera.will_carried_out(now);
        }
    }
}

impl Talk for Bridge {
    fn connected(&mut self) -> Vec<String> {
        self.around.online_since = None;
        self.places.iter_mut().for_each(|place| place.camera.connected());
        let states = self.places.iter().map(|place| self.topic(&place.name, "state"));
        states.chain([format!("{}/available", self.settings.prefix)]).collect()
    }

    fn received(&mut self, topic: &str, payload: &[u8], _retained: bool) {
        let now = self.begun.elapsed();
        let Some(rest) = topic.strip_prefix(&self.settings.prefix).and_then(|rest| rest.strip_prefix('/')) else {
            return;
        };
        if rest == "available" {
            self.around.online_since = (payload == b"online").then_some(now);
            return;
        }
        let Some(name) = rest.strip_suffix("/detect/state") else { return };
        let on = match payload {
            b"ON" => Some(true),
            b"OFF" => Some(false),
            // Frigate echoes whatever somebody sent (see its dispatcher); it changes nothing.
            _ => return,
        };
        if let Some(place) = self.places.iter_mut().find(|place| place.name == name) {
            place.camera.told(on, now);
        }
    }

    fn tick(&mut self) {
        let now = self.begun.elapsed();
        if self.looked.is_some_and(|looked| now < looked + LOOK) {
            return;
        }
        self.looked = Some(now);
        self.leaving.retain(|farewell| !farewell.is_over());
        let overrides = self.store.get().overrides;
        for i in 0..self.places.len() {
            let wanted = self.wanted(i, &overrides, now);
            self.guard(i, now);
            let guarded = self.places[i].guard.as_ref().is_some_and(Guard::is_up);
            if let Some(step) = self.places[i].camera.step(wanted, guarded, self.around, now) {
                self.take(i, step, now);
            }
        }
    }

    fn next(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.under_way += 1;
        Some(message)
    }

    fn acknowledged(&mut self, _place: usize) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    fn lost(&mut self) {
        // Cameras send their commands anew once Frigate has told how they are set.
        self.messages.clear();
        self.under_way = 0;
        self.around.online_since = None;
    }

    fn stop(&mut self) {
        self.around.ending = true;
    }

    fn is_done(&self, connected: bool) -> bool {
        if self.places.iter().any(|place| place.camera.is_held()) {
            // Without Frigate nothing can be put back now; the memory stays for the next start.
            return connected && self.around.online_since.is_none() && self.begun.elapsed() > Duration::from_secs(1);
        }
        self.leaving.is_empty() && self.places.iter().all(|place| place.guard.is_none())
    }
}
