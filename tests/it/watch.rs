//! The daemon on clips of known brightness.

use std::sync::{Arc, atomic::AtomicBool};

use miqa::{
    config::Config,
    daemon,
    event::{Event, GateState, Summary},
};

use crate::{
    clip::{self, BLACK, WHITE},
    support::{Memory, config},
};

/// The gate's moves as `time state`.
fn moves(events: &[Event], stream: &str) -> Vec<String> {
    let gates = events.iter().filter_map(|event| match event {
        Event::Gate(gate) if gate.stream == stream => Some(format!("{} {}", gate.at, gate.state)),
        _ => None,
    });
    gates.collect()
}

fn watch(config: &Config) -> (Vec<Event>, Summary) {
    let memory = Memory::default();
    let summary = daemon::run(config, memory.sink(), &Arc::new(AtomicBool::new(false)), daemon::Options::default())
        .expect("runs");
    (memory.events(), summary)
}

#[test]
fn the_gate_closes_in_the_dark_and_opens_after_it_whatever_the_machines_speed() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("a.mp4"), &[(75, WHITE), (75, BLACK), (75, WHITE)]);
    let text = "[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\npace = \"asap\"\n\
                [[stream]]\nname = \"b\"\nlocation = \"a.mp4\"\npace = \"asap\"\nviews = \"centre\"\n[stream.gate]\nsmooth = \"0s\"\n\
                [[rule]]\nname = \"dark\"\ndistortion = \"darkness\"\nfire_above = 0.8\nresolve_below = 0.2\nfor = \"1s\"\nstreams = [\"b\"]\n";
    let config = Config::read(&config(folder.path(), "tiny", text)).expect("valid");
    let (events, summary) = watch(&config);
    // Every 5th frame is due. Unsmoothed the gate follows the cuts at 3 s and 6 s after 0.8 s. Smoothed by 0.4 s it is
    // the second score after a cut, at 3.2 s and 6.2 s, that passes the threshold (e^-1 < 0.4, 1 - e^-1 > 0.5).
    assert_eq!(moves(&events, "b"), ["0.800 open", "3.800 closed", "6.800 open", "8.960 unknown"]);
    assert_eq!(moves(&events, "a"), ["0.800 open", "4.000 closed", "7.000 open", "8.960 unknown"]);
    for stream in &summary.streams {
        assert_eq!((stream.seen, stream.scored, stream.skipped, stream.dropped), (225, 45, 180, 0), "{stream:?}");
        assert_eq!((stream.closings, &stream.failure), (1, &None));
        assert!((stream.closed.0.as_secs_f64() - 3.0).abs() < 1e-6, "{stream:?}");
        assert!(stream.latency.is_some_and(|l| l.p50_ms > 0.0 && l.p99_ms >= l.p50_ms));
    }
    let closed = events.iter().find_map(|event| match event {
        Event::Gate(gate) if gate.state == GateState::Closed => Some(gate),
        _ => None,
    });
    assert_eq!(closed.map(|gate| gate.causes[0].distortion.as_str()), Some("darkness"));
    let alerts: Vec<_> = events
        .iter()
        .filter_map(|e| if let Event::Alert(a) = e { Some(format!("{} {:?}", a.at, a.state)) } else { None })
        .collect();
    assert_eq!(alerts, ["4.000 Firing", "6.000 Resolved"]);
    assert!(matches!(events.last(), Some(Event::Summary(_))));
    // Events of one stream come in the same order with the same values, run after run.
    let of = |events: Vec<Event>| {
        events.into_iter().filter(|e| matches!(e, Event::Gate(g) if g.stream == "a")).collect::<Vec<_>>()
    };
    assert_eq!(of(events), of(watch(&config).0));
}

#[test]
fn in_real_time_a_file_takes_its_time_and_keeps_the_newest_frame() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("a.mp4"), &[(50, WHITE)]);
    let text = "[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\n";
    let config = Config::read(&config(folder.path(), "tiny", text)).expect("valid");
    let (events, summary) = watch(&config);
    let stream = &summary.streams[0];
    assert!(summary.took.0.as_secs_f64() > 1.9, "{summary:?}");
    assert_eq!(stream.seen, 50);
    assert_eq!(stream.scored + stream.skipped + stream.dropped, 50);
    assert!(stream.scored >= 5, "{stream:?}");
    assert_eq!(moves(&events, "a").last().map(String::as_str), Some("1.960 unknown"));
}

#[test]
fn what_is_no_number_never_opens_and_makes_the_gate_unknown() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("a.mp4"), &[(50, WHITE), (75, BLACK)]);
    let text = "[gate]\nstale_after = \"1s\"\n[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\npace = \"asap\"\n";
    let config = Config::read(&config(folder.path(), "tiny_nan", text)).expect("valid");
    let (events, _) = watch(&config);
    assert_eq!(moves(&events, "a"), ["0.800 open", "3.000 unknown"]);
    let errors: Vec<_> = events
        .iter()
        .filter_map(|e| if let Event::Error { error, at, .. } = e { Some((error, at)) } else { None })
        .collect();
    let [(error, Some(at))] = errors[..] else { panic!("said once: {errors:?}") };
    assert!(error.contains("NaN for cls_c") && at.to_string() == "2.000", "{error} at {at}");
}

#[test]
fn a_stream_that_fails_leaves_the_others_alone() {
    let folder = tempfile::tempdir().expect("folder");
    clip::make(&folder.path().join("a.mp4"), &[(50, WHITE)]);
    let text = "[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\npace = \"asap\"\n[[stream]]\nname = \"b\"\nlocation = \"none.mp4\"\n";
    let config = Config::read(&config(folder.path(), "tiny", text)).expect("valid");
    let (events, summary) = watch(&config);
    assert_eq!(moves(&events, "a"), ["0.800 open", "1.960 unknown"]);
    assert_eq!(summary.streams[0].failure, None);
    let failure = summary.streams[1].failure.as_deref().unwrap_or_default();
    assert!(failure.contains("none.mp4: cannot be opened"), "{failure}");
}
