//! From a record of gate moves to stretches of time: what was gated, or would have been, when, why and for how long. Pure:
//! lines and times come in.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::event::{Cause, GateEvent, GateReason, GateState};

/// One line of the record. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Note {
    /// When it was written.
    pub time: f64,
    /// The event's id: the run's name and a number in the run, with `-` between.
    #[serde(rename = "event_id")]
    pub id: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What a line of the record says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// A gate moved, or what is enforced of it changed.
    Gate(GateEvent),
    /// The run ended in good order.
    End,
    /// Something that a later version writes.
    #[serde(other)]
    Other,
}

impl Note {
    fn run(&self) -> &str {
        self.id.rsplit_once('-').map_or(&self.id, |(run, _)| run)
    }
}

/// How a stretch came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The gate moved on, or the program ended in good order.
    Moved,
    /// It lasts.
    Lasting,
    /// The program was killed: it lasted at least until the last line of that run.
    Cut,
}

/// A time in which a gate stood still.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stretch {
    /// The state decided.
    pub state: GateState,
    /// What readers were told to obey; `None` in shadow mode.
    pub enforced: Option<GateState>,
    /// Why.
    pub reason: GateReason,
    /// Likely causes at its beginning.
    pub causes: Vec<Cause>,
    /// Its beginning, in seconds since 1970; not before the time that is looked at.
    pub from: f64,
    /// Its end, in seconds since 1970.
    pub until: f64,
    /// How it ended.
    pub end: End,
}

impl Stretch {
    /// How long it was, in seconds.
    pub fn length(&self) -> f64 {
        (self.until - self.from).max(0.0)
    }

    /// Whether a detector that obeys would have done anything but look as always.
    pub fn gated(&self) -> bool {
        self.enforced.unwrap_or(self.state) != GateState::Open
    }
}

/// A stream's stretches and what they add up to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StreamReport {
    /// Seconds in each state, by its name.
    pub seconds: BTreeMap<&'static str, f64>,
    /// Stays in each state, by its name: one whose reason changes goes on.
    pub times: BTreeMap<&'static str, u32>,
    /// Seconds in which a detector was told to do something else than look.
    pub gated: f64,
    /// The same for shadow mode: what it would have been told.
    pub would_have_gated: f64,
    /// The stretches that count for one of the two, in order.
    pub stretches: Vec<Stretch>,
    /// The newest stretch's state and end.
    #[serde(skip)]
    newest: Option<(GateState, f64)>,
}

impl StreamReport {
    fn add(&mut self, stretch: Stretch) {
        let name = stretch.state.name();
        *self.seconds.entry(name).or_default() += stretch.length();
        if self.newest.replace((stretch.state, stretch.until)) != Some((stretch.state, stretch.from)) {
            *self.times.entry(name).or_default() += 1;
        }
        if stretch.gated() {
            let sum = if stretch.enforced.is_some() { &mut self.gated } else { &mut self.would_have_gated };
            *sum += stretch.length();
            self.stretches.push(stretch);
        }
    }
}

/// Every stream's report over the time from `since` to `now`, both in seconds since 1970; `runs` tells whether the program
/// runs, so that what has no end yet lasts.
pub fn report(notes: &[Note], since: f64, now: f64, runs: bool) -> BTreeMap<String, StreamReport> {
    let last_run = notes.last().map(Note::run);
    // When each run was last heard of.
    let mut heard: HashMap<&str, f64> = HashMap::new();
    for note in notes {
        let heard = heard.entry(note.run()).or_insert(note.time);
        *heard = heard.max(note.time);
    }
    let mut open: HashMap<&str, (&str, f64, &GateEvent)> = HashMap::new();
    let mut streams: BTreeMap<String, StreamReport> = BTreeMap::new();
    let mut close = |from: f64, event: &GateEvent, (until, end): (f64, End)| {
        let stretch = Stretch {
            state: event.state,
            enforced: event.enforced,
            reason: event.reason,
            causes: event.causes.clone(),
            from: from.max(since),
            // The clock of the day may be set back.
            until: until.max(from),
            end,
        };
        // After a stream's end in good order nobody is there to obey.
        if until > since && event.reason != GateReason::Ended {
            streams.entry(event.stream.clone()).or_default().add(stretch);
        }
    };
    for note in notes {
        match &note.what {
            What::Gate(event) => {
                // Set by hand to what it was anyway.
                let same = |(run, _, before): &(&str, f64, &GateEvent)| {
                    *run == note.run()
                        && (before.state, before.enforced, before.reason) == (event.state, event.enforced, event.reason)
                };
                if open.get(&*event.stream).is_some_and(same) {
                    continue;
                }
                if let Some((run, from, before)) = open.insert(&event.stream, (note.run(), note.time, event)) {
                    let end = if run == note.run() { (note.time, End::Moved) } else { (heard[run], End::Cut) };
                    close(from, before, end);
                }
            }
            What::End => {
                let of_run: Vec<&str> =
                    open.iter().filter(|(_, (run, ..))| *run == note.run()).map(|(stream, _)| *stream).collect();
                for stream in of_run {
                    if let Some((_, from, event)) = open.remove(stream) {
                        close(from, event, (note.time, End::Moved));
                    }
                }
            }
            What::Other => {}
        }
    }
    for (run, from, event) in open.into_values() {
        let lasts = runs && last_run == Some(run);
        close(from, event, if lasts { (now, End::Lasting) } else { (heard[run], End::Cut) });
    }
    streams
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Seconds;

    fn note(time: f64, run: &str, state: GateState, enforced: Option<GateState>, reason: GateReason) -> Note {
        let event = GateEvent {
            stream: "yard".into(),
            state,
            previous: GateState::Unknown,
            enforced,
            by_hand: None,
            reason,
            head: String::new(),
            score: None,
            smoothed: None,
            causes: vec![],
            flaps: 0,
            at: Seconds::default(),
            since: Seconds::default(),
        };
        Note { time, id: format!("{run}-{time}"), what: What::Gate(event) }
    }

    const OPEN: (GateState, GateReason) = (GateState::Open, GateReason::ScoreGood);
    const CLOSED: (GateState, GateReason) = (GateState::Closed, GateReason::Black);

    fn shadow(time: f64, run: &str, (state, reason): (GateState, GateReason)) -> Note {
        note(time, run, state, None, reason)
    }

    fn gated(notes: &[Note], since: f64, now: f64, runs: bool) -> Vec<(f64, f64, End)> {
        let report = report(notes, since, now, runs).remove("yard").unwrap_or_default();
        report.stretches.iter().map(|s| (s.from, s.until, s.end)).collect()
    }

    #[test]
    fn a_stretch_lasts_until_the_next_move() {
        let notes = [shadow(10.0, "a", OPEN), shadow(20.0, "a", CLOSED), shadow(26.0, "a", OPEN)];
        assert_eq!(gated(&notes, 0.0, 30.0, true), [(20.0, 26.0, End::Moved)]);
        // Looked at from the middle on, and from after its end.
        assert_eq!(gated(&notes, 22.0, 30.0, true), [(22.0, 26.0, End::Moved)]);
        assert_eq!(gated(&notes, 27.0, 30.0, true), []);
        let yard = &report(&notes, 0.0, 30.0, true)["yard"];
        assert_eq!((yard.seconds["open"], yard.seconds["closed"], yard.times["open"]), (14.0, 6.0, 2));
        assert_eq!((yard.gated, yard.would_have_gated), (0.0, 6.0));
    }

    #[test]
    fn another_reason_is_another_stretch_of_the_same_stay() {
        let low = (GateState::Closed, GateReason::ScoreLow);
        let notes = [
            shadow(10.0, "a", CLOSED),
            shadow(12.0, "a", low),
            shadow(14.0, "a", CLOSED),
            shadow(20.0, "a", OPEN),
            shadow(30.0, "a", low),
            // Killed and started again: nobody knows what was between.
            shadow(40.0, "b", low),
        ];
        let yard = &report(&notes, 11.0, 50.0, true)["yard"];
        assert_eq!((yard.times["closed"], yard.times["open"], yard.stretches.len()), (3, 1, 5));
        assert_eq!(yard.seconds["closed"], 9.0 + 10.0);
    }

    #[test]
    fn what_has_no_end_lasts_or_was_cut() {
        let notes = [shadow(10.0, "a", CLOSED), shadow(15.0, "b", CLOSED)];
        // Run a was killed: nobody knows what was after its last line.
        assert_eq!(gated(&notes, 0.0, 30.0, true), [(10.0, 10.0, End::Cut), (15.0, 30.0, End::Lasting)]);
        assert_eq!(gated(&notes, 0.0, 30.0, false)[1], (15.0, 15.0, End::Cut));
        let ended = Note { time: 18.0, id: "b-9".into(), what: What::End };
        assert_eq!(gated(&[notes[1].clone(), ended], 0.0, 30.0, true), [(15.0, 18.0, End::Moved)]);
    }

    #[test]
    fn enforced_by_hand_counts_apart_from_shadow() {
        let open = Some(GateState::Open);
        let notes = [
            note(10.0, "a", CLOSED.0, Some(CLOSED.0), CLOSED.1),
            // Opened by hand: decided closed still, but a detector looks.
            note(14.0, "a", CLOSED.0, open, CLOSED.1),
            note(20.0, "a", OPEN.0, open, OPEN.1),
        ];
        let yard = &report(&notes, 0.0, 20.0, true)["yard"];
        assert_eq!((yard.gated, yard.would_have_gated, yard.seconds["closed"]), (4.0, 0.0, 10.0));
        assert_eq!(yard.stretches.len(), 1);
    }

    #[test]
    fn lines_of_later_versions_are_passed_over() {
        let line = r#"{"time":1.5,"event_id":"x-1","type":"weather","sky":"blue"}"#;
        assert_eq!(serde_json::from_str::<Note>(line).expect("reads").what, What::Other);
        let line = r#"{"time":1.5,"event_id":"x-1","type":"end"}"#;
        assert_eq!(serde_json::from_str::<Note>(line).expect("reads").what, What::End);
    }
}
