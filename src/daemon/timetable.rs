//! Which thresholds are in force: a stream's own, or those of a schedule.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    config::{Schedule, in_force},
    facts::LightMode,
    monitor::GateSettings,
};

/// The time of day that schedules go by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wall {
    /// The machine's clock.
    #[default]
    Now,
    /// Stream time 0 was then: recorded files.
    From(Timestamp),
    /// Nobody knows; schedules don't apply.
    Unknown,
}

impl Wall {
    fn at(self, stream_time: Duration) -> Option<Timestamp> {
        match self {
            Self::Now => Some(Timestamp::now()),
            Self::From(begin) => begin.checked_add(stream_time).ok(),
            Self::Unknown => None,
        }
    }
}

/// A stream's schedules and which one is in force.
#[derive(Clone, Debug)]
pub(super) struct Timetable {
    schedules: Vec<Schedule>,
    own: GateSettings,
    wall: Wall,
    /// Place of the schedule in force; the stream's own thresholds are without one.
    standing: Option<usize>,
}

impl Timetable {
    /// The stream's own thresholds are in force.
    pub(super) fn new(schedules: Vec<Schedule>, own: GateSettings, wall: Wall) -> Self {
        Self { schedules, own, wall, standing: None }
    }

    /// The thresholds from now on, if they are others than until now.
    pub(super) fn turn(&mut self, stream_time: Duration, light: Option<LightMode>) -> Option<GateSettings> {
        if self.schedules.is_empty() {
            return None;
        }
        let at = self.wall.at(stream_time)?;
        let schedule = in_force(&self.schedules, at, light);
        let place = schedule.and_then(|one| self.schedules.iter().position(|s| std::ptr::eq(s, one)));
        if place == self.standing {
            return None;
        }
        let settings = schedule.map_or(self.own, |schedule| {
            let (close_below, open_above) = (schedule.thresholds.close_below, schedule.thresholds.open_above);
            GateSettings { close_below, degrade_below: (close_below + open_above) / 2.0, open_above, ..self.own }
        });
        self.standing = place;
        Some(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ScheduleKeys;

    #[test]
    fn a_schedule_comes_and_goes_by_the_files_own_clock() {
        let text = "name = \"night\"\ntime_zone = \"Europe/Berlin\"\nfrom = \"22:00\"\nto = \"06:00\"\nclose_below = 0.2\nopen_above = 0.3\n";
        let keys: ScheduleKeys = toml::from_str(text).expect("keys");
        let schedules = vec![keys.check().expect("valid")];
        let time = Duration::from_secs(1);
        let own = GateSettings {
            close_below: 0.4,
            degrade_below: 0.5,
            open_above: 0.6,
            close_for: time,
            open_for: time,
            stale_after: time,
        };
        let wall = Wall::From("2026-01-10T20:59:00Z".parse().expect("time"));
        let mut table = Timetable::new(schedules.clone(), own, wall);
        assert_eq!(table.turn(Duration::from_secs(59), None), None);
        let night = table.turn(Duration::from_secs(60), None).expect("night begins");
        assert_eq!((night.close_below, night.degrade_below, night.open_above), (0.2, 0.25, 0.3));
        assert_eq!(table.turn(Duration::from_secs(61), None), None, "said once");
        assert_eq!(table.turn(Duration::from_secs(60 + 8 * 3600), None), Some(own));
        assert_eq!(Timetable::new(schedules, own, Wall::Unknown).turn(Duration::ZERO, None), None);
    }
}
