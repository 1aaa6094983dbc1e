//! What people ask of streams, gates and alerts, over MQTT, HTTP or the control socket: done, remembered, and said.

use super::{
    clock::today,
    roster::{Roster, trouble},
};
use crate::{
    control::{Answer, Request},
    event::{Event, Seconds},
    state::{Override, State, Store},
};

impl Roster {
    /// Does what somebody asks and remembers it; what can't be done is said.
    pub(super) fn obey(&mut self, request: Request, store: Option<&Store>) {
        if let Err(error) = self.grant(request, store) {
            self.outlet.say(trouble(error));
        }
    }

    /// Does what somebody asks at the desk.
    pub(super) fn answer(&mut self, request: Request, store: Option<&Store>) -> Answer {
        Answer {
            refused: self.grant(request, store).err(),
            silences: self.outlet.silences().list(today()),
            configuration: self.refused().map(str::to_owned),
        }
    }

    fn grant(&mut self, request: Request, store: Option<&Store>) -> Result<(), String> {
        let streams = self.shared.streams();
        let find = |name: &str| {
            let names = || streams.iter().map(|s| s.stream.name.as_str()).collect::<Vec<_>>().join(", ");
            let found = streams.iter().find(|s| s.stream.name == name);
            found.ok_or_else(|| format!("there is no stream \"{name}\"; the daemon watches {}", names()))
        };
        let remember = |change: &dyn Fn(&mut State)| {
            let kept = store.map_or(Ok(()), |store| store.change(change));
            kept.map_err(|error| format!("done, but a restart will forget it: {error}"))
        };
        match request {
            Request::Standing => Ok(()),
            Request::Add(addition) => self.add(addition, store),
            Request::Remove { stream } => {
                find(&stream)?;
                self.remove(&stream, store)
            }
            Request::Pause { stream, paused } => self.pause(&stream, paused, store),
            Request::Acknowledge { alert } => {
                let now = today();
                if let Some(screen) = self.outlet.screen() {
                    screen.acknowledge(&alert, now);
                }
                remember(&|kept| {
                    if let Some(alert) = kept.alerts.get_mut(&alert) {
                        alert.acknowledged.get_or_insert(now);
                    }
                })
            }
            Request::Gate { stream, state, until } => {
                let set = state.map(|state| Override { state, until });
                find(&stream)?.set(self.now(), set);
                remember(&|kept| kept.set_by_hand(&stream, set))
            }
            Request::Silence { stream, rule, until } => {
                find(&stream)?;
                if let Some(name) = &rule
                    && !self.config().rules.iter().any(|rule| rule.name == *name && rule.watches(&stream))
                {
                    return Err(format!(
                        "no rule \"{name}\" watches stream \"{stream}\"; see the rules with `miqa check`"
                    ));
                }
                let change = |kept: &mut State| kept.silence(&stream, rule.as_deref(), until, today());
                let mut state = State { silences: self.outlet.silences().list(today()), ..State::default() };
                change(&mut state);
                self.outlet.silences().replace(state.silences);
                let at = Seconds(self.now());
                self.outlet.say(Event::Silence { stream: stream.clone(), rule: rule.clone(), until, at });
                self.end_silences(store);
                remember(&change)
            }
        }
    }

    /// Says which silences are over, and which alerts fire still.
    pub(super) fn end_silences(&self, store: Option<&Store>) {
        let (over, loud) = self.outlet.silences().end(today());
        let at = Seconds(self.now());
        for silence in &over {
            let (stream, rule) = (silence.stream.clone(), silence.rule.clone());
            self.outlet.say(Event::Silence { stream, rule, until: None, at });
        }
        loud.into_iter().for_each(|alert| self.outlet.say(Event::Alert(alert)));
        if !over.is_empty()
            && let Some(Err(error)) = store.map(|s| s.change(|kept| kept.silences.retain(|s| !over.contains(s))))
        {
            self.outlet.say(trouble(error.to_string()));
        }
    }
}
