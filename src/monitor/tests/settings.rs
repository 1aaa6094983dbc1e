//! Configuration and model card → settings.

use super::*;

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
        ("[gate]\nclose_below = \"auto:-20%\"\nopen_above = \"auto:-10%\"\n", Ok((0.5, 0.8))),
        // A share of 0.7 × 20 %, straight between those of 10 % and 20 %.
        ("[gate]\nclose_below = \"auto:-20%\"\n", Ok((0.5, 0.68))),
        ("[gate]\nclose_below = \"auto:-20%\"\nopen_above = 0.4\n", Err("close_below 0.5 is above open_above 0.4")),
        (
            "[gate]\nclose_below = \"auto:-30%\"\n",
            Err("stream \"s\": the card of model script doesn't say at which score of cls_consistency auto:-30% is"),
        ),
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
            (Ok(have), Ok(want)) => {
                let near = |a: f32, b: f32| (a - b).abs() < 1e-5;
                assert!(near(have.0, want.0) && near(have.1, want.1), "{toml}: {have:?}, expected {want:?}");
            }
            (Err(have), Err(want)) => assert!(have.contains(want), "{toml}: {have}"),
            (have, want) => panic!("{toml}: {have:?}, expected {want:?}"),
        }
    }
}
