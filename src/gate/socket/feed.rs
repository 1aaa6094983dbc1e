//! What is to be said on the socket and when: pure, times come in.

use crate::{
    event::{GateReason, GateState},
    gate::{Entry, Kind, Line, Standing},
};

/// Renewals are not closer together than this, however short the lease, in nanoseconds.
const SHORTEST: u64 = 100_000_000;

/// Nor further apart than this, so that a reader soon notices a daemon that hangs.
const LONGEST: u64 = 1_000_000_000;

/// Every stream's newest entry, and what was last said of it.
#[derive(Debug, Default)]
pub(super) struct Feed(Vec<Fed>);

#[derive(Debug)]
struct Fed {
    entry: Entry,
    /// What the last line said; `None` before the first.
    said: Option<(GateState, Option<GateState>, GateState, GateReason, bool)>,
    /// Lines said of this stream so far.
    number: u64,
    /// When the next one is due if nothing changes before.
    due_at: u64,
}

/// A line that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The stream's place.
    pub(super) stream: usize,
    /// The line's number.
    pub(super) number: u64,
    pub(super) kind: Kind,
}

fn gist(standing: &Standing) -> (GateState, Option<GateState>, GateState, GateReason, bool) {
    let status = &standing.status;
    (status.decided, status.enforced, status.when_unknown, status.reason, standing.gone)
}

impl Feed {
    /// Takes the board's newest entries.
    pub(super) fn take(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            match self.0.iter_mut().find(|fed| fed.entry.status.stream == entry.status.stream) {
                Some(fed) => fed.entry = entry,
                None => self.0.push(Fed { entry, said: None, number: 0, due_at: 0 }),
            }
        }
    }

    /// The lines that are due at time `now`; they count as said from then on.
    ///
    /// A change is due at once, also the one that a lease's end is; otherwise a third of what is left of the lease may
    /// pass.
    pub(super) fn due(&mut self, now: u64) -> Vec<Due> {
        let mut lines = Vec::new();
        for (stream, fed) in self.0.iter_mut().enumerate() {
            let standing = fed.entry.standing(now);
            let gist = gist(&standing);
            let changed = fed.said != Some(gist);
            if !changed && (now < fed.due_at || fed.entry.gone) {
                continue;
            }
            (fed.said, fed.number) = (Some(gist), fed.number + 1);
            let left = standing.valid_until.saturating_sub(now);
            fed.due_at = now.saturating_add((left / 3).clamp(SHORTEST, LONGEST));
            if standing.status.decided != GateState::Unknown {
                // The lease's end is a change.
                fed.due_at = fed.due_at.min(fed.entry.valid_until);
            }
            lines.push(Due { stream, number: fed.number, kind: if changed { Kind::Change } else { Kind::Renewal } });
        }
        lines
    }

    /// When the next line is due, if nothing changes before.
    pub(super) fn next(&self) -> Option<u64> {
        self.0.iter().filter(|fed| !fed.entry.gone).map(|fed| fed.due_at).min()
    }

    /// The newest lines of streams of which a reader has seen fewer: `seen` are the numbers it has seen, by place.
    pub(super) fn missed(&self, seen: &[u64], kind: Kind) -> Vec<Due> {
        let seen = |i: usize| seen.get(i).copied().unwrap_or(0);
        let missed = |(stream, fed): (usize, &Fed)| {
            // Who never heard of a stream needs no word of its end.
            let news = fed.number > seen(stream) && !(fed.entry.gone && seen(stream) == 0);
            news.then_some(Due { stream, number: fed.number, kind })
        };
        self.0.iter().enumerate().filter_map(missed).collect()
    }

    /// A line's text, with what is left of its lease at time `now`.
    pub(super) fn line(&self, due: Due, now: u64) -> Vec<u8> {
        let line = Line::new(self.0[due.stream].entry.standing(now), due.kind, now);
        let mut text = serde_json::to_vec(&line).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::GateStatus;

    const S: u64 = 1_000_000_000;

    fn entry(stream: &str, decided: GateState, valid_until: u64) -> Entry {
        let status = GateStatus { stream: stream.into(), decided, enforced: Some(decided), ..GateStatus::default() };
        Entry { status, valid_until, ..Entry::default() }
    }

    fn kinds(lines: &[Due]) -> Vec<(usize, Kind)> {
        lines.iter().map(|due| (due.stream, due.kind)).collect()
    }

    #[test]
    fn changes_at_once_renewals_within_a_third_of_the_lease_and_the_end_of_a_lease() {
        let mut feed = Feed::default();
        feed.take(vec![entry("a", GateState::Open, 13 * S), entry("b", GateState::Closed, 12 * S)]);
        assert_eq!(kinds(&feed.due(10 * S)), [(0, Kind::Change), (1, Kind::Change)]);
        assert_eq!(feed.due(10 * S), []);
        // b's lease has 2 s left: renewed after 2/3 s; a's has 3 s.
        let next = feed.next().expect("something is due");
        assert_eq!(next, 10 * S + 2 * S / 3);
        assert_eq!(kinds(&feed.due(next)), [(1, Kind::Renewal)]);
        // A new lease alone is no reason to say more.
        feed.take(vec![entry("a", GateState::Open, 14 * S)]);
        assert_eq!(feed.due(next), []);
        feed.take(vec![entry("a", GateState::Closed, 14 * S)]);
        assert_eq!(kinds(&feed.due(next)), [(0, Kind::Change)]);
        // Nobody renews b: near the end lines come ten times a second, then it is unknown.
        let mut now = next;
        let mut last = None;
        while last != Some((1, Kind::Change)) {
            now = feed.next().expect("something is due");
            assert!(now <= 12 * S, "the lease's end was missed");
            last = kinds(&feed.due(now)).into_iter().find(|(stream, _)| *stream == 1).or(last);
        }
        assert_eq!(now, 12 * S);
        let text = String::from_utf8(feed.line(Due { stream: 1, number: 0, kind: Kind::Change }, now)).expect("text");
        assert!(text.contains("\"decided\":\"unknown\",\"enforced\":\"unknown\"") && text.ends_with("}\n"), "{text}");
        // What is unknown goes on being said, as a sign of life.
        assert!(feed.next().expect("something is due") <= 13 * S);
    }

    #[test]
    fn who_missed_lines_gets_each_streams_newest_once() {
        let mut feed = Feed::default();
        feed.take(vec![entry("a", GateState::Open, 13 * S), entry("b", GateState::Open, 13 * S)]);
        feed.due(10 * S);
        let mut seen = vec![1, 1];
        for (i, state) in [GateState::Closed, GateState::Open, GateState::Closed].into_iter().enumerate() {
            feed.take(vec![entry("b", state, 13 * S)]);
            assert_eq!(feed.due(10 * S + i as u64).len(), 1);
        }
        let missed = feed.missed(&seen, Kind::Change);
        assert_eq!(missed, [Due { stream: 1, number: 4, kind: Kind::Change }]);
        seen[1] = 4;
        assert_eq!(feed.missed(&seen, Kind::Change), []);
        feed.take(vec![Entry { gone: true, ..entry("b", GateState::Unknown, 0) }]);
        assert_eq!(kinds(&feed.due(10 * S + S / 2)), [(1, Kind::Change)]);
        assert_eq!(kinds(&feed.missed(&seen, Kind::Change)), [(1, Kind::Change)]);
        // A newcomer hears of a only; nothing more is due of b.
        assert_eq!(kinds(&feed.missed(&[], Kind::State)), [(0, Kind::State)]);
        assert_eq!(kinds(&feed.due(12 * S)), [(0, Kind::Renewal)]);
    }
}
