//! `[[gate.schedule]]` and `[[stream.gate.schedule]]`: other thresholds at other times, or in other light.
//!
//! A pure decision: wall time and light mode in, thresholds out. Times of day are those of a named time zone. A time
//! that a change to summer time skips counts as the same distance from midnight on the old clock, so 02:30 becomes 03:30; a time that
//! comes twice counts the first time (RFC 5545, section 3.3.5). So two spans that meet on paper also meet on those
//! nights, and no span ever comes twice or not at all.

use std::str::FromStr;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::facts::LightMode;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    fn of(date: Date) -> Self {
        match date.weekday() {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// A time of day, written `"HH:MM"`; `"24:00"` is midnight at the day's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(Time);

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no time of day; write it as \"HH:MM\", such as \"06:30\"");
        let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
        let number = |part: &str| -> Option<i8> {
            (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
        };
        match (number(hour), number(minute)) {
            (Some(24), Some(0)) => Ok(Self(Time::midnight())),
            (Some(hour), Some(minute)) => Time::new(hour, minute, 0, 0).map(Self).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0.strftime("%H:%M"))
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// The keys of one schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleKeys {
    /// Name that events give for it. Required.
    pub name: String,
    /// IANA name of the time zone that days and times are meant in, such as `"Europe/Berlin"`. Required: a server's
    /// own zone is often not the camera's.
    pub time_zone: String,
    /// Days on which it begins, `"mon"` to `"sun"`. Default: all.
    pub days: Option<Vec<Day>>,
    /// Time of day at which it begins, `"HH:MM"`; with `to`. Default: whole days.
    pub from: Option<TimeOfDay>,
    /// Time of day at which it ends, not included. Not after `from` means on the next day.
    pub to: Option<TimeOfDay>,
    /// Only in this light: `"colour"`, `"infrared"` or `"low_light"`. Default: any.
    pub light: Option<LightMode>,
    /// Score (0–1) below which the gate closes. Required.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub close_below: f32,
    /// Score (0–1) from which it opens again, at least `close_below`. Required.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub open_above: f32,
}

/// The thresholds of a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Score below which it closes.
    pub close_below: f32,
    /// Score from which it opens again.
    pub open_above: f32,
}

/// One checked schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// What holds while it applies.
    pub thresholds: Thresholds,
    zone: TimeZone,
    days: Option<Vec<Day>>,
    /// Begin and end; equal ones mean a day from that time on.
    span: (Time, Time),
    light: Option<LightMode>,
}

/// The first schedule that applies at a wall time and in a light; none leaves the gate's own thresholds. Without a
/// light mode (no frame yet) those that name one don't apply.
pub fn in_force(schedules: &[Schedule], at: Timestamp, light: Option<LightMode>) -> Option<&Schedule> {
    schedules.iter().find(|schedule| schedule.applies(at, light))
}

impl Schedule {
    /// Whether it applies at a wall time and in a light.
    pub fn applies(&self, at: Timestamp, light: Option<LightMode>) -> bool {
        if self.light.is_some() && self.light != light {
            return false;
        }
        let today = self.zone.to_datetime(at).date();
        // A span that began yesterday may still run; a skipped hour can carry one over midnight as well.
        [today.yesterday().ok(), Some(today)].into_iter().flatten().any(|day| self.covers(day, at))
    }

    /// Whether the span that begins on a day covers a moment.
    fn covers(&self, day: Date, at: Timestamp) -> bool {
        if self.days.as_ref().is_some_and(|days| !days.contains(&Day::of(day))) {
            return false;
        }
        let (from, to) = self.span;
        let last = if to > from { Ok(day) } else { day.checked_add(1.day()) };
        let moment = |date: Date, time: Time| self.zone.to_ambiguous_timestamp(date.to_datetime(time)).compatible();
        // Beyond the calendar (year 9999) nothing applies.
        let begin = moment(day, from);
        let end = last.and_then(|last| moment(last, to));
        matches!((begin, end), (Ok(begin), Ok(end)) if begin <= at && at < end)
    }
}

impl ScheduleKeys {
    /// The schedule these keys mean, or the key that is wrong and why.
    ///
    /// # Errors
    /// The key's name and what to write instead.
    pub fn check(self) -> Result<Schedule, (&'static str, String)> {
        if self.name.is_empty() {
            return Err(("name", "is empty; events name the schedule by it".into()));
        }
        let zone = TimeZone::get(&self.time_zone).map_err(|_| ("time_zone", unknown_zone(&self.time_zone)))?;
        let span = match (self.from, self.to) {
            (Some(TimeOfDay(from)), Some(TimeOfDay(to))) => (from, to),
            (None, None) => (Time::midnight(), Time::midnight()),
            (Some(_), None) => return Err(("to", "is missing; from and to go together".into())),
            (None, Some(_)) => return Err(("from", "is missing; from and to go together".into())),
        };
        if self.days.as_ref().is_some_and(Vec::is_empty) {
            return Err(("days", "is empty, so the schedule never applies; name days or leave the key out".into()));
        }
        if self.days.is_none() && self.from.is_none() && self.light.is_none() {
            return Err((
                "from",
                "is missing, as are days and light, so it always applies; put the thresholds into the gate".into(),
            ));
        }
        for (key, value) in [("close_below", self.close_below), ("open_above", self.open_above)] {
            if let Some(reason) = super::off_scale(value) {
                return Err((key, reason));
            }
        }
        if self.open_above < self.close_below {
            return Err(("open_above", format!("{} is below close_below ({})", self.open_above, self.close_below)));
        }
        let thresholds = Thresholds { close_below: self.close_below, open_above: self.open_above };
        Ok(Schedule { name: self.name, thresholds, zone, days: self.days, span, light: self.light })
    }
}

/// What to say of a zone that nobody knows: the nearest name there is.
fn unknown_zone(name: &str) -> String {
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    let known = jiff::tz::db().available().map(|known| (distance(known.as_str()), known.to_string()));
    match known.min() {
        Some((distance, near)) if distance <= 1 + near.len() / 4 => {
            format!("\"{name}\" is no time zone; did you mean \"{near}\"?")
        }
        _ => format!("\"{name}\" is no time zone; write an IANA name, such as \"Europe/Berlin\""),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<ScheduleKeys, String> {
        let text = format!("name = \"n\"\nclose_below = 0.3\nopen_above = 0.4\n{text}");
        toml::from_str(&text).map_err(|e| e.message().to_owned())
    }

    fn berlin(text: &str) -> Schedule {
        keys(&format!("time_zone = \"Europe/Berlin\"\n{text}")).unwrap().check().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The moments at which a schedule begins and ends applying between two moments, minute by minute.
    fn edges(schedule: &Schedule, from: &str, to: &str) -> Vec<String> {
        let (mut now, end) = (at(from), at(to));
        let (mut found, mut before) = (Vec::new(), schedule.applies(now, None));
        while now < end {
            now += 1.minute();
            let applies = schedule.applies(now, None);
            if applies != before {
                found.push(now.to_string());
            }
            before = applies;
        }
        found
    }

    #[test]
    fn a_night_runs_across_midnight_and_belongs_to_the_day_it_begins() {
        // 2024-03-08 is a Friday; Berlin is one hour ahead of UTC.
        let night = berlin("days = [\"fri\"]\nfrom = \"22:00\"\nto = \"06:00\"");
        assert_eq!(
            edges(&night, "2024-03-04T00:00Z", "2024-03-12T00:00Z"),
            ["2024-03-08T21:00:00Z", "2024-03-09T05:00:00Z"]
        );
        let day = berlin("from = \"06:00\"\nto = \"24:00\"\ndays = [\"sat\", \"sun\"]");
        assert_eq!(
            edges(&day, "2024-03-08T12:00Z", "2024-03-11T12:00Z"),
            ["2024-03-09T05:00:00Z", "2024-03-09T23:00:00Z", "2024-03-10T05:00:00Z", "2024-03-10T23:00:00Z"]
        );
        let whole = berlin("days = [\"sun\"]");
        assert_eq!(
            edges(&whole, "2024-03-08T12:00Z", "2024-03-12T12:00Z"),
            ["2024-03-09T23:00:00Z", "2024-03-10T23:00:00Z"]
        );
    }

    #[test]
    fn a_time_that_does_not_exist_comes_an_hour_later_on_the_clock() {
        // Berlin, 2024-03-31: 02:00 (01:00 UTC) becomes 03:00. 02:30 counts as 03:30, which is 01:30 UTC.
        let inside = berlin("from = \"02:15\"\nto = \"02:45\"");
        assert_eq!(
            edges(&inside, "2024-03-30T12:00Z", "2024-03-31T12:00Z"),
            ["2024-03-31T01:15:00Z", "2024-03-31T01:45:00Z"],
            "half an hour as on any day"
        );
        let early = berlin("from = \"22:00\"\nto = \"02:30\"");
        let late = berlin("from = \"02:30\"\nto = \"22:00\"");
        let meet = "2024-03-31T01:30:00Z";
        assert_eq!(edges(&early, "2024-03-31T00:00Z", "2024-03-31T12:00Z"), [meet]);
        assert_eq!(edges(&late, "2024-03-31T00:00Z", "2024-03-31T12:00Z"), [meet]);
    }

    #[test]
    fn a_time_that_is_there_twice_counts_the_first_time() {
        // Berlin, 2024-10-27: 03:00 (01:00 UTC) becomes 02:00; 02:30 is 00:30 UTC and again 01:30 UTC.
        let inside = berlin("from = \"02:15\"\nto = \"02:45\"");
        assert_eq!(
            edges(&inside, "2024-10-26T12:00Z", "2024-10-27T12:00Z"),
            ["2024-10-27T00:15:00Z", "2024-10-27T00:45:00Z"],
            "once, not twice"
        );
        let early = berlin("from = \"22:00\"\nto = \"02:30\"");
        let late = berlin("from = \"02:30\"\nto = \"22:00\"");
        let meet = "2024-10-27T00:30:00Z";
        assert_eq!(edges(&early, "2024-10-27T00:00Z", "2024-10-27T12:00Z"), [meet]);
        assert_eq!(edges(&late, "2024-10-27T00:00Z", "2024-10-27T12:00Z"), [meet]);
    }

    #[test]
    fn neighbouring_spans_tile_a_year_without_gap_or_overlap() {
        let spans = [("00:00", "02:30"), ("02:30", "14:00"), ("14:00", "24:00")];
        for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana"] {
            let schedules: Vec<_> = spans
                .iter()
                .map(|(from, to)| {
                    let text = format!("time_zone = \"{zone}\"\nfrom = \"{from}\"\nto = \"{to}\"");
                    keys(&text).unwrap().check().unwrap()
                })
                .collect();
            let mut now = at("2024-01-01T00:07Z");
            while now < at("2025-01-01T00:00Z") {
                let n = schedules.iter().filter(|s| s.applies(now, None)).count();
                assert_eq!(n, 1, "{zone} {now}");
                now += 17.minutes();
            }
        }
    }

    #[test]
    fn the_first_that_applies_wins_and_light_counts() {
        let list = [
            berlin("light = \"infrared\""),
            berlin("from = \"20:00\"\nto = \"06:00\"\nlight = \"low_light\""),
            berlin("from = \"20:00\"\nto = \"06:00\""),
        ];
        let which = |hour: u32, light| {
            let found = in_force(&list, at(&format!("2024-01-10T{hour:02}:30Z")), light);
            found.map(|found| list.iter().position(|s| std::ptr::eq(s, found)).unwrap())
        };
        assert_eq!(which(12, Some(LightMode::Colour)), None);
        assert_eq!(which(12, Some(LightMode::Infrared)), Some(0));
        assert_eq!(which(23, Some(LightMode::Infrared)), Some(0));
        assert_eq!(which(23, Some(LightMode::LowLight)), Some(1));
        assert_eq!(which(23, Some(LightMode::Colour)), Some(2));
        assert_eq!(which(23, None), Some(2));
        assert_eq!(which(12, None), None);
    }

    #[test]
    fn errors_name_the_key_and_the_next_step() {
        let zone = "time_zone = \"Europe/Berlin\"\n";
        for (text, key, want) in [
            (
                "time_zone = \"Europe/Berln\"\nlight = \"colour\"".to_owned(),
                "time_zone",
                "did you mean \"Europe/Berlin\"?",
            ),
            (
                "time_zone = \"my office clock, please\"\nlight = \"colour\"".to_owned(),
                "time_zone",
                "write an IANA name",
            ),
            (format!("{zone}from = \"22:00\""), "to", "is missing"),
            (format!("{zone}to = \"22:00\""), "from", "is missing"),
            (format!("{zone}days = []"), "days", "never applies"),
            (zone.to_owned(), "from", "always applies"),
        ] {
            let (at, reason) = keys(&text).unwrap().check().unwrap_err();
            assert!(at == key && reason.contains(want), "{text}: {at}: {reason}");
        }
        for (text, want) in [
            ("light = \"colour\"", "missing field `time_zone`"),
            ("time_zone = \"UTC\"\nfrom = \"7:00\"", "\"7:00\" is no time of day"),
            ("time_zone = \"UTC\"\nfrom = \"24:30\"", "\"24:30\" is no time of day"),
            ("time_zone = \"UTC\"\nfrom = \"0a:30\"", "is no time of day"),
            ("time_zone = \"UTC\"\ndays = [\"monday\"]", "unknown variant `monday`"),
            ("time_zone = \"UTC\"\nlight = \"dark\"", "unknown variant `dark`"),
            ("time_zone = \"UTC\"\nuntil = \"06:00\"", "unknown field `until`"),
        ] {
            let error = keys(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
        let odd = |close, open| {
            let keys = keys(&format!("{zone}light = \"colour\"")).unwrap();
            ScheduleKeys { close_below: close, open_above: open, ..keys }.check().unwrap_err().0
        };
        assert_eq!((odd(0.5, 0.4), odd(1.5, 0.4), odd(0.5, f32::NAN)), ("open_above", "close_below", "open_above"));
    }
}
