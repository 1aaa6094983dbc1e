//! What readers are told of a gate.

use super::*;

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
