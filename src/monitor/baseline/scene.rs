//! Does the camera still look where it did?
//!
//! By each light a few views are known: how the scene looks in the morning, with the lamps on, in snow. What is seen is
//! averaged over a quarter of an hour, so that what passes by leaves no trace, and compared with all of them. The nearest
//! one follows slowly. Once a light's days are learnt, a view that is like none of them for two hours is another one.

use serde::{Deserialize, Serialize};

use crate::facts::{LightMode, Signature};

/// Looks in an average: a quarter of an hour.
const AVERAGED: u8 = 15;
/// From this part of the usual likeness on two averages show the same view: in the dark noise makes everything less alike.
const SAME: f32 = 0.6;
/// While learning only what is as like as this is no view of its own.
const NEAR: f32 = 0.7;
/// Views by each light.
const VIEWS: usize = 8;
/// Weight of the newest average in the view it belongs to, and of its likeness in what is usual.
const FOLLOW: f32 = 0.1;
/// Averages in a row that are like no view: two hours.
const AWAY: u8 = 8;

/// The views by one light.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    light: LightMode,
    views: Vec<Signature>,
    /// How much averages are usually like the nearest view.
    usual: f32,
}

/// Another view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moved {
    /// The greatest likeness of the last average to a view that was known.
    pub(super) likeness: f32,
    /// Since when, in seconds since 1970.
    pub(super) since: u64,
}

/// What is known of the scene.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scene {
    known: Vec<Known>,
    /// What the next average is made of, by one light. Begun anew after a restart.
    #[serde(skip)]
    gathered: Vec<Signature>,
    #[serde(skip)]
    by: Option<LightMode>,
    /// Averages in a row that were like nothing, and since when.
    #[serde(skip)]
    away: u8,
    #[serde(skip)]
    away_since: u64,
}

impl Scene {
    pub(super) fn is_sound(&self) -> bool {
        let lights: Vec<_> = self.known.iter().map(|known| known.light).collect();
        lights.len() <= 3
            && self.known.iter().all(|known| known.views.len() <= VIEWS && (0.0..=1.0).contains(&known.usual))
    }

    /// Takes a look of time `wall` (seconds since 1970) in which there is something to see; `learnt` once this light's days
    /// are. Says when the camera looks elsewhere.
    pub(super) fn look(&mut self, wall: u64, light: LightMode, signature: &Signature, learnt: bool) -> Option<Moved> {
        if self.by.replace(light) != Some(light) {
            self.gathered.clear();
        }
        self.gathered.push(signature.clone());
        if self.gathered.len() < usize::from(AVERAGED) {
            return None;
        }
        let seen = Signature::mean(self.gathered.iter().map(|signature| (signature, 1.0)));
        self.gathered.clear();
        let known = match self.known.iter().position(|known| known.light == light) {
            Some(i) => &mut self.known[i],
            None => {
                self.known.push(Known { light, views: Vec::new(), usual: 1.0 });
                self.known.last_mut()?
            }
        };
        let likeness = known.views.iter().map(|view| view.likeness(&seen));
        let nearest = likeness.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        let like = nearest.map_or(0.0, |(_, likeness)| likeness);
        let same = SAME * known.usual;
        if nearest.is_some() && (!learnt || like >= same) {
            known.usual += FOLLOW * (like.max(0.0) - known.usual);
        }
        match nearest {
            Some((i, likeness))
                if likeness >= if learnt { same } else { NEAR } || !learnt && known.views.len() == VIEWS =>
            {
                known.views[i] = Signature::mean([(&known.views[i], 1.0 - FOLLOW), (&seen, FOLLOW)]);
            }
            _ if !learnt || known.views.is_empty() => known.views.push(seen),
            _ => {
                if self.away == 0 {
                    self.away_since = wall.saturating_sub(60 * u64::from(AVERAGED));
                }
                self.away += 1;
                return (self.away >= AWAY).then_some(Moved { likeness: like, since: self.away_since });
            }
        }
        self.away = 0;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use LightMode::{Colour, Infrared};

    /// A view by its number, with as much noise as structure in every single look if asked for.
    fn view(number: i32, noise: i32) -> Signature {
        let of = |seed: i32| (seed.wrapping_mul(1_103_515_245).wrapping_add(12_345) >> 8).rem_euclid(121) - 60;
        let cell = |i: i32| of(number.wrapping_mul(7919) + i) + noise * of(i.wrapping_mul(31) + number + 77) / 60;
        let cells: Vec<i8> = (0..Signature::CELLS as i32).map(|i| cell(i).clamp(-127, 127) as i8).collect();
        cells.try_into().expect("the right count")
    }

    /// Looks of so many minutes; when something was said, in minutes.
    fn play(
        scene: &mut Scene,
        from: u64,
        minutes: u64,
        learnt: bool,
        of: impl Fn(u64) -> (LightMode, Signature),
    ) -> Vec<u64> {
        let look = |minute: u64| {
            let (light, signature) = of(minute);
            scene.look(60 * (from + minute), light, &signature, learnt).map(|_| minute)
        };
        (0..minutes).filter_map(look).collect()
    }

    #[test]
    fn another_view_is_said_after_two_hours_whatever_came_before() {
        let mut scene = Scene::default();
        // Learnt: a day and a night, by two lights; passers-by change one look in three.
        let usual = |minute: u64| {
            let light = if minute % 1440 < 720 { Colour } else { Infrared };
            (light, if minute.is_multiple_of(3) { view(50 + minute as i32, 0) } else { view(1, 0) })
        };
        assert_eq!(play(&mut scene, 0, 4320, false, usual), [] as [u64; 0]);
        assert_eq!(play(&mut scene, 4320, 2880, true, usual), [] as [u64; 0]);
        // An hour and three quarters of a lorry in front.
        let lorry = |minute: u64| (Colour, if minute < 100 { view(9, 0) } else { view(1, 0) });
        assert_eq!(play(&mut scene, 7200, 300, true, lorry), [] as [u64; 0]);
        let said = play(&mut scene, 7500, 200, true, |_| (Colour, view(2, 0)));
        assert_eq!(said.first(), Some(&119), "{said:?}");
        assert!(scene.is_sound());
    }

    #[test]
    fn views_survive_as_text() {
        let mut scene = Scene::default();
        play(&mut scene, 0, 60, false, |_| (Colour, view(1, 0)));
        let text = serde_json::to_string(&scene).expect("serialises");
        let again: Scene = serde_json::from_str(&text).expect("reads back");
        assert_eq!(again.known, scene.known);
    }
}
