//! Whether and when a delivery is tried again. Pure.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use crate::sink::tls;

/// The pause after the first failure; it doubles up to the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// A receiver may ask for a longer pause, up to here.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// An HTTP status, with the pause that the receiver asks for.
    Status(u16, Option<Duration>),
    /// No answer, for a reason that may pass.
    None(String),
    /// No attempt will succeed.
    Never(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status @ 300..400, _) => write!(f, "status {status}; redirects are not followed"),
            Self::Status(status, _) => write!(f, "status {status}"),
            Self::None(reason) | Self::Never(reason) => f.write_str(reason),
        }
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    /// The receiver has it.
    Done,
    /// Try again after this pause.
    Again(Duration),
    /// No more attempts.
    GiveUp,
}

/// How long a delivery is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Attempts that the receiver may fail on with an error of its own.
    pub(super) attempts: u32,
    /// Time for which it may be away or busy.
    pub(super) retry_for: Duration,
}

impl Limits {
    /// The step after attempt number `attempt` (from 1), `spent` after the first began. `chance` is uniform in 0–1 and
    /// shortens the pause by up to a half, so that several senders don't come back at once.
    pub(super) fn next(self, answer: &Answer, attempt: u32, spent: Duration, chance: f64) -> Next {
        let asked = match answer {
            Answer::Status(200..300, _) => return Next::Done,
            // Away or busy: that passes, and is no fault of this event.
            Answer::Status(408 | 425 | 429 | 502..=504, asked) => asked.map(|asked| asked.min(LONGEST_ASKED)),
            Answer::None(_) => None,
            // It fails, perhaps on this very event: the others shall not wait for it too long.
            Answer::Status(500.., asked) if attempt < self.attempts => *asked,
            Answer::Status(..) | Answer::Never(_) => return Next::GiveUp,
        };
        let doubled = FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(LONGEST);
        let pause =
            doubled.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0).max(asked.unwrap_or_default().min(LONGEST_ASKED));
        if spent + pause > self.retry_for { Next::GiveUp } else { Next::Again(pause) }
    }
}

/// A number in 0–1 that differs between events and attempts.
pub(super) fn chance(id: &str, attempt: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (id, attempt).hash(&mut hasher);
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Whether an error may pass.
pub(super) fn judge(error: &ureq::Error) -> Answer {
    use ureq::Error as E;
    let mut said = error.to_string();
    if let Some(advice) = tls::advice(&said) {
        said = format!("{said}; {advice}");
    }
    match error {
        E::BadUri(_) | E::Http(_) | E::InvalidProxyUrl | E::Pem(_) => Answer::Never(said),
        // A certificate that is not trusted may be renewed; so all the rest may pass.
        _ => Answer::None(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { attempts: 3, retry_for: Duration::from_secs(60) };

    fn status(status: u16) -> Answer {
        Answer::Status(status, None)
    }

    #[test]
    fn what_passes_is_tried_again_what_does_not_is_given_up() {
        let ms = Duration::from_millis;
        let asked = |status, seconds| Answer::Status(status, Some(Duration::from_secs(seconds)));
        let away = Answer::None("refused".into());
        for (answer, attempt, spent, next) in [
            (status(200), 1, 0, Next::Done),
            (status(204), 9, 99_000, Next::Done),
            (status(301), 1, 0, Next::GiveUp),
            (status(400), 1, 0, Next::GiveUp),
            (status(410), 1, 0, Next::GiveUp),
            (status(500), 1, 0, Next::Again(ms(500))),
            (status(500), 2, 0, Next::Again(ms(1000))),
            (status(500), 3, 0, Next::GiveUp),
            (status(503), 3, 0, Next::Again(ms(2000))),
            (status(503), 40, 0, Next::Again(ms(30_000))),
            (away.clone(), 7, 0, Next::Again(ms(30_000))),
            (away.clone(), 7, 30_001, Next::GiveUp),
            (asked(429, 20), 1, 0, Next::Again(ms(20_000))),
            (asked(429, 0), 1, 0, Next::Again(ms(500))),
            (asked(503, 1_000_000), 1, 0, Next::GiveUp),
            (Answer::Never("bad".into()), 1, 0, Next::GiveUp),
        ] {
            assert_eq!(LIMITS.next(&answer, attempt, ms(spent), 0.0), next, "{answer:?} {attempt} {spent}");
        }
        assert_eq!(LIMITS.next(&away, 1, ms(0), 1.0), Next::Again(ms(250)));
    }

    #[test]
    fn chance_is_spread() {
        let all: Vec<f64> = (0..200).map(|i| chance("18c-7", i)).collect();
        assert!(all.iter().all(|c| (0.0..1.0).contains(c)));
        let mean = all.iter().sum::<f64>() / 200.0;
        assert!((mean - 0.5).abs() < 0.1, "{mean}");
    }
}
