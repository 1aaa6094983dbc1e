//! What is normal for one camera, by each kind of light: learnt over days from one look a minute, in bounded memory.
//!
//! Pure: looks and times of day in, news out. A look is a smoothed score with the cheap measures that [`facts`](crate::facts)
//! has of the same picture. docs/baselines.md says how each thing is told, how long that takes and what it can't tell.

mod course;
mod cover;
mod day;
mod scene;
mod trend;

use serde::{Deserialize, Serialize};

use crate::{
    event::{Band, BaselineNews, BaselineStatus, CleanBy, Sight},
    facts::{LightMode, Scalars, Signature},
};
use course::{Course, NEEDED};
use cover::Cover;
use day::Measure;
use scene::Scene;

/// Seconds from one look to the next.
pub const EVERY: u64 = 60;

const DAY: u64 = 86_400;

/// A clock that says less was never set: 2020.
const SET: u64 = 1_577_836_800;

/// A stream has one [`Course`] for each of these.
const LIGHTS: [LightMode; 3] = LightMode::ALL;

/// What a baseline belongs to: with another model, head or place in the picture everything is learnt anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// SHA-256 of the model.
    pub model: String,
    /// The head that drives the gate.
    pub head: String,
}

/// One look at a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look<'a> {
    /// The light that the camera sees by.
    pub light: LightMode,
    /// The picture's measures.
    pub scalars: Scalars,
    /// What its scene looks like.
    pub signature: &'a Signature,
    /// The smoothed score of the head that drives the gate (0–1); none if the picture was not scored.
    pub score: Option<f32>,
    /// The most telling thing seen in the picture, if there is one.
    pub sight: Option<Sight>,
}

/// A stream's baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    origin: Origin,
    courses: [Course; LIGHTS.len()],
    scene: Scene,
    cover: Cover,
    re_aimed: Option<u64>,
    /// When it last looked, in seconds since 1970.
    looked: u64,
}

impl Baseline {
    /// A baseline that knows nothing.
    pub fn new(origin: Origin) -> Self {
        let (scene, cover) = (Scene::default(), Cover::default());
        Self { origin, courses: LIGHTS.map(Course::new), scene, cover, re_aimed: None, looked: 0 }
    }

    /// A baseline that was kept, if it can be used.
    ///
    /// # Errors
    /// Why not: it belongs to something else, or its numbers can't be some.
    pub fn resume(kept: Self, origin: &Origin) -> Result<Self, String> {
        let Origin { model, head } = &kept.origin;
        if *model != origin.model {
            return Err("it was learnt with another model".into());
        }
        if *head != origin.head {
            return Err(format!("it was learnt from {head}, the gate goes by {}", origin.head));
        }
        let lights = kept.courses.iter().map(Course::light).eq(LIGHTS);
        let sound = lights && kept.courses.iter().all(Course::is_sound) && kept.scene.is_sound();
        if sound { Ok(kept) } else { Err("what was kept of it makes no sense".into()) }
    }

    /// Whether it wants to look at time `wall`, in seconds since 1970. A clock that was never set is no time.
    pub fn is_due(&self, wall: u64) -> bool {
        wall >= SET && wall.abs_diff(self.looked) >= EVERY
    }

    /// Takes a look, if one is due. `floor` is the score from which on the gate makes do: dates of cleaning are for that.
    pub fn look(&mut self, wall: u64, look: &Look<'_>, floor: f32) -> Vec<BaselineNews> {
        if !self.is_due(wall) {
            return Vec::new();
        }
        self.looked = wall;
        let mut news = Vec::new();
        let number = u32::try_from(wall / DAY).unwrap_or(u32::MAX);
        let turned = self.courses.each_mut().map(|course| course.turn(number, floor));
        // There is one lens: what one light shows is so for the others.
        if let Some(day) = turned.iter().find_map(|turned| turned.cleaned) {
            let others = self.courses.iter_mut().zip(&turned).filter(|(_, turned)| turned.cleaned.is_none());
            let others: Vec<_> = others.filter_map(|(course, _)| course.cleaned(day)).collect();
            news.extend(others);
        }
        let is_cleaned = turned.iter().any(|turned| turned.cleaned.is_some());
        let turned = turned.into_iter().flat_map(|turned| turned.news);
        // A date that was found on the day of the cleaning is gone with the dirt.
        news.extend(turned.filter(|news| !(is_cleaned && matches!(news, BaselineNews::CleanBy(_)))));
        let known = self.course(look.light).usual(Measure::Texture);
        // By another light the same scene has about as much.
        let elsewhere = || self.courses.iter().find_map(|course| course.usual(Measure::Texture));
        let poorest = known.or_else(elsewhere).map(|[poorest, ..]| poorest);
        // What is black, frozen or a slate is said as that; what never has texture can't lose it.
        if let Some(usual) = poorest.filter(|usual| *usual >= Scalars::LITTLE_TEXTURE)
            && look.sight.is_none_or(|sight| sight == Sight::Plain)
            && self.cover.look(wall, look.scalars.texture, usual)
        {
            news.push(match self.cover.since() {
                Some(since) => BaselineNews::Covered { since },
                None => BaselineNews::Uncovered,
            });
        }
        let lost = poorest.is_some_and(|usual| Cover::is_lost(look.scalars.texture, usual));
        if look.sight.is_some() || lost {
            return news;
        }
        // What has next to no texture shows no view.
        if !look.scalars.too_plain()
            && let Some(moved) = self.scene.look(wall, look.light, look.signature, known.is_some())
        {
            *self = Self { looked: wall, re_aimed: Some(moved.since), ..Self::new(self.origin.clone()) };
            news.push(BaselineNews::ReAimed { likeness: moved.likeness, since: moved.since });
        }
        if let Some(score) = look.score.filter(|score| score.is_finite()) {
            let course = self.courses.iter_mut().find(|course| course.light() == look.light);
            course.into_iter().for_each(|course| course.add(number, score, &look.scalars));
        }
        news
    }

    fn course(&self, light: LightMode) -> &Course {
        // There is one for each light.
        &self.courses[LIGHTS.iter().position(|of| *of == light).unwrap_or_default()]
    }

    /// What is usual by this light; none while it is being learnt.
    pub fn band(&self, light: LightMode) -> Option<Band> {
        self.course(light).band()
    }

    /// How it stands by each light.
    pub fn statuses(&self) -> [BaselineStatus; LIGHTS.len()] {
        LIGHTS.map(|light| self.status(light))
    }

    /// How it stands by this light.
    pub fn status(&self, light: LightMode) -> BaselineStatus {
        BaselineStatus {
            light,
            band: self.band(light),
            days: self.course(light).days() as u32,
            needed: NEEDED as u32,
            clean_by: self.clean_by(),
            covered: self.cover.since(),
            re_aimed: self.re_aimed,
        }
    }

    /// By when to clean: of all lights the first.
    fn clean_by(&self) -> Option<CleanBy> {
        self.courses.iter().filter_map(Course::told).min_by_key(|clean| clean.by)
    }
}

#[cfg(test)]
mod tests;
