//! What is seen in the picture → the gate and alerts.

use super::*;

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
