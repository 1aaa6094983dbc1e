//! Looks over days → what a baseline says. The whole month with measured scores is in tests/it/month.

use super::*;

const START: u64 = 20_000 * DAY;
const FLOOR: f32 = 0.5;

fn origin() -> Origin {
    Origin { model: "abc".into(), head: "cls_consistency".into() }
}

fn view(number: i32) -> Signature {
    let cell = |i: i32| {
        (((number * 7919 + i).wrapping_mul(1_103_515_245).wrapping_add(12_345) >> 8).rem_euclid(121) - 60) as i8
    };
    (0..Signature::CELLS as i32).map(cell).collect::<Vec<_>>().try_into().expect("the right count")
}

/// What a minute shows: light, score, texture, view.
type Minute = (LightMode, Option<f32>, f32, i32, Option<Sight>);

fn usual(minute: u64) -> Minute {
    let night = minute % 1440 >= 1080;
    if night { (LightMode::Infrared, Some(0.5), 0.3, 1, None) } else { (LightMode::Colour, Some(0.75), 0.4, 1, None) }
}

fn play(
    baseline: &mut Baseline,
    minutes: std::ops::Range<u64>,
    of: impl Fn(u64) -> Minute,
) -> Vec<(u64, BaselineNews)> {
    let mut said = Vec::new();
    for minute in minutes {
        let (light, score, texture, number, sight) = of(minute);
        let scalars = Scalars { mean: 110.0, median: 110.0, deviation: 40.0, texture, coloured: 0.3 };
        let look = Look { light, scalars, signature: &view(number), score, sight };
        said.extend(baseline.look(START + 60 * minute, &look, FLOOR).into_iter().map(|news| (minute, news)));
    }
    said
}

#[test]
fn each_light_has_a_normal_of_its_own_after_three_days() {
    let mut baseline = Baseline::new(origin());
    let said = play(&mut baseline, 0..4 * 1440, usual);
    let [
        (4320, BaselineNews::Ready { light: LightMode::Colour, band, .. }),
        (4320, BaselineNews::Ready { light: LightMode::Infrared, .. }),
    ] = &said[..]
    else {
        panic!("{said:?}")
    };
    assert!((band.normal - 0.75).abs() < 0.01);
    let night = baseline.status(LightMode::Infrared);
    assert!((night.band.expect("known").normal - 0.5).abs() < 0.01 && night.days == 3, "{night:?}");
    let missing = baseline.status(LightMode::LowLight);
    assert_eq!(
        missing.missing().as_deref(),
        Some("this camera's normal by low_light light is being learnt (0 of 3 days)")
    );
}

#[test]
fn another_view_is_learnt_anew_and_a_cover_is_not_another_view() {
    let mut baseline = Baseline::new(origin());
    play(&mut baseline, 0..4 * 1440, usual);
    // Three hours under a cloth: the picture is plain, and not scored.
    let cloth = |_| (LightMode::Colour, None, 0.0, 7, Some(Sight::Plain));
    let said = play(&mut baseline, 5760..5940, cloth);
    assert_eq!(said, [(5764, BaselineNews::Covered { since: START + 60 * 5760 })]);
    assert!(baseline.band(LightMode::Colour).is_some() && baseline.status(LightMode::Colour).covered.is_some());
    assert_eq!(play(&mut baseline, 5940..6000, usual), [(5944, BaselineNews::Uncovered)]);
    let elsewhere = |_| (LightMode::Colour, Some(0.6), 0.4, 2, None);
    let said = play(&mut baseline, 6000..6200, elsewhere);
    let [(at, BaselineNews::ReAimed { likeness, .. })] = &said[..] else { panic!("{said:?}") };
    assert!((6105..=6150).contains(at) && *likeness < 0.4, "{said:?}");
    let status = baseline.status(LightMode::Infrared);
    assert!(status.band.is_none() && status.days == 0 && status.re_aimed.is_some());
}

#[test]
fn what_never_has_texture_is_not_covered() {
    let mut baseline = Baseline::new(origin());
    let wall = |_| (LightMode::Colour, Some(0.4), 0.02, 1, Some(Sight::Plain));
    assert_eq!(play(&mut baseline, 0..5 * 1440, wall), []);
}

#[test]
fn a_baseline_survives_and_another_ones_is_refused() {
    let mut baseline = Baseline::new(origin());
    play(&mut baseline, 0..4 * 1440, usual);
    let text = serde_json::to_string(&baseline).expect("serialises");
    assert!(text.len() < 60_000, "{}", text.len());
    let kept: Baseline = serde_json::from_str(&text).expect("reads back");
    let again = Baseline::resume(kept.clone(), &origin()).expect("its own");
    assert_eq!(again.statuses(), baseline.statuses());
    for (other, why) in [
        (Origin { model: "x".into(), ..origin() }, "another model"),
        (Origin { head: "x".into(), ..origin() }, "learnt from cls_consistency"),
    ] {
        assert!(Baseline::resume(kept.clone(), &other).expect_err("another's").contains(why));
    }
    let mut odd = kept;
    odd.courses.swap(0, 1);
    assert!(Baseline::resume(odd, &origin()).expect_err("swapped").contains("no sense"));
}

#[test]
fn a_clock_that_was_never_set_teaches_nothing() {
    let baseline = Baseline::new(origin());
    assert!(!baseline.is_due(3600) && baseline.is_due(START));
}

#[test]
fn two_months_stay_within_their_bytes() {
    let mut baseline = Baseline::new(origin());
    play(&mut baseline, 0..70 * 1440, |minute| {
        let light = LIGHTS[(minute / 480 % 3) as usize];
        (light, Some(0.3 + (minute % 997) as f32 / 2000.0), 0.3 + (minute % 89) as f32 / 900.0, 1, None)
    });
    let text = serde_json::to_string(&baseline).expect("serialises");
    println!("{} bytes of JSON a stream", text.len());
    assert!(text.len() < 64 << 10, "{}", text.len());
}
