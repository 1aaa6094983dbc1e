//! What is told to those who listen: events, and that something else is worth a look. Nobody who is slow holds it up.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::sync::broadcast;

use super::lock;
use crate::event::Said;

/// Events that are remembered, for who comes (back) later.
pub(in crate::http) const REMEMBERED: usize = 500;

/// What a listener may be behind; then it is told that it missed something.
const BEHIND: usize = 256;

/// One thing that is told.
#[derive(Clone, Debug)]
pub(in crate::http) enum Told {
    /// An event: its id and its JSON form.
    Said(Arc<str>, Arc<str>),
    /// Where gates stand, as JSON.
    Status(Arc<str>),
    /// Streams came, went or rest.
    Streams,
    /// Alerts or silences are others than before.
    Alerts,
}

#[derive(Debug)]
pub(super) struct Feed {
    to: broadcast::Sender<Told>,
    newest: Mutex<VecDeque<Told>>,
}

impl Default for Feed {
    fn default() -> Self {
        Self { to: broadcast::channel(BEHIND).0, newest: Mutex::default() }
    }
}

impl Feed {
    pub(super) fn say(&self, said: &Said) {
        let Ok(json) = serde_json::to_string(said) else { return };
        let told = Told::Said(said.id.as_str().into(), json.into());
        let mut newest = lock(&self.newest);
        newest.push_back(told.clone());
        if newest.len() > REMEMBERED {
            newest.pop_front();
        }
        drop(newest);
        self.tell(told);
    }

    pub(super) fn tell(&self, told: Told) {
        // Without listeners nobody misses it.
        let _nobody = self.to.send(told);
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Told> {
        self.to.subscribe()
    }

    pub(super) fn listeners(&self) -> usize {
        self.to.receiver_count()
    }

    pub(super) fn newest(&self, after: Option<&str>) -> Vec<Told> {
        let newest = lock(&self.newest);
        let is = |told: &Told| matches!((told, after), (Told::Said(id, _), Some(after)) if &**id == after);
        let from = newest.iter().rposition(is).map_or(0, |place| place + 1);
        newest.iter().skip(from).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::event::Event;

    #[test]
    fn who_comes_back_is_told_what_it_missed() {
        let feed = Feed::default();
        let mut listener = feed.listen();
        for i in 0..2 * REMEMBERED {
            let event = Event::Error { stream: None, error: i.to_string(), at: None };
            feed.say(&Said { time: SystemTime::now(), id: format!("r-{i}"), event });
        }
        assert_eq!(feed.newest(None).len(), REMEMBERED);
        assert_eq!(feed.newest(Some("r-997")).len(), 2);
        assert_eq!(feed.newest(Some("r-1")).len(), REMEMBERED, "forgotten: everything there is");
        assert!(matches!(listener.try_recv(), Err(broadcast::error::TryRecvError::Lagged(_))));
    }
}
