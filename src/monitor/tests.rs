//! Scripts: scores and facts at times → what the monitor says.

use std::path::Path;

use super::*;
use crate::{
    config::Config,
    engine::Card,
    event::{Cause, Unjudged},
};

const CARD: &str = r#"
format = 1
name = "script"
version = "1"
description = "for scripts"
limits = []
[file]
name = "model.onnx"
sha256 = ""
bytes = 0
[input]
name = "image"
dtype = "uint8"
layout = "NHWC"
colour = "RGB"
size = 288
[output]
heads = ["cls_composite", "cls_consistency"]
distortion = "distortion"
distortions = ["darkness", "fog"]
[thresholds]
cls_consistency = { close_below = 0.4, open_above = 0.6 }
[training]
data = ""
labels = ""
recipe = ""
split = ""
[metrics]
[licence]
weights = ""
parts = []
"#;

fn settings(toml: &str) -> Result<Settings, SettingsError> {
    let card: Card = toml::from_str(CARD).expect("card");
    let text = format!("{toml}\n[[stream]]\nname = \"s\"\nlocation = \"s.mp4\"\n");
    let config = Config::parse(&text, Path::new("script.toml")).expect("config");
    Settings::new("s", &config.streams[0].gate, &config.rules, &card)
}

/// A line of a script: `Ok` is a score of the gate's head with a probability of fog, `Err` anything else.
type Line = (u64, Result<(f32, f32), Input<'static>>);

fn play(toml: &str, script: &[Line]) -> (Vec<String>, Monitor) {
    let mut monitor = Monitor::new(settings(toml).expect("settings"));
    let mut said = Vec::new();
    for (ms, line) in script {
        let now = Duration::from_millis(*ms);
        let events = match line {
            Ok((score, fog)) => {
                monitor.step(now, Input::Scores(&Scores { heads: vec![0.5, *score], distortions: vec![0.1, *fog] }))
            }
            Err(input) => monitor.step(now, input.clone()),
        };
        said.extend(events.iter().map(short));
    }
    (said, monitor)
}

fn short(event: &Event) -> String {
    match event {
        Event::Gate(g) => {
            let causes: Vec<_> = g.causes.iter().map(|c| c.distortion.as_str()).collect();
            format!("{} {} ({}) since {} {}", g.at, g.state, g.reason, g.since, causes.join("+")).trim_end().to_owned()
        }
        Event::Alert(a) => format!("{} {:?} {}", a.at, a.state, a.id),
        Event::Error { error, at, .. } => format!("{} error {error}", at.unwrap_or_default()),
        other => other.to_string().trim_start().to_owned(),
    }
}

/// The same score every 200 ms.
fn run(from: u64, to: u64, score: f32, fog: f32) -> Vec<Line> {
    (from..to).step_by(200).map(|ms| (ms, Ok((score, fog)))).collect()
}

fn fact(ms: u64, fact: Fact) -> Line {
    (ms, Err(Input::Fact(fact)))
}

/// Without smoothing a script is easier to follow.
const RAW: &str = "[gate]\nsmooth = \"0s\"\n";

#[test]
fn the_gate_follows_scores_with_hysteresis_in_score_and_time() {
    let cases: Vec<(&str, Vec<Line>, Vec<&str>)> = vec![
        ("good from the start", run(0, 3000, 0.9, 0.0), vec!["0.800 open (score good) since 0.000"]),
        ("bad from the start", run(0, 3000, 0.1, 0.9), vec!["0.800 closed (score low) since 0.000 fog"]),
        (
            "between the thresholds from the start: nothing says it is bad",
            run(0, 3000, 0.5, 0.0),
            vec!["0.800 open (score good) since 0.000"],
        ),
        (
            "a dip shorter than close_for",
            [run(0, 1000, 0.9, 0.0), run(1000, 1800, 0.1, 0.0), run(1800, 3000, 0.9, 0.0)].concat(),
            vec!["0.800 open (score good) since 0.000"],
        ),
        (
            "a fall and a rise",
            [run(0, 1000, 0.9, 0.0), run(1000, 3000, 0.1, 0.7), run(3000, 5000, 0.9, 0.0)].concat(),
            vec![
                "0.800 open (score good) since 0.000",
                "1.800 closed (score low) since 1.000 fog",
                "3.800 open (score good) since 3.000",
            ],
        ),
        (
            "between the thresholds the verdict stays",
            [run(0, 1000, 0.1, 0.0), run(1000, 9000, 0.5, 0.0)].concat(),
            vec!["0.800 closed (score low) since 0.000"],
        ),
        (
            "exactly on the thresholds: 0.4 is not below, 0.6 opens",
            [run(0, 1000, 0.1, 0.0), run(1000, 3000, 0.4, 0.0), run(3000, 4200, 0.6, 0.0)].concat(),
            vec!["0.800 closed (score low) since 0.000", "3.800 open (score good) since 3.000"],
        ),
        (
            "sparse scores count by time, not by number",
            vec![(0, Ok((0.9, 0.0))), (2500, Ok((0.9, 0.0)))],
            vec!["2.500 open (score good) since 0.000"],
        ),
        (
            "time that runs backwards counts as standing still",
            [run(5000, 6200, 0.9, 0.0), run(0, 400, 0.1, 0.0)].concat(),
            vec!["5.800 open (score good) since 5.000"],
        ),
    ];
    for (name, script, expected) in cases {
        assert_eq!(play(RAW, &script).0, expected, "{name}");
    }
}

#[test]
fn no_score_means_unknown_with_its_reason() {
    let open = run(0, 1200, 0.9, 0.0);
    let bad = run(0, 1200, 0.1, 0.0);
    let tick = |ms| (ms, Err(Input::Tick));
    let opened = "0.800 open (score good) since 0.000";
    let closed = "0.800 closed (score low) since 0.000";
    let cases: Vec<(&str, Vec<Line>, Vec<&str>)> = vec![
        ("nothing ever", vec![tick(0), tick(9000)], vec![]),
        (
            "a score grows stale",
            [open.clone(), vec![tick(4000), tick(4001), tick(9000)]].concat(),
            vec![opened, "4.001 unknown (score stale) since 1.000"],
        ),
        (
            "a gap before the next score, which then has to hold anew",
            [open.clone(), run(5000, 6000, 0.9, 0.0)].concat(),
            vec![opened, "5.000 unknown (score stale) since 1.000", "5.800 open (score good) since 5.000"],
        ),
        (
            "a stall and its end",
            [
                open.clone(),
                vec![fact(2000, Fact::Stalled("no frame".into())), fact(6000, Fact::Resumed)],
                run(6000, 7000, 0.9, 0.0),
            ]
            .concat(),
            vec![
                opened,
                "2.000  s  stalled: no frame",
                "2.000 unknown (stream stalled) since 2.000",
                "6.000  s  resumed",
                "6.800 open (score good) since 6.000",
            ],
        ),
        (
            "after a gap the band keeps the verdict before it",
            [bad.clone(), vec![fact(2000, Fact::Stalled("x".into()))], run(6000, 7000, 0.5, 0.0)].concat(),
            vec![
                closed,
                "2.000  s  stalled: x",
                "2.000 unknown (stream stalled) since 2.000",
                "6.800 closed (score low) since 6.000",
            ],
        ),
        (
            "the end",
            [open.clone(), vec![fact(1200, Fact::Ended)]].concat(),
            vec![opened, "1.200  s  ended: end of stream", "1.200 unknown (stream ended) since 1.200"],
        ),
        (
            "a failure",
            [bad, vec![fact(1200, Fact::Failed("no file".into()))]].concat(),
            vec![closed, "1.200  s  ended: no file", "1.200 unknown (stream failed) since 1.200"],
        ),
        (
            "a bad score does not outlive a stall",
            [run(0, 600, 0.1, 0.0), vec![fact(600, Fact::Stalled("x".into()))], run(900, 1400, 0.1, 0.0)].concat(),
            vec!["0.600  s  stalled: x"],
        ),
    ];
    for (name, script, expected) in cases {
        assert_eq!(play(RAW, &script).0, expected, "{name}");
    }
}

#[test]
fn what_is_no_number_is_no_score() {
    for odd in [f32::NAN, f32::INFINITY, -0.5, 1.5] {
        let script = [run(0, 3000, odd, 0.0), run(3000, 4000, 0.9, 0.0), run(4000, 8000, odd, 0.0)].concat();
        let (said, monitor) = play(RAW, &script);
        let [first, open, again, stale] = &said[..] else { panic!("{said:?}") };
        assert!(first.starts_with(&format!("0.000 error the model gave {odd} for cls_consistency")), "{first}");
        assert_eq!(open, "3.800 open (score good) since 3.000");
        assert!(again.starts_with("4.000 error"), "{again}");
        assert_eq!(stale, "7.000 unknown (score stale) since 3.800");
        assert_eq!(monitor.state(), GateState::Unknown);
    }
    // A distortion that is no number spoils the frame as well.
    assert!(play(RAW, &run(0, 2000, 0.9, f32::NAN)).0[0].contains("NaN for fog"));
}

#[test]
fn smoothing_rides_over_a_flicker() {
    let flicker: Vec<Line> = (0..40).map(|i| (i * 200, Ok((if i % 2 == 0 { 0.9 } else { 0.45 }, 0.0)))).collect();
    assert_eq!(play("", &flicker).0, ["0.800 open (score good) since 0.000"]);
    // A lasting fall from 0.9 to 0 is under 0.4 once e^(-t/0.4 s) < 0.4/0.9, so from the third sample on (0.4 s).
    let fall = [run(0, 1000, 0.9, 0.0), run(1000, 3000, 0.0, 0.0)].concat();
    assert_eq!(play("", &fall).0[1], "2.000 closed (score low) since 1.200");
}

#[test]
fn alerts_live_through_pending_firing_and_resolved() {
    let rule = "[gate]\nsmooth = \"0s\"\n[[rule]]\nname = \"r\"\ndistortion = \"fog\"\nfire_above = 0.7\nresolve_below = 0.5\nfor = \"1s\"\nkeep_firing_for = \"2s\"\n";
    let only_alerts = |script: &[Line]| {
        let said = play(rule, script).0;
        said.into_iter().filter(|line| line.contains("s/r/")).collect::<Vec<_>>()
    };
    let fog = |from, to, p| run(from, to, 0.9, p);
    let cases: Vec<(&str, Vec<Line>, Vec<&str>)> = vec![
        ("too short", [fog(0, 1000, 0.8), fog(1000, 3000, 0.2)].concat(), vec![]),
        (
            "fires and resolves",
            [fog(0, 2000, 0.8), fog(2000, 5000, 0.2)].concat(),
            vec!["1.000 Firing s/r/0", "4.000 Resolved s/r/0"],
        ),
        (
            "a lull within keep_firing_for",
            [fog(0, 2000, 0.8), fog(2000, 3000, 0.2), fog(3000, 4000, 0.8), fog(4000, 7000, 0.2)].concat(),
            vec!["1.000 Firing s/r/0", "6.000 Resolved s/r/0"],
        ),
        (
            "between the thresholds it goes on",
            [fog(0, 2000, 0.8), fog(2000, 9000, 0.6)].concat(),
            vec!["1.000 Firing s/r/0"],
        ),
        (
            "a stall keeps it firing, the end resolves it",
            [fog(0, 2000, 0.8), vec![fact(2000, Fact::Stalled("x".into())), fact(9000, Fact::Ended)]].concat(),
            vec!["1.000 Firing s/r/0", "9.000 Resolved s/r/0"],
        ),
        (
            "twice",
            [fog(0, 2000, 0.8), fog(2000, 5000, 0.2), fog(5000, 7000, 0.8)].concat(),
            vec!["1.000 Firing s/r/0", "4.000 Resolved s/r/0", "6.000 Firing s/r/5000"],
        ),
    ];
    for (name, script, expected) in cases {
        assert_eq!(only_alerts(&script), expected, "{name}");
    }
    let gate = "[gate]\nsmooth = \"0s\"\n[[rule]]\nname = \"r\"\nhead = \"cls_consistency\"\nfire_below = 0.4\n";
    let said = play(gate, &[(0, Ok((0.3, 0.0))), (100, Ok((0.4, 0.0)))]).0;
    assert_eq!(said, ["0.000 Firing s/r/0", "0.100 Resolved s/r/0"], "a rule does not move the gate");
}

#[test]
fn a_poor_picture_is_degraded_and_not_closed() {
    let opened = "0.800 open (score good) since 0.000";
    let cases: Vec<(&str, Vec<Line>, Vec<&str>)> = vec![
        (
            "poor, then good",
            [run(0, 1000, 0.9, 0.0), run(1000, 3000, 0.45, 0.0), run(3000, 5000, 0.55, 0.0), run(5000, 6000, 0.9, 0.0)]
                .concat(),
            vec![opened, "1.800 degraded (score poor) since 1.000", "5.800 open (score good) since 5.000"],
        ),
        (
            "poor, then bad; the band stays closed",
            [run(0, 1000, 0.9, 0.0), run(1000, 2000, 0.45, 0.0), run(2000, 3000, 0.1, 0.0), run(3000, 5000, 0.45, 0.0)]
                .concat(),
            vec![opened, "1.800 degraded (score poor) since 1.000", "2.800 closed (score low) since 2.000"],
        ),
        (
            "to and fro over the closing threshold is degraded at least",
            [
                run(0, 1000, 0.9, 0.0),
                (0..20).map(|i| (1000 + i * 200, Ok((if i % 2 == 0 { 0.35 } else { 0.45 }, 0.0)))).collect(),
            ]
            .concat(),
            vec![opened, "1.800 degraded (score poor) since 1.000"],
        ),
        ("poor from the start", run(0, 2000, 0.45, 0.0), vec!["0.800 degraded (score poor) since 0.000"]),
    ];
    for (name, script, expected) in cases {
        assert_eq!(play(RAW, &script).0, expected, "{name}");
    }
}

fn seen(from: u64, to: u64, sights: &'static [Seen]) -> Vec<Line> {
    (from..to).step_by(200).map(|ms| (ms, Err(Input::Sights(sights)))).collect()
}

#[test]
fn what_is_seen_in_the_picture_decides_before_any_score() {
    const BLACK: &[Seen] = &[
        Seen { sight: Sight::Frozen, since: Duration::from_millis(900) },
        Seen { sight: Sight::Black, since: Duration::from_millis(1000) },
    ];
    const FROZEN: &[Seen] = &[Seen { sight: Sight::Frozen, since: Duration::from_millis(900) }];
    const CORRUPT: &[Seen] = &[Seen { sight: Sight::Corrupt, since: Duration::from_millis(1000) }];
    let opened = "0.800 open (score good) since 0.000";
    let cases: Vec<(&str, Vec<Line>, Vec<&str>)> = vec![
        (
            "black, then good again; the more telling sight is named",
            [run(0, 1000, 0.9, 0.0), seen(1000, 3000, BLACK), run(3000, 4000, 0.9, 0.0)].concat(),
            vec![
                opened,
                "1.000 closed (picture black) since 1.000 black+frozen",
                "3.800 open (score good) since 3.000",
            ],
        ),
        (
            "black turns into a mere freeze",
            [seen(1000, 2000, BLACK), seen(2000, 3000, FROZEN)].concat(),
            vec![
                "1.000 closed (picture black) since 1.000 black+frozen",
                "2.000 closed (picture frozen) since 0.900 frozen",
            ],
        ),
        (
            "after it the band keeps the verdict before it",
            [run(0, 1000, 0.9, 0.0), seen(1000, 2000, BLACK), run(2000, 3000, 0.55, 0.0)].concat(),
            vec![
                opened,
                "1.000 closed (picture black) since 1.000 black+frozen",
                "2.800 open (score good) since 2.000",
            ],
        ),
        (
            "a damaged picture says nothing of the camera",
            [run(0, 1000, 0.9, 0.0), seen(1000, 2000, CORRUPT), run(2000, 3000, 0.1, 0.0)].concat(),
            vec![opened, "1.000 unknown (picture damaged) since 1.000", "2.800 closed (score low) since 2.000"],
        ),
        (
            "the score of an earlier picture comes too late to count",
            [seen(1000, 1600, BLACK), vec![(1100, Ok((0.9, 0.0)))], seen(1600, 2000, BLACK)].concat(),
            vec!["1.000 closed (picture black) since 1.000 black+frozen"],
        ),
        (
            "no more pictures",
            [seen(1000, 1200, BLACK), vec![(4100, Err(Input::Tick))]].concat(),
            vec!["1.000 closed (picture black) since 1.000 black+frozen", "4.100 unknown (score stale) since 1.000"],
        ),
        (
            "a bad score takes over from a sight",
            [seen(1000, 1200, BLACK), run(1200, 2200, 0.1, 0.0)].concat(),
            vec!["1.000 closed (picture black) since 1.000 black+frozen", "2.000 closed (score low) since 1.200"],
        ),
    ];
    for (name, script, expected) in cases {
        assert_eq!(play(RAW, &script).0, expected, "{name}");
    }
    let rules = "[gate]\nsmooth = \"0s\"\n[[rule]]\nname = \"ice\"\nsight = \"frozen\"\nfor = \"1s\"\n[[rule]]\nname = \"any\"\nsight = \"any\"\n";
    let script =
        [run(0, 1000, 0.9, 0.0), seen(1000, 3000, FROZEN), vec![(1900, Ok((0.9, 0.0)))], run(3000, 3400, 0.9, 0.0)]
            .concat();
    let said: Vec<_> = play(rules, &script).0.into_iter().filter(|line| line.contains("s/")).collect();
    assert_eq!(
        said,
        [
            "1.000 Firing s/any/1000",
            "2.000 Firing s/ice/1000",
            "3.000 Resolved s/ice/1000",
            "3.000 Resolved s/any/1000"
        ]
    );
}

#[test]
fn rules_on_lost_streams_and_on_drops() {
    let rules = "[gate]\nsmooth = \"0s\"\n[[rule]]\nname = \"gone\"\nlost = true\nfor = \"2s\"\n\
                 [[rule]]\nname = \"moved\"\ndrop = 0.3\nover = \"1m\"\nfor = \"5s\"\naccept_after = \"20s\"\n";
    let stall = vec![
        fact(10_000, Fact::Stalled("x".into())),
        (11_900, Err(Input::Tick)),
        (12_000, Err(Input::Tick)),
        fact(15_000, Fact::Resumed),
    ];
    let script =
        [run(0, 10_000, 0.9, 0.0), stall, run(15_000, 20_000, 0.9, 0.0), run(20_000, 60_000, 0.5, 0.0)].concat();
    let mut monitor = Monitor::new(settings(rules).expect("settings"));
    let mut alerts = Vec::new();
    for (ms, line) in &script {
        let now = Duration::from_millis(*ms);
        let events = match line {
            Ok((score, fog)) => {
                monitor.step(now, Input::Scores(&Scores { heads: vec![0.5, *score], distortions: vec![0.1, *fog] }))
            }
            Err(input) => monitor.step(now, input.clone()),
        };
        alerts.extend(events.into_iter().filter_map(|e| if let Event::Alert(a) = e { Some(a) } else { None }));
    }
    let said: Vec<_> = alerts.iter().map(|a| format!("{} {:?} {} {}", a.at, a.state, a.id, a.flaps)).collect();
    assert_eq!(
        said,
        [
            "12.000 Firing s/gone/10000 1",
            "15.000 Resolved s/gone/10000 1",
            "25.000 Firing s/moved/20000 1",
            "40.000 Resolved s/moved/20000 1"
        ]
    );
    assert_eq!(
        alerts[0].causes,
        [Cause { distortion: "lost".into(), probability: 1.0, onvif: Some("SignalLoss".into()) }]
    );
    assert_eq!(alerts[0].unjudged, [Unjudged { what: "scores".into(), why: "no frames arrive".into() }]);
    assert_eq!(alerts[2].causes[0].onvif.as_deref(), Some("GlobalSceneChange"));
}

#[test]
fn shadow_decides_and_enforces_nothing_and_a_hand_wins() {
    let (_, mut monitor) = play("[gate]\nsmooth = \"0s\"\nmode = \"shadow\"\n", &run(0, 1200, 0.1, 0.0));
    let status = monitor.status();
    assert_eq!((status.decided, status.enforced), (GateState::Closed, None));
    let at = Duration::from_millis;
    let by_hand = ByHand { state: GateState::Open, until: Some(77) };
    let said = monitor.step(at(1300), Input::Override(Some((by_hand, Some(at(2000))))));
    let [Event::Gate(gate)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(
        (gate.state, gate.previous, gate.enforced),
        (GateState::Closed, GateState::Closed, Some(GateState::Open))
    );
    assert_eq!((gate.by_hand, monitor.status().by_hand), (Some(by_hand), Some(by_hand)));
    assert!(monitor.step(at(1900), Input::Tick).is_empty());
    let said = monitor.step(at(2000), Input::Tick);
    assert!(matches!(&said[..], [Event::Gate(gate)] if gate.enforced.is_none() && gate.by_hand.is_none()), "{said:?}");

    let (_, mut monitor) = play("[gate]\nwhen_unknown = \"open\"\n", &[]);
    let status = monitor.status();
    assert_eq!(
        (status.decided, status.enforced, status.reason),
        (GateState::Unknown, Some(GateState::Open), GateReason::Starting)
    );
}

#[test]
fn alerts_survive_a_restart_and_a_change_of_settings() {
    let rule = "[gate]\nsmooth = \"0s\"\n[[rule]]\nname = \"r\"\ndistortion = \"fog\"\nfire_above = 0.7\n";
    let mut monitor = Monitor::new(settings(rule).expect("settings").of_run("b-"));
    assert_eq!(monitor.resume([("r", "s/r/a-17"), ("old", "s/old/a-3")]), ["s/old/a-3"]);
    let good = Scores { heads: vec![0.5, 0.9], distortions: vec![0.0, 0.1] };
    let foggy = Scores { heads: vec![0.5, 0.9], distortions: vec![0.0, 0.9] };
    let at = Duration::from_millis;
    let ids = |events: &[Event]| events.iter().map(short).collect::<Vec<_>>();
    assert_eq!(ids(&monitor.step(at(100), Input::Scores(&foggy))), [] as [&str; 0], "it fires already");
    assert_eq!(ids(&monitor.step(at(200), Input::Scores(&good))), ["0.200 Resolved s/r/a-17"]);
    assert_eq!(ids(&monitor.step(at(300), Input::Scores(&foggy))), ["0.300 Firing s/r/b-300"]);
    // Another threshold for the gate: what fires goes on, the gate keeps its state.
    let changed = format!("{rule}hold = 0").replace("hold = 0", "");
    let settings_of = |toml: &str| settings(toml).expect("settings").of_run("b-");
    assert_eq!(monitor.reconfigure(settings_of(&changed)), []);
    assert_eq!(ids(&monitor.reconfigure(settings_of(RAW))), ["0.300 Resolved s/r/b-300"], "its rule is gone");
}

#[test]
fn stream_time_is_booked_to_the_gates_states() {
    let script = [
        run(1000, 2000, 0.9, 0.0),
        run(2000, 4000, 0.1, 0.0),
        vec![fact(4000, Fact::Stalled("x".into())), fact(9000, Fact::Ended)],
    ]
    .concat();
    let tally = play(RAW, &script).1.tally();
    let expected = Tally {
        unknown: Duration::from_millis(800 + 5000),
        open: Duration::from_millis(1000),
        degraded: Duration::ZERO,
        closed: Duration::from_millis(1200),
        closings: 1,
    };
    assert_eq!(tally, expected);
}

#[test]
fn a_stream_that_failed_for_good_is_lost_until_it_is_taken_away() {
    let rules = "[gate]\nsmooth = \"0s\"\n[[rule]]\nname = \"gone\"\nlost = true\nfor = \"1m\"\n\
                 [[rule]]\nname = \"foggy\"\ndistortion = \"fog\"\nfire_above = 0.5\n";
    let failed = fact(1200, Fact::Failed("no such picture".into()));
    let script = [run(0, 1000, 0.1, 0.9), vec![failed, fact(9000, Fact::Stopped)]].concat();
    let (said, mut monitor) = play(rules, &script);
    let expected = [
        "0.000 Firing s/foggy/0",
        "0.800 closed (score low) since 0.000 fog",
        "1.200  s  ended: no such picture",
        "1.200 unknown (stream failed) since 1.200",
        "1.200 Firing s/gone/1200",
        "1.200 Resolved s/foggy/0",
        "9.000 Resolved s/gone/1200",
    ];
    assert_eq!(said, expected);
    let status = monitor.status();
    assert_eq!((status.reason, status.detail.as_deref()), (GateReason::Failed, Some("no such picture")));
}

#[test]
fn readers_are_told_the_same_since_as_the_event_and_why_frames_are_missing() {
    let mut monitor = Monitor::new(settings(RAW).expect("settings"));
    let at = Duration::from_millis;
    let scores = Scores { heads: vec![0.5, 0.9], distortions: vec![0.1, 0.1] };
    let events: Vec<_> = (1..8).flat_map(|i| monitor.step(at(200 * i), Input::Scores(&scores))).collect();
    let [Event::Gate(opened)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((opened.since, opened.at), (Seconds(at(200)), Seconds(at(1000))));
    assert_eq!(monitor.status().since, opened.since);
    for (input, detail) in [
        (Input::Fact(Fact::Stalled("login refused".into())), Some("login refused")),
        (Input::Tick, Some("login refused")),
        (Input::Fact(Fact::Trouble("cannot connect".into())), Some("cannot connect")),
        (Input::Fact(Fact::Resumed), None),
        (Input::Fact(Fact::Trouble("no answer".into())), Some("no answer")),
        (Input::Scores(&scores), None),
    ] {
        let what = format!("{input:?}");
        monitor.step(at(2000), input);
        assert_eq!(monitor.status().detail.as_deref(), detail, "{what}");
    }
}

#[test]
fn configuration_and_card_have_to_agree() {
    let thresholds =
        |toml: &str| settings(toml).map(|s| (s.gate.close_below, s.gate.open_above)).map_err(|e| e.to_string());
    for (toml, expected) in [
        ("", Ok((0.4, 0.6))),
        ("[gate]\nclose_below = 0.5\n", Ok((0.5, 0.6))),
        ("[gate]\nclose_below = 0.7\n", Ok((0.7, 0.7))),
        ("[gate]\nopen_above = 0.9\n", Ok((0.4, 0.9))),
        ("[gate]\nclose_below = 0.1\nopen_above = 0.2\n", Ok((0.1, 0.2))),
        ("[gate]\nhead = \"cls_composite\"\nclose_below = 0.3\n", Ok((0.3, 0.3))),
        ("[gate]\nopen_above = 0.2\n", Err("close_below 0.4 is above open_above 0.2")),
        (
            "[gate]\nhead = \"cls_composite\"\n",
            Err("stream \"s\": the card of model script has no thresholds for cls_composite; set close_below"),
        ),
        (
            "[gate]\nhead = \"cls\"\n",
            Err("stream \"s\" gate: model script has no head \"cls\"; it has cls_composite, cls_consistency"),
        ),
        (
            "[[rule]]\nname = \"r\"\ndistortion = \"rain\"\nfire_above = 0.5\n",
            Err("rule \"r\": model script has no distortion \"rain\"; it has darkness, fog"),
        ),
    ] {
        match (thresholds(toml), expected) {
            (Ok(have), Ok(want)) => assert_eq!(have, want, "{toml}"),
            (Err(have), Err(want)) => assert!(have.contains(want), "{toml}: {have}"),
            (have, want) => panic!("{toml}: {have:?}, expected {want:?}"),
        }
    }
}
