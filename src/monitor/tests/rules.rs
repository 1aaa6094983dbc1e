//! Scores and facts at times → alerts.

use super::*;

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
fn a_score_from_before_the_stall_does_not_end_it() {
    let rules = "[gate]\nsmooth = \"0s\"\n[[rule]]\nname = \"gone\"\nlost = true\nfor = \"1s\"\n";
    const FROZEN: &[Seen] = &[Seen { sight: Sight::Frozen, since: Duration::from_millis(900) }];
    let script = [
        run(0, 1200, 0.9, 0.0),
        vec![
            fact(2000, Fact::Stalled("cable".into())),
            // What workers still had.
            (1900, Ok((0.8, 0.0))),
            (1950, Err(Input::Sights(FROZEN))),
            (3000, Err(Input::Tick)),
        ],
    ]
    .concat();
    let (said, mut monitor) = play(rules, &script);
    let opened = "0.800 open (score good) since 0.000";
    let stalled = ["2.000  s  stalled: cable", "2.000 unknown (stream stalled) since 2.000"];
    assert_eq!(said, [opened, stalled[0], stalled[1], "3.000 Firing s/gone/2000"]);
    let status = monitor.status();
    assert_eq!((status.score, status.smoothed, status.detail.as_deref()), (None, None, Some("cable")));
    // A picture after it does end it, whether or not the source has said so.
    assert_eq!(
        monitor
            .step(
                Duration::from_millis(3001),
                Input::Scores(&Scores { heads: vec![0.5, 0.9], distortions: vec![0.1; 2] })
            )
            .len(),
        1
    );
}
