//! The clocks: gates go by the monotonic one; schedules, silences and whatever is read by people by that of the day.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use super::finding::Finding;

/// Clocks are compared over this long.
const SPAN: Duration = Duration::from_millis(200);

/// A synchronised clock is slewed by 0.05 % at most (RFC 5905's PHI is 15 ppm); more within [`SPAN`] is a step.
const STEP: Duration = Duration::from_millis(20);

/// Clock sources that are slow to read or coarse.
const SLOW: [&str; 4] = ["hpet", "acpi_pm", "jiffies", "refined-jiffies"];

/// What was seen of the clocks.
#[derive(Clone, Debug)]
struct Seen {
    /// The clock of the day.
    wall: SystemTime,
    /// When this program's file was written; it can't be earlier than that.
    built: Option<SystemTime>,
    /// How far the two clocks went apart within [`SPAN`].
    apart: Duration,
    /// Whether a time server keeps the clock, as far as that can be seen.
    kept: Option<bool>,
    /// The kernel's clock source.
    source: Option<String>,
}

pub(super) fn check() -> Vec<Finding> {
    let (begin, wall) = (Instant::now(), SystemTime::now());
    std::thread::sleep(SPAN);
    let (steady, moved) = (begin.elapsed(), wall.elapsed());
    judge(&Seen {
        wall,
        built: std::env::current_exe().and_then(std::fs::metadata).and_then(|about| about.modified()).ok(),
        // A clock that went backwards went far enough.
        apart: moved.map_or(SPAN, |moved| moved.abs_diff(steady)),
        kept: kept(),
        source: std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource").ok(),
    })
}

/// Whether a time server keeps the clock: systemd says so, or nobody does.
fn kept() -> Option<bool> {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    let asked = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output().ok()?;
    match String::from_utf8_lossy(&asked.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn judge(seen: &Seen) -> Vec<Finding> {
    const MEND: &str = "timedatectl set-ntp true    # after: apt-get install systemd-timesyncd";
    let mut findings = Vec::new();
    let early = seen.built.is_some_and(|built| seen.wall < built);
    findings.push(if early {
        Finding::problem("clock", "time of day", "is before this program was built").mended_by(MEND)
    } else {
        match seen.kept {
            Some(true) => Finding::fine("clock", "time of day", "kept by a time server"),
            Some(false) => {
                Finding::problem("clock", "time of day", "no time server keeps it; schedules and silences go by it")
                    .mended_by(MEND)
            }
            None => Finding::note("clock", "time of day", "whether a time server keeps it can't be seen here")
                .mended_by("timedatectl    # on the host, if this is a container"),
        }
    });
    let apart = format!("{} ms apart within {} ms", seen.apart.as_millis(), SPAN.as_millis());
    findings.push(if seen.apart > STEP {
        Finding::problem("clock", "monotonic and time of day", apart)
            .mended_by("let one program alone set the clock: systemctl list-units '*ntp*' '*chrony*' '*timesync*'")
    } else {
        Finding::fine("clock", "monotonic and time of day", apart)
    });
    if let Some(source) = seen.source.as_deref().map(str::trim) {
        findings.push(if SLOW.contains(&source) {
            Finding::note("clock", "clock source", format!("{source} is slow to read"))
                .mended_by("boot with clocksource=tsc if the machine has a steady one")
        } else {
            Finding::fine("clock", "clock source", source)
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn each_fault_of_a_clock_is_told_from_the_others() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let good = Seen {
            wall: now,
            built: Some(now - Duration::from_secs(60)),
            apart: Duration::from_millis(1),
            kept: Some(true),
            source: Some("tsc\n".into()),
        };
        let verdicts = |seen: &Seen| judge(seen).iter().map(|finding| finding.verdict).collect::<Vec<_>>();
        use Verdict::{Fine, Note, Problem};
        assert_eq!(verdicts(&good), [Fine, Fine, Fine]);
        let early = Seen { wall: SystemTime::UNIX_EPOCH, ..good.clone() };
        assert_eq!(verdicts(&early), [Problem, Fine, Fine]);
        assert_eq!(verdicts(&Seen { kept: Some(false), ..good.clone() }), [Problem, Fine, Fine]);
        assert_eq!(verdicts(&Seen { kept: None, ..good.clone() }), [Note, Fine, Fine]);
        assert_eq!(verdicts(&Seen { apart: Duration::from_millis(21), ..good.clone() }), [Fine, Problem, Fine]);
        assert_eq!(verdicts(&Seen { source: Some("hpet".into()), ..good }), [Fine, Fine, Note]);
        assert_eq!(verdicts(&Seen { source: None, ..good }), [Fine, Fine]);
        for seen in [early, Seen { kept: None, ..good }] {
            assert!(judge(&seen).iter().all(|f| (f.verdict == Fine) == f.mend.is_none()));
        }
    }
}
