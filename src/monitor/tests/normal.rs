//! Rules and thresholds that go by the camera's normal.

use super::*;
use crate::{
    event::{AlertState, Band, BaselineStatus},
    facts::LightMode,
};

fn baseline(normal: Option<f32>) -> Input<'static> {
    let band = normal.map(|normal| Band { low: normal - 0.1, normal, high: normal + 0.1 });
    let light = LightMode::Infrared;
    Input::Baseline(Some(BaselineStatus {
        light,
        band,
        days: 1,
        needed: 3,
        clean_by: None,
        covered: None,
        re_aimed: None,
    }))
}

const RULE: &str = "[gate]\nsmooth = \"0s\"\n[[rule]]\nname = \"odd\"\nunder_normal = 0.2\nfor = \"1s\"\n";

#[test]
fn a_rule_under_normal_rests_without_one_and_ends_when_it_goes() {
    let script = [
        run(0, 3000, 0.3, 0.0),
        vec![(3000, Err(baseline(None)))],
        run(3000, 5000, 0.3, 0.0),
        // From here on 0.3 is 0.35 under normal.
        vec![(5000, Err(baseline(Some(0.65))))],
        run(5000, 8000, 0.3, 0.0),
        run(8000, 9000, 0.5, 0.0),
        // Within half the points it is over.
        run(9000, 10_000, 0.6, 0.0),
        run(10_000, 12_000, 0.3, 0.0),
        vec![(12_000, Err(baseline(None)))],
        run(12_000, 15_000, 0.2, 0.0),
    ]
    .concat();
    let mut monitor = Monitor::new(settings(RULE).expect("settings"));
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
    let said: Vec<_> = alerts.iter().map(|a| (a.at.0.as_millis(), a.state)).collect();
    use AlertState::{Firing, Resolved};
    assert_eq!(said, [(6000, Firing), (9000, Resolved), (11_000, Firing), (12_000, Resolved)]);
    assert_eq!((alerts[0].subject.as_str(), alerts[0].unjudged.len()), ("under_normal", 0));
    let why = "this camera's normal by infrared light is being learnt (1 of 3 days)";
    assert_eq!(alerts[3].unjudged, [Unjudged { what: "normal".into(), why: why.into() }]);
}

#[test]
fn a_relative_gate_goes_by_the_card_until_there_is_a_normal() {
    let gate = "[gate]\nsmooth = \"0s\"\nclose_below = \"normal:-0.2\"\n";
    let mut monitor = Monitor::new(settings(gate).expect("settings"));
    let at = Duration::from_millis;
    let card = monitor.gate.settings();
    assert_eq!((card.close_below, card.open_above), (0.4, 0.6));
    monitor.step(at(0), baseline(Some(0.5)));
    let own = monitor.gate.settings();
    assert!((own.close_below - 0.3).abs() < 1e-6 && (own.open_above - 0.4).abs() < 1e-6, "{own:?}");
    assert!((own.degrade_below - 0.35).abs() < 1e-6);
    // A schedule's thresholds are what they are; without it the normal counts again.
    let night = GateSettings { close_below: 0.1, degrade_below: 0.15, open_above: 0.2, ..card };
    monitor.step(at(1), Input::Retune(night));
    assert_eq!(monitor.gate.settings(), night);
    monitor.step(at(2), Input::Retune(card));
    assert_eq!(monitor.gate.settings(), own);
    // Another configuration keeps what is known of the camera.
    monitor.reconfigure(
        settings("[gate]\nclose_below = \"normal:-0.4\"\nopen_above = \"normal:-0.1\"\n").expect("settings"),
    );
    let own = monitor.gate.settings();
    assert!((own.close_below - 0.1).abs() < 1e-6 && (own.open_above - 0.4).abs() < 1e-6, "{own:?}");
    monitor.step(at(3), baseline(None));
    assert_eq!(monitor.gate.settings().close_below, 0.4);
    assert!(monitor.status().baseline.is_some());
}
