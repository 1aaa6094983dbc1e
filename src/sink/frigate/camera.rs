//! One camera of Frigate: what is known of its detection, and the next step. Pure: times in, steps out.
//!
//! The order of a closing is fixed: the setting found is remembered on disk, a last will that puts it back is left with the
//! broker, and only then the command is sent. The order of an opening is the reverse: the command, Frigate's word that it
//! was obeyed, and only then the memory goes. So whatever dies at whichever step, somebody knows what to put back.

use std::time::Duration;

use super::wanted::Wanted;

/// Frigate tells its settings one by one when it comes; so long after that they are complete.
const SETTLE: Duration = Duration::from_secs(1);

/// Who switched detection on is judged so long after Frigate told of it: its other words may follow a little later.
const GRACE: Duration = Duration::from_secs(2);

/// A return of Frigate or a last will of ours explains a change that was told so long after it, or before it was judged.
const EXPLAINS: Duration = Duration::from_secs(10);

/// A command that Frigate doesn't obey is sent again after this, then after twice as long, up to the longest.
const AGAIN: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// What is remembered on disk of this camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Held {
    /// Nothing: detection is not our affair.
    #[default]
    No,
    /// An earlier run switched it off, or was about to.
    Inherited,
    /// This run did.
    Ours,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Remember on disk that detection was on, and leave a last will. [`Camera::hold`] once that is done.
    Remember,
    /// Send this command.
    Set(bool),
    /// Forget it; `by_person` if somebody else switched detection on. [`Camera::release`] once that is done.
    Forget {
        /// Somebody else switched detection on while we kept it off.
        by_person: bool,
    },
}

/// What holds for all cameras.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around {
    /// Since when Frigate is there; `None` while it isn't.
    pub(super) online_since: Option<Duration>,
    /// The bridge is about to end: everything is put back.
    pub(super) ending: bool,
}

/// One camera.
#[derive(Clone, Debug, Default)]
pub(super) struct Camera {
    /// Frigate's newest word; `None` before the first.
    told: Option<bool>,
    held: Held,
    /// Frigate obeyed our newest command to switch off, and has told nothing else since.
    obeyed: bool,
    /// When Frigate told of an *on* that we hadn't asked for.
    surprise: Option<Duration>,
    /// When our last will may have been carried out.
    will: Option<Duration>,
    /// Somebody switched detection on while we kept it off: hands off until the gate opens.
    yielded: bool,
    /// The newest command, when, and how often.
    sent: Option<(bool, Duration, u32)>,
}

impl Camera {
    /// A camera of which the disk says this.
    pub(super) fn new(held: Held) -> Self {
        Self { held, ..Self::default() }
    }

    /// Whether something is remembered on disk.
    pub(super) fn is_held(&self) -> bool {
        self.held != Held::No
    }

    /// Frigate told how detection is set; `None` for a word that means nothing.
    pub(super) fn told(&mut self, on: Option<bool>, now: Duration) {
        self.told = on;
        match on {
            Some(false) => {
                self.obeyed = self.is_held();
                self.surprise = None;
            }
            Some(true) if self.obeyed => self.surprise = self.surprise.or(Some(now)),
            _ => {}
        }
        if self.sent.is_some_and(|(sent, ..)| on == Some(sent)) {
            self.sent = None;
        }
    }

    /// The connection is new: nobody knows what happened in between.
    pub(super) fn connected(&mut self) {
        (self.told, self.obeyed, self.surprise, self.sent) = (None, false, None, None);
    }

    /// Our last will may have been carried out.
    pub(super) fn will_carried_out(&mut self, now: Duration) {
        self.will = Some(now);
    }

    /// The setting is remembered and the last will is left.
    pub(super) fn hold(&mut self) {
        (self.held, self.obeyed, self.surprise) = (Held::Ours, false, None);
    }

    /// The memory is gone.
    pub(super) fn release(&mut self) {
        (self.held, self.obeyed, self.surprise, self.sent) = (Held::No, false, None, None);
    }

    /// The next step at `now`, if there is one. `guarded` says whether the last will is with the broker.
    pub(super) fn step(&mut self, wanted: Wanted, guarded: bool, around: Around, now: Duration) -> Option<Step> {
        if wanted == Wanted::On {
            self.yielded = false;
        }
        let settled = around.online_since.is_some_and(|since| around.ending || now >= since + SETTLE);
        let told = self.told.filter(|_| settled)?;
        let off = match wanted {
            _ if around.ending => false,
            Wanted::On => false,
            Wanted::Off => true,
            Wanted::Keep => self.held == Held::Ours,
            Wanted::Wait => return None,
        };
        match (self.is_held(), off) {
            // A setting that was off before us is none of our affair.
            (false, true) => (told && !self.yielded && wanted == Wanted::Off).then_some(Step::Remember),
            (false, false) => None,
            (true, false) if told => Some(Step::Forget { by_person: false }),
            (true, false) => self.command(true, now),
            (true, true) => {
                // It goes on being kept off, now by us.
                self.held = Held::Ours;
                self.keep_off(told, guarded, around, now)
            }
        }
    }

    fn keep_off(&mut self, told: bool, guarded: bool, around: Around, now: Duration) -> Option<Step> {
        if !told {
            return None;
        }
        if let Some(surprise) = self.surprise {
            if now < surprise + GRACE {
                return None;
            }
            let explains = |at: Option<Duration>| at.is_some_and(|at| at + EXPLAINS >= surprise);
            if !explains(around.online_since) && !explains(self.will) {
                self.yielded = true;
                return Some(Step::Forget { by_person: true });
            }
            (self.surprise, self.obeyed) = (None, false);
        }
        if guarded { self.command(false, now) } else { None }
    }

    fn command(&mut self, on: bool, now: Duration) -> Option<Step> {
        let tries = match self.sent {
            Some((sent, at, tries)) if sent == on => {
                let pause = AGAIN.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(LONGEST);
                if now < at + pause {
                    return None;
                }
                tries
            }
            _ => 0,
        };
        self.sent = Some((on, now, tries + 1));
        Some(Step::Set(on))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens, at which second.
    #[derive(Clone, Copy, Debug)]
    enum In {
        Online,
        Offline,
        On,
        Off,
        Want(Wanted),
        Connected,
        Will,
        Unguarded,
        End,
    }
    use In::*;
    use Wanted as W;

    /// Runs a script of (second, what) in steps of 100 ms for 40 s; the steps taken, as `second step`.
    fn run(held: Held, script: &[(f64, In)]) -> Vec<String> {
        let (mut camera, mut around, mut wanted, mut guarded) = (Camera::new(held), Around::default(), W::Wait, true);
        let mut out = Vec::new();
        let mut script = script.iter().peekable();
        for tenth in 0..400 {
            let now = Duration::from_millis(100 * tenth);
            while let Some((_, what)) = script.next_if(|(at, _)| *at <= now.as_secs_f64() + 1e-9) {
                match what {
                    Online => around.online_since = Some(now),
                    Offline => around.online_since = None,
                    On => camera.told(Some(true), now),
                    Off => camera.told(Some(false), now),
                    Want(w) => wanted = *w,
                    Connected => camera.connected(),
                    Will => camera.will_carried_out(now),
                    Unguarded => guarded = false,
                    End => around.ending = true,
                }
            }
            while let Some(step) = camera.step(wanted, guarded, around, now) {
                let text = match step {
                    Step::Remember => {
                        camera.hold();
                        "remember"
                    }
                    Step::Forget { by_person } => {
                        camera.release();
                        if by_person { "forget: a person" } else { "forget" }
                    }
                    Step::Set(true) => "ON",
                    Step::Set(false) => "OFF",
                };
                out.push(format!("{:.1} {text}", now.as_secs_f64()));
            }
        }
        out
    }

    #[test]
    fn the_table() {
        /// Name, what is held at the start, script, steps.
        type Row<'a> = (&'a str, Held, &'a [(f64, In)], &'a [&'a str]);
        let (no, inherited) = (Held::No, Held::Inherited);
        let table: &[Row<'_>] = &[
            (
                "closes and opens",
                no,
                &[(0., On), (0., Online), (2., Want(W::Off)), (2.2, Off), (9., Want(W::On)), (9.3, On)],
                &["2.0 remember", "2.0 OFF", "9.0 ON", "9.3 forget"],
            ),
            (
                "waits until Frigate has told everything",
                no,
                &[(0., Want(W::Off)), (3., On), (3., Online), (4.2, Off)],
                &["4.0 remember", "4.0 OFF"],
            ),
            ("nothing while Frigate is away", no, &[(0., On), (0., Want(W::Off))], &[]),
            (
                "a setting off before us stays off",
                no,
                &[(0., Off), (0., Online), (2., Want(W::Off)), (5., Want(W::On))],
                &[],
            ),
            (
                "nothing without the last will",
                no,
                &[(0., On), (0., Online), (0., Unguarded), (2., Want(W::Off))],
                &["2.0 remember"],
            ),
            (
                "a command that is not obeyed is sent again, less and less often",
                no,
                &[(0., On), (0., Online), (2., Want(W::Off))],
                &["2.0 remember", "2.0 OFF", "7.0 OFF", "17.0 OFF", "37.0 OFF"],
            ),
            (
                "a person switches on: respected until the gate opens",
                no,
                &[
                    (0., On),
                    (0., Online),
                    (15., Want(W::Off)),
                    (15.2, Off),
                    (18., On),
                    (25., Want(W::On)),
                    (26., Want(W::Off)),
                    (26.2, Off),
                ],
                &["15.0 remember", "15.0 OFF", "20.0 forget: a person", "26.0 remember", "26.0 OFF"],
            ),
            (
                "a person switches on and off again: respected",
                no,
                &[(0., On), (0., Online), (15., Want(W::Off)), (15.2, Off), (18., On), (22., Off), (25., Want(W::On))],
                &["15.0 remember", "15.0 OFF", "20.0 forget: a person"],
            ),
            (
                "Frigate restarts while gated: off again",
                no,
                &[
                    (0., On),
                    (0., Online),
                    (2., Want(W::Off)),
                    (2.2, Off),
                    (20., Offline),
                    (25., On),
                    (25., Online),
                    (27.4, Off),
                ],
                &["2.0 remember", "2.0 OFF", "27.0 OFF"],
            ),
            (
                "Frigate restarts so fast that nobody saw it go",
                no,
                &[(0., On), (0., Online), (2., Want(W::Off)), (2.2, Off), (25., On), (25.5, Online), (27.4, Off)],
                &["2.0 remember", "2.0 OFF", "27.0 OFF"],
            ),
            (
                "Frigate has many cameras to tell of before it is there",
                no,
                &[
                    (0., On),
                    (0., Online),
                    (2., Want(W::Off)),
                    (2.2, Off),
                    (20., Offline),
                    (25., On),
                    (29., Online),
                    (30.4, Off),
                ],
                &["2.0 remember", "2.0 OFF", "30.0 OFF"],
            ),
            (
                "Frigate restarts and remembers that it was off",
                no,
                &[
                    (0., On),
                    (0., Online),
                    (2., Want(W::Off)),
                    (2.2, Off),
                    (20., Offline),
                    (25., Off),
                    (25., Online),
                    (30., Want(W::On)),
                    (30.2, On),
                ],
                &["2.0 remember", "2.0 OFF", "30.0 ON", "30.2 forget"],
            ),
            (
                "the gate opens while Frigate restarts",
                no,
                &[
                    (0., On),
                    (0., Online),
                    (2., Want(W::Off)),
                    (2.2, Off),
                    (20., Offline),
                    (21., Want(W::On)),
                    (25., On),
                    (25., Online),
                ],
                &["2.0 remember", "2.0 OFF", "26.0 forget"],
            ),
            (
                "our last will was carried out: off again",
                no,
                &[(0., On), (0., Online), (15., Want(W::Off)), (15.2, Off), (20., Will), (20.1, On), (22.3, Off)],
                &["15.0 remember", "15.0 OFF", "22.1 OFF"],
            ),
            (
                "a new connection finds it on: off again",
                no,
                &[(0., On), (0., Online), (15., Want(W::Off)), (15.2, Off), (20., Connected), (20.1, On), (20.3, Off)],
                &["15.0 remember", "15.0 OFF", "20.1 OFF"],
            ),
            (
                "the end puts back",
                no,
                &[(0., On), (0., Online), (2., Want(W::Off)), (2.2, Off), (5., End), (5.3, On)],
                &["2.0 remember", "2.0 OFF", "5.0 ON", "5.3 forget"],
            ),
            (
                "after a crash, the gate unknown",
                inherited,
                &[(0., Off), (0., Online), (1.5, Want(W::On)), (2., On)],
                &["1.5 ON", "2.0 forget"],
            ),
            ("after a crash, nothing known", inherited, &[(0., Off), (0., Online)], &[]),
            (
                "after a crash, the gate closed",
                inherited,
                &[(0., Off), (0., Online), (2., Want(W::Off)), (5., Want(W::On)), (5.2, On)],
                &["5.0 ON", "5.2 forget"],
            ),
            (
                "after a crash before the command",
                inherited,
                &[(0., On), (0., Online), (2., Want(W::On))],
                &["2.0 forget"],
            ),
            (
                "after a crash before the command, the gate closed",
                inherited,
                &[(0., On), (0., Online), (2., Want(W::Off)), (2.2, Off)],
                &["2.0 OFF"],
            ),
            (
                "keep does not keep what an earlier run left",
                inherited,
                &[(0., Off), (0., Online), (2., Want(W::Keep)), (2.2, On)],
                &["2.0 ON", "2.2 forget"],
            ),
            (
                "keep keeps what this run did, and begins nothing",
                no,
                &[
                    (0., On),
                    (0., Online),
                    (1., Want(W::Keep)),
                    (2., Want(W::Off)),
                    (2.2, Off),
                    (5., Want(W::Keep)),
                    (8., Want(W::On)),
                    (8.2, On),
                ],
                &["2.0 remember", "2.0 OFF", "8.0 ON", "8.2 forget"],
            ),
        ];
        for (name, held, script, steps) in table {
            assert_eq!(run(*held, script), *steps, "{name}");
        }
    }

    #[test]
    fn whatever_happens_an_off_is_remembered_first_and_the_end_puts_it_back() {
        use proptest::prelude::*;
        let what = prop_oneof![
            Just(Online),
            Just(Offline),
            Just(On),
            Just(Off),
            Just(Want(W::On)),
            Just(Want(W::Off)),
            Just(Want(W::Keep)),
            Just(Connected),
            Just(Will)
        ];
        let script = prop::collection::vec((0.0..20.0_f64, what), 0..30);
        proptest!(ProptestConfig::with_cases(300), |(mut script in script)| {
            script.sort_by(|a: &(f64, In), b| a.0.total_cmp(&b.0));
            // At the end Frigate is there and tells the truth: off if we sent it off last, and on once we say so.
            script.extend([(30.0, Connected), (30.0, Off), (30.0, Online), (32.0, End), (33.0, On)]);
            let mut held = false;
            for step in run(Held::No, &script) {
                match step.split_once(' ').expect("a second").1 {
                    "remember" => held = true,
                    "OFF" => prop_assert!(held, "off without a memory"),
                    "ON" => prop_assert!(held, "on without a memory"),
                    _ => held = false,
                }
            }
            prop_assert!(!held, "left off");
        });
    }
}
