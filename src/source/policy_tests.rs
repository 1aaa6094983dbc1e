//! The policy on made-up streams.

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A camera of 25 frames a second and its decoder.
struct Camera {
    policy: Policy,
    now: u64,
    since_key: u64,
    frames: u64,
    /// The decoder has what the next delta unit builds upon.
    whole: bool,
}

impl Camera {
    fn new(asked: Decode) -> Self {
        Self { policy: Policy::new(asked), now: 0, since_key: u64::MAX, frames: 0, whole: false }
    }

    /// So many seconds with this keyframe distance; lost keyframes never arrive. Decoded units, and frames of them.
    fn run(&mut self, s: u64, distance: u64, interval: u64, keys_lost: bool) -> (u64, u64) {
        let (mut decoded, mut frames) = (0, 0);
        for _ in 0..s * 25 {
            self.now += 40;
            self.since_key = self.since_key.saturating_add(40);
            let key = self.since_key >= distance;
            if key {
                self.since_key = 0;
            }
            if key && keys_lost {
                self.whole = false;
                continue;
            }
            let (now, interval) = (MS(self.now), MS(interval));
            // Arrival jitters, the unit's own time doesn't.
            let jitter = MS(self.now * 7 % 30);
            let unit = Unit { now: now + jitter, pts: Some(now), key, frames: self.frames, interval };
            if self.policy.unit(&unit) {
                decoded += 1;
                self.whole |= key;
                if self.whole {
                    frames += 1;
                    self.frames += 1;
                }
            } else {
                self.whole = false;
            }
        }
        (decoded, frames)
    }
}

#[test]
fn keyframes_are_taken_where_they_come_as_often_as_frames_are_due() {
    for (distance, interval, mode, decoded) in [
        (1000, 1000, Mode::Keyframes, 60),
        (1040, 1000, Mode::Keyframes, 57),
        (1200, 1000, Mode::All, 60 * 25),
        (2000, 2000, Mode::Keyframes, 30),
        (2000, 200, Mode::All, 60 * 25),
        (1000, 0, Mode::All, 60 * 25),
        // Only as many of them as are of use.
        (1000, 10_000, Mode::Keyframes, 60),
        (200, 1000, Mode::Keyframes, 100),
        (40, 1000, Mode::Keyframes, 115),
    ] {
        let mut camera = Camera::new(Decode::Auto);
        camera.run(10, distance, interval, false);
        let (count, _) = camera.run(60, distance, interval, false);
        assert_eq!(camera.policy.mode(), mode, "every {distance} ms for {interval} ms");
        assert_eq!(camera.policy.keyframe_interval(), Some(MS(distance)));
        assert!(count.abs_diff(decoded) <= 2 + decoded / 20, "{distance}, {interval}: {count}, expected {decoded}");
    }
}

#[test]
fn what_was_asked_for_is_done() {
    for (asked, mode) in [(Decode::All, Mode::All), (Decode::Keyframes, Mode::Keyframes)] {
        let mut camera = Camera::new(asked);
        for (distance, interval) in [(1000, 1000), (10_000, 200)] {
            camera.run(30, distance, interval, false);
            assert_eq!(camera.policy.mode(), mode);
        }
        camera.run(30, 1000, 1000, true);
        assert_eq!(camera.policy.mode(), mode);
    }
}

#[test]
fn a_faster_interval_takes_all_at_once_and_a_slow_one_keyframes_again() {
    let mut camera = Camera::new(Decode::Auto);
    camera.run(10, 1000, 1000, false);
    assert_eq!(camera.policy.mode(), Mode::Keyframes);
    let (_, frames) = camera.run(2, 1000, 200, false);
    assert_eq!(camera.policy.mode(), Mode::All);
    // Pictures begin at the next keyframe: none is decoded that builds upon one that was not.
    assert!((25..=50).contains(&frames), "{frames}");
    camera.run(1, 1000, 1000, false);
    assert_eq!(camera.policy.mode(), Mode::Keyframes);
}

#[test]
fn a_longer_distance_ends_it() {
    let mut camera = Camera::new(Decode::Auto);
    camera.run(10, 1000, 1000, false);
    let (_, frames) = camera.run(30, 4000, 1000, false);
    assert_eq!(camera.policy.mode(), Mode::All);
    assert!(frames > 600, "{frames}");
    // Four distances that fit make it worth it again, and the hold is over by then.
    camera.run(30, 4000, 1000, false);
    camera.run(6, 1000, 1000, false);
    assert_eq!(camera.policy.mode(), Mode::Keyframes);
}

#[test]
fn loss_that_starves_it_is_held_against_it_for_a_while_and_longer_each_time() {
    let mut camera = Camera::new(Decode::Auto);
    let mut modes = Vec::new();
    for hold in [30, 60, 120] {
        camera.run(10, 1000, 1000, false);
        assert_eq!(camera.policy.mode(), Mode::Keyframes, "before the loss, hold {hold}");
        camera.run(4, 1000, 1000, true);
        assert_eq!(camera.policy.mode(), Mode::All, "starved, hold {hold}");
        camera.run(hold - 10, 1000, 1000, false);
        modes.push(camera.policy.mode());
        camera.run(12, 1000, 1000, false);
        assert_eq!(camera.policy.mode(), Mode::Keyframes, "after the hold of {hold} s");
    }
    assert_eq!(modes, [Mode::All; 3]);
    // Long without trouble, it counts from the beginning.
    camera.run(400, 1000, 1000, false);
    camera.run(4, 1000, 1000, true);
    camera.run(34, 1000, 1000, false);
    assert_eq!(camera.policy.mode(), Mode::Keyframes);
}

#[test]
fn keyframes_that_the_decoder_makes_nothing_of_starve_it_too() {
    let mut policy = Policy::new(Decode::Auto);
    let unit =
        |ms: u64, frames| Unit { now: MS(ms), pts: None, key: ms.is_multiple_of(1000), frames, interval: MS(1000) };
    for i in 0..250 {
        policy.unit(&unit(i * 40, i));
    }
    assert_eq!(policy.mode(), Mode::Keyframes);
    for i in 250..325 {
        policy.unit(&unit(i * 40, 250));
    }
    assert_eq!(policy.mode(), Mode::All);
}

#[test]
fn what_was_learnt_survives_connecting_again() {
    let mut camera = Camera::new(Decode::Auto);
    camera.run(10, 1000, 1000, false);
    camera.policy.reconnected();
    camera.now += 60_000;
    let (decoded, frames) = camera.run(5, 1000, 1000, false);
    assert_eq!((decoded, frames, camera.policy.mode()), (5, 5, Mode::Keyframes));
    assert_eq!(camera.policy.keyframe_interval(), Some(MS(1000)), "the pause is no distance");
}

#[test]
fn a_watchdog_is_told_how_patient_to_be() {
    let mut camera = Camera::new(Decode::Auto);
    camera.run(1, 1000, 1000, false);
    assert_eq!(camera.policy.patience(MS(1000)), Duration::ZERO);
    camera.run(10, 1000, 1000, false);
    assert_eq!(camera.policy.patience(MS(1000)), MS(3000));
    camera.run(4, 1000, 1000, true);
    camera.policy.gap = Some(MS(0));
    assert_eq!(camera.policy.patience(MS(1000)), MS(5000));
}
