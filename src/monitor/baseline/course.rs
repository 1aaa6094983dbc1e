//! What is learnt by one light: its days, what is usual, and whether it slowly gets worse.

use serde::{Deserialize, Serialize};

use super::{
    day::{Day, Measure, Today},
    trend::{CONFIDENCE, Trend, median},
};
use crate::{
    event::{Band, BaselineNews, CleanBy},
    facts::{LightMode, Scalars},
};

/// Days that are kept.
const KEPT: usize = 60;
/// Days that tell what is usual.
const USUAL: usize = 14;
/// Days it takes before anything is usual.
pub(super) const NEEDED: usize = 3;

/// Days that a fall is looked for in, the longest first: a shorter stretch counts once it falls certainly faster.
const STRETCHES: [usize; 3] = [28, 14, 8];
/// A fall that came to less within its stretch is nothing to act on.
const LEAST_FALL: f32 = 0.04;
/// Further away no date is said, in days.
const HORIZON: f32 = 60.0;
/// A date is said anew once it has moved by this many days or by this share of the time left, whichever is more.
const MOVED: (f32, f32) = (1.0, 0.15);
/// Days without a certain fall until a date is taken back.
const DOUBT: u8 = 4;
/// By a light whose pictures never reach the floor a loss of so much wants cleaning.
const UNDER: f32 = 0.15;
/// Which of a day's quantiles is its middle, and which its best pictures'.
const MIDDLE: usize = 1;
const BEST: usize = 2;
/// A step up against the last days: so much, and so many spreads.
const STEP_UP: (f32, f32) = (0.05, 4.0);

const DAY: f32 = 86_400.0;

/// What follows from a day that is over.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Turned {
    pub(super) news: Vec<BaselineNews>,
    /// The day, if it shows that somebody has cleaned the lens.
    pub(super) cleaned: Option<u32>,
}

/// One light's part of a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Course {
    light: LightMode,
    days: Vec<Day>,
    today: Today,
    /// Falls are looked for from this day on: that of a cleaning.
    since: u32,
    /// The date that was said.
    told: Option<CleanBy>,
    /// Days since which no fall is certain.
    doubt: u8,
}

impl Course {
    pub(super) fn new(light: LightMode) -> Self {
        Self { light, days: Vec::new(), today: Today::new(0), since: 0, told: None, doubt: 0 }
    }

    pub(super) fn light(&self) -> LightMode {
        self.light
    }

    pub(super) fn days(&self) -> usize {
        self.days.len()
    }

    pub(super) fn told(&self) -> Option<CleanBy> {
        self.told
    }

    pub(super) fn is_sound(&self) -> bool {
        self.days.len() <= KEPT && self.days.iter().all(Day::is_sound) && self.today.is_sound()
    }

    /// What is usual; none while it is being learnt.
    pub(super) fn band(&self) -> Option<Band> {
        let [low, normal, high] = self.usual(Measure::Score)?;
        Some(Band { low, normal, high })
    }

    /// A measure's usual quantiles: the medians over the last days, so that a day of fog changes nothing.
    pub(super) fn usual(&self, measure: Measure) -> Option<[f32; 3]> {
        let last = &self.days[self.days.len().saturating_sub(USUAL)..];
        let middle = |i: usize| median(last.iter().map(|day| day.of(measure)[i]));
        if self.days.len() < NEEDED {
            return None;
        }
        Some([middle(0)?, middle(1)?, middle(2)?])
    }

    /// Takes a look on day `number` (since 1970).
    pub(super) fn add(&mut self, number: u32, score: f32, scalars: &Scalars) {
        // The day is closed by `turn`; the clock may have been set back since.
        if self.today.number() > number {
            self.days.retain(|day| day.number < number);
        }
        if self.today.number() != number {
            self.today = Today::new(number);
        }
        self.today.add(score, scalars);
    }

    /// Closes the day before `number`, if it is over: what follows from it. `floor` is the score that matters to the gate.
    pub(super) fn turn(&mut self, number: u32, floor: f32) -> Turned {
        if self.today.number() >= number {
            return Turned::default();
        }
        let over = std::mem::replace(&mut self.today, Today::new(number)).close();
        let Some(day) = over.filter(|day| self.days.last().is_none_or(|last| last.number < day.number)) else {
            return Turned::default();
        };
        let cleaned = self.steps_up(&day).then_some(day.number);
        let mut news: Vec<_> = cleaned.and_then(|number| self.cleaned(number)).into_iter().collect();
        self.days.push(day);
        if self.days.len() > KEPT {
            self.days.remove(0);
        }
        news.extend(self.fall(floor));
        if self.days.len() == NEEDED
            && let Some(band) = self.band()
        {
            news.push(BaselineNews::Ready { light: self.light, band, days: NEEDED as u32 });
        }
        Turned { news, cleaned }
    }

    /// Each day since the last cleaning with a quantile of its scores.
    fn series(&self, quantile: usize) -> Vec<(f32, f32)> {
        let since = self.days.iter().filter(|day| day.number >= self.since);
        since.map(|day| (day.number as f32, day.of(Measure::Score)[quantile])).collect()
    }

    /// The fall since the last cleaning, if there is one to act on.
    fn falling(&self) -> Option<Fall> {
        Fall::of(&self.series(BEST), &self.series(MIDDLE))
    }

    /// Whether a day that is over steps up from a fall: somebody has cleaned. On the day of the cleaning itself half of the
    /// pictures may still be dirty, so it is compared with the days before the last one, too.
    fn steps_up(&self, day: &Day) -> bool {
        let [_, middle, best] = day.of(Measure::Score);
        (0..2).any(|mixed| {
            let known = self.days.len().saturating_sub(mixed);
            let cut = |quantile: usize| {
                let mut series = self.series(quantile);
                series.truncate(series.len().saturating_sub(mixed));
                series
            };
            let (bests, middles) = (cut(BEST), cut(MIDDLE));
            let (Some(fall), Some((last, _))) = (Fall::of(&bests, &middles), bests.last()) else { return false };
            let lately = &self.days[known.saturating_sub(3)..known];
            let before = |i: usize| lately.iter().map(|day| day.of(Measure::Score)[i]).fold(0.0, f32::max);
            let step = f32::max(STEP_UP.0, STEP_UP.1 * fall.best.spread);
            let line = fall.best.after((day.number as f32 - last).max(1.0));
            best > f32::max(line, before(BEST)) + step && middle > before(MIDDLE) + STEP_UP.0
        })
    }

    /// The lens was cleaned by the end of that day, as some light shows. What was learnt of the dirt no longer counts.
    pub(super) fn cleaned(&mut self, number: u32) -> Option<BaselineNews> {
        let middles = self.series(MIDDLE);
        let level = |five: &[(f32, f32)]| median(five.iter().map(|(_, value)| *value)).unwrap_or_default();
        let best = middles.windows(5).map(|five| (level(five), five[4].0)).max_by(|a, b| a.0.total_cmp(&b.0));
        if let (Some((_, clean)), Some(_)) = (best, self.falling()) {
            self.days.retain(|day| day.number as f32 <= clean || day.number >= number);
        }
        (self.since, self.doubt) = (number, 0);
        self.told.take().map(|_| BaselineNews::Clean { light: self.light, cleaned: true })
    }

    /// The level before anything fell: since the last cleaning the best of the middles of five days.
    fn clean(&self) -> Option<f32> {
        let middles = self.series(MIDDLE);
        middles.windows(5).filter_map(|five| median(five.iter().map(|(_, value)| *value))).reduce(f32::max)
    }

    /// In how many days half of the pictures want cleaning: at best knowledge, at the earliest, at the latest.
    ///
    /// A little dirt costs models little: what grows evenly lowers the score first slowly, then ever faster. So the root of
    /// what is lost is taken to grow evenly, as of the last days; the interval reaches to where a straight line would.
    fn reaches(&self, straight: Trend, floor: f32) -> Option<[f32; 3]> {
        let clean = self.clean()?;
        let lowest = lowest(clean, floor);
        let [even, even_earliest, even_latest] = straight.reaches(lowest)?;
        let root = |lost: f32| -lost.signum() * lost.abs().sqrt();
        let roots: Vec<_> = self.series(MIDDLE).iter().map(|(day, middle)| (*day, root(clean - middle))).collect();
        let last = &roots[roots.len().saturating_sub(STRETCHES[2])..];
        let bent = Trend::through(last).and_then(|trend| trend.reaches(root(clean - lowest)));
        let Some([by, earliest, latest]) = bent else { return Some([even, even_earliest, even_latest]) };
        Some([by, earliest.min(even_earliest), latest.max(even_latest)])
    }

    /// Says by when to clean, if that has become credible or has moved.
    fn fall(&mut self, floor: f32) -> Option<BaselineNews> {
        let (last, middle) = *self.series(MIDDLE).last()?;
        let found = self.falling().and_then(|fall| Some((fall.middle, self.reaches(fall.middle, floor)?)));
        let Some((trend, [by, earliest, latest])) = found.filter(|(_, [by, ..])| *by <= HORIZON) else {
            let told = self.told?;
            // Below the floor it may well lie flat: that is no better.
            if self.clean().is_some_and(|clean| middle < lowest(clean, floor)) {
                return None;
            }
            self.doubt += 1;
            if self.doubt < DOUBT {
                return None;
            }
            (self.told, self.doubt) = (None, 0);
            return Some(BaselineNews::Clean { light: told.light, cleaned: false });
        };
        self.doubt = 0;
        // A day's numbers stand for its middle.
        let date = |days: f32| {
            let days = f64::from(last) + 0.5 + f64::from(days.clamp(-HORIZON, 4.0 * HORIZON));
            (days * f64::from(DAY)) as u64
        };
        let clean = CleanBy {
            light: self.light,
            by: date(by),
            earliest: date(earliest),
            latest: date(latest),
            confidence: CONFIDENCE,
            fall: -trend.slope,
        };
        if let Some(told) = self.told {
            let (moved, left) = (told.by.abs_diff(clean.by) as f32 / DAY, by.max(0.0));
            if moved <= f32::max(MOVED.0, MOVED.1 * left) {
                return None;
            }
        }
        self.told = Some(clean);
        Some(BaselineNews::CleanBy(clean))
    }
}

/// The score at which a light's pictures want cleaning: the gate's floor, or where the floor lies above what was ever
/// usual by this light, so far under that.
fn lowest(clean: f32, floor: f32) -> f32 {
    if clean > floor + UNDER / 2.0 { floor } else { clean - UNDER }
}

/// A fall to act on: certain, and not too small. Rain and traffic lower a day's middle; dirt its best pictures, too.
#[derive(Clone, Copy, Debug)]
struct Fall {
    best: Trend,
    middle: Trend,
}

impl Fall {
    fn of(best: &[(f32, f32)], middle: &[(f32, f32)]) -> Option<Self> {
        let certain = |days: usize| {
            let through = |points: &[(f32, f32)]| {
                let trend = Trend::through(&points[points.len().saturating_sub(days)..])?;
                (trend.between.1 < 0.0 && -trend.slope * trend.span >= LEAST_FALL).then_some(trend)
            };
            Some(Self { best: through(best)?, middle: through(middle)? })
        };
        STRETCHES.into_iter().filter_map(certain).reduce(|long, short| {
            let (_, flattest) = short.middle.between;
            if flattest < long.middle.slope { short } else { long }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: f32 = 0.5;

    /// Plays days of 1,440 looks each; `score` is a day's middle. What was said, with the day after which it was.
    fn play(days: u32, score: impl Fn(u32) -> f32) -> (Vec<(u32, BaselineNews)>, Course) {
        let (mut course, mut said) = (Course::new(LightMode::Colour), Vec::new());
        for day in 100..100 + days {
            said.extend(course.turn(day, FLOOR).news.into_iter().map(|news| (day - 100, news)));
            for look in 0..1440 {
                let off = ((look * 7919) % 1440) as f32 / 1440.0 - 0.5;
                course.add(day, score(day - 100) + 0.2 * off, &Scalars { texture: 0.4, ..Scalars::default() });
            }
        }
        (said, course)
    }

    #[test]
    fn what_is_usual_is_known_after_three_days_and_stands_a_foggy_one() {
        let (said, course) = play(10, |day| if day == 7 { 0.2 } else { 0.7 });
        let [(3, BaselineNews::Ready { band, days: 3, .. })] = &said[..] else { panic!("{said:?}") };
        for (got, want) in [(band.low, 0.62), (band.normal, 0.7), (band.high, 0.78)] {
            assert!((got - want).abs() < 0.02, "{band:?}");
        }
        assert!((course.band().expect("known").normal - 0.7).abs() < 0.01);
        assert!((course.usual(Measure::Texture).expect("known")[1] - 0.4).abs() < 0.02);
    }

    #[test]
    fn a_slow_fall_has_a_date_that_cleaning_takes_away() {
        // Falls by 0.01 a day from day 10, reaches the floor on day 30; cleaned on day 28.
        let (said, course) = play(36, |day| if (10..28).contains(&day) { 0.7 - 0.01 * (day - 10) as f32 } else { 0.7 });
        let dates: Vec<_> = said
            .iter()
            .filter_map(|(day, news)| match news {
                BaselineNews::CleanBy(clean) => Some((*day, clean.by as f32 / DAY - 100.0)),
                _ => None,
            })
            .collect();
        let &(first, _) = dates.first().expect("said");
        assert!((14..=20).contains(&first), "{dates:?}");
        let &(_, date) = dates.last().expect("said");
        assert!((date - 30.5).abs() < 2.0 && dates.len() <= 10, "{dates:?}");
        let cleaned = BaselineNews::Clean { light: LightMode::Colour, cleaned: true };
        assert_eq!(said.last(), Some(&(29, cleaned)), "{said:?}");
        assert_eq!(course.told(), None);
    }

    #[test]
    fn noise_and_bad_weeks_are_no_fall() {
        for (what, score) in [
            ("noise", (|day| 0.7 + 0.02 * ((day * 7) % 5) as f32) as fn(u32) -> f32),
            ("three bad days", |day| if (12..15).contains(&day) { 0.5 } else { 0.7 }),
            ("a step down that stays", |day| if day < 15 { 0.7 } else { 0.64 }),
        ] {
            let said: Vec<_> =
                play(40, score).0.into_iter().filter(|(_, news)| !matches!(news, BaselineNews::Ready { .. })).collect();
            assert_eq!(said, [], "{what}");
        }
    }

    #[test]
    fn a_clock_set_back_loses_what_was_learnt_in_the_future_and_no_more() {
        let (_, mut course) = play(5, |_| 0.7);
        assert_eq!(course.turn(5000, FLOOR), Turned::default());
        (0..200).for_each(|_| course.add(5000, 0.3, &Scalars::default()));
        assert_eq!((course.turn(5001, FLOOR), course.days()), (Turned::default(), 6));
        course.add(5001, 0.3, &Scalars::default());
        course.add(105, 0.7, &Scalars::default());
        assert_eq!(course.days(), 5);
        assert!(course.is_sound());
    }
}
