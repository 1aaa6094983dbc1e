//! Scores at times → the gate's moves.

use super::*;

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
