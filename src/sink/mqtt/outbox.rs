//! What is to be sent: of a retained topic the newest payload only, of events one at a time. Pure.

use std::collections::{BTreeMap, VecDeque};

use crate::sink::broker::Message;

/// Messages that wait and messages under way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    retained: BTreeMap<String, Slot>,
    /// Topics whose payload the broker doesn't have yet, each once.
    waiting: VecDeque<String>,
    event: Option<Event>,
    under_way: VecDeque<Key>,
}

#[derive(Debug)]
struct Slot {
    payload: Vec<u8>,
    is_waiting: bool,
}

#[derive(Debug)]
struct Event {
    message: Message,
    is_under_way: bool,
}

#[derive(Debug)]
enum Key {
    /// The topic, and whether this was its removal.
    Retained(String, bool),
    Event,
}

/// What an acknowledgement ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The event is with the broker.
    Event,
    /// This topic is empty now.
    Removed(String),
    /// Nothing that anybody waits for.
    Nothing,
}

impl Outbox {
    /// A retained topic shall have this payload; an empty one removes it.
    pub(super) fn put(&mut self, topic: &str, payload: impl Into<Vec<u8>>) {
        let payload = payload.into();
        match self.retained.get(topic) {
            Some(slot) if slot.payload == payload => return,
            Some(Slot { is_waiting: true, .. }) => {}
            _ => self.waiting.push_back(topic.into()),
        }
        self.retained.insert(topic.into(), Slot { payload, is_waiting: true });
    }

    /// Sends every retained topic again: the broker, or a reader, may have lost them.
    pub(super) fn renew(&mut self) {
        for (topic, slot) in &mut self.retained {
            if !std::mem::replace(&mut slot.is_waiting, true) {
                self.waiting.push_back(topic.clone());
            }
        }
    }

    /// An event that waits for the broker. Only if [`is_free`](Self::is_free).
    pub(super) fn post(&mut self, message: Message) {
        self.event = Some(Event { message, is_under_way: false });
    }

    /// Whether no event waits.
    pub(super) fn is_free(&self) -> bool {
        self.event.is_none()
    }

    /// The next message to send. Retained topics first: an event shall not tell more than the state does.
    pub(super) fn next(&mut self) -> Option<Message> {
        while let Some(topic) = self.waiting.pop_front() {
            let Some(slot) = self.retained.get_mut(&topic) else { continue };
            slot.is_waiting = false;
            let message = Message { topic: topic.clone(), payload: slot.payload.clone(), retain: true };
            self.under_way.push_back(Key::Retained(topic, message.payload.is_empty()));
            return Some(message);
        }
        let event = self.event.as_mut().filter(|event| !event.is_under_way)?;
        event.is_under_way = true;
        self.under_way.push_back(Key::Event);
        Some(event.message.clone())
    }

    /// The broker has the message at this place among those under way.
    pub(super) fn acknowledged(&mut self, place: usize) -> Ended {
        match self.under_way.remove(place) {
            Some(Key::Event) => {
                self.event = None;
                Ended::Event
            }
            // Unless it got a payload again in between.
            Some(Key::Retained(topic, true)) if self.retained.get(&topic).is_some_and(|s| s.payload.is_empty()) => {
                self.retained.remove(&topic);
                Ended::Removed(topic)
            }
            _ => Ended::Nothing,
        }
    }

    /// The connection broke: what was under way may not have arrived.
    pub(super) fn lost(&mut self) {
        for key in std::mem::take(&mut self.under_way) {
            match key {
                Key::Event => {
                    if let Some(event) = &mut self.event {
                        event.is_under_way = false;
                    }
                }
                Key::Retained(topic, _) => {
                    if let Some(slot) = self.retained.get_mut(&topic)
                        && !std::mem::replace(&mut slot.is_waiting, true)
                    {
                        self.waiting.push_back(topic);
                    }
                }
            }
        }
    }

    /// Whether everything is with the broker.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty() && self.event.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(outbox: &mut Outbox) -> Vec<String> {
        let text = |m: Message| format!("{}={}", m.topic, String::from_utf8(m.payload).expect("text"));
        std::iter::from_fn(|| outbox.next()).map(text).collect()
    }

    fn event(id: &str) -> Message {
        Message { topic: "e".into(), payload: id.into(), retain: false }
    }

    #[test]
    fn of_a_topic_only_the_newest_payload_is_sent() {
        let mut outbox = Outbox::default();
        outbox.put("a", "1");
        outbox.put("b", "1");
        outbox.put("a", "2");
        assert_eq!(sent(&mut outbox), ["a=2", "b=1"]);
        outbox.put("a", "2");
        assert_eq!(sent(&mut outbox), [""; 0]);
        outbox.put("a", "3");
        assert_eq!(sent(&mut outbox), ["a=3"]);
        assert!(!outbox.is_empty());
        (0..3).for_each(|_| assert_eq!(outbox.acknowledged(0), Ended::Nothing));
        assert!(outbox.is_empty());
        outbox.renew();
        assert_eq!(sent(&mut outbox), ["a=3", "b=1"]);
    }

    #[test]
    fn an_event_is_sent_until_it_is_acknowledged() {
        let mut outbox = Outbox::default();
        outbox.post(event("x"));
        outbox.put("a", "1");
        assert_eq!(sent(&mut outbox), ["a=1", "e=x"]);
        outbox.lost();
        assert!(!outbox.is_free());
        assert_eq!(sent(&mut outbox), ["a=1", "e=x"]);
        assert_eq!(outbox.acknowledged(1), Ended::Event);
        assert!(outbox.is_free() && !outbox.is_empty());
        assert_eq!(outbox.acknowledged(0), Ended::Nothing);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_removed_topic_is_forgotten_once_it_is_empty() {
        let mut outbox = Outbox::default();
        outbox.put("a", "1");
        sent(&mut outbox);
        outbox.acknowledged(0);
        outbox.put("a", "");
        assert_eq!(sent(&mut outbox), ["a="]);
        outbox.lost();
        assert_eq!(sent(&mut outbox), ["a="]);
        assert_eq!(outbox.acknowledged(0), Ended::Removed("a".into()));
        outbox.renew();
        assert_eq!(sent(&mut outbox), [""; 0]);
        // Added again while its removal was under way.
        outbox.put("b", "");
        sent(&mut outbox);
        outbox.put("b", "1");
        assert_eq!(outbox.acknowledged(0), Ended::Nothing);
        assert_eq!(sent(&mut outbox), ["b=1"]);
    }
}
