//! What a gate was worth: a run that obeyed it beside the same run without it.

use std::time::Duration;

use crate::yolox::Detection;

/// One due frame of the clip.
pub(crate) struct Look {
    /// Presentation time in seconds.
    pub(crate) at: f64,
    /// The gate let the detector run.
    pub(crate) ran: bool,
    /// Time the detector takes for it.
    pub(crate) took: Duration,
    /// What it finds.
    pub(crate) found: Vec<Detection>,
    /// What it finds in the same frame of the clean clip.
    pub(crate) truth: Vec<Detection>,
}

/// Sums over looks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Worth {
    pub(crate) looks: usize,
    pub(crate) rested: usize,
    pub(crate) time: Duration,
    pub(crate) saved: Duration,
    pub(crate) wrong: usize,
    pub(crate) wrong_avoided: usize,
    pub(crate) right: usize,
    pub(crate) right_lost: usize,
}

/// A detection is right if the clean picture has one of its class there: overlap of at least one half.
fn right(look: &Look) -> usize {
    let matches = |d: &&Detection| look.truth.iter().any(|t| t.overlap(d) >= 0.5);
    look.found.iter().filter(matches).count()
}

impl Worth {
    pub(crate) fn of(looks: &[Look]) -> Self {
        let mut worth = Self::default();
        for look in looks {
            let (right, all) = (right(look), look.found.len());
            worth.looks += 1;
            worth.time += look.took;
            worth.right += right;
            worth.wrong += all - right;
            if !look.ran {
                worth.rested += 1;
                worth.saved += look.took;
                worth.right_lost += right;
                worth.wrong_avoided += all - right;
            }
        }
        worth
    }
}

impl std::fmt::Display for Worth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let share = |part: f64, whole: f64| if whole > 0.0 { 100.0 * part / whole } else { 0.0 };
        let (time, saved) = (self.time.as_secs_f64(), self.saved.as_secs_f64());
        writeln!(f, "frames looked at     {} of {}", self.looks - self.rested, self.looks)?;
        writeln!(f, "detector time saved  {saved:.2} s of {time:.2} s ({:.0} %)", share(saved, time))?;
        let line = |part: usize, whole: usize| format!("{part} of {whole} ({:.0} %)", share(part as f64, whole as f64));
        writeln!(f, "wrong ones avoided   {}", line(self.wrong_avoided, self.wrong))?;
        write!(f, "right ones lost      {}", line(self.right_lost, self.right))
    }
}
