//! Shard workers as scripts and manifests for engines: text out of numbers and command lines.
//!
//! Nothing here talks to a scheduler. An engine hands out indices and starts dead tasks again; which shards there are is
//! in the plan, and which of them count is decided by commit records (`shard`).

mod bash;
mod error;
pub mod kubernetes;
pub mod slurm;
mod yaml;

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

pub use error::SubmitError;

/// Exit codes that another try won't change: usage, bad data, another plan.
pub const FINAL_CODES: [u8; 3] = [2, 65, 78];

/// Seconds that an engine waits for a worker that is told to stop: more than [`crate::shard::GRACE`].
pub const GRACE_SECONDS: u32 = 120;

/// What every task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Path or name of `miqa-offline` where the tasks run.
    pub program: OsString,
    /// Its subcommand.
    pub step: String,
    /// The step's arguments, all but the shard.
    pub arguments: Vec<OsString>,
    /// Shards that the tasks share; none for a step that is one piece of work.
    pub shards: Option<u32>,
    /// Where the step writes, as its arguments say it: the argument and its value.
    pub writes: Vec<(&'static str, String)>,
    /// Whether the step's models run on a GPU (`--device cuda`).
    pub on_gpu: bool,
    /// What the shards are of, for people: `plan 0123456789ab`.
    pub inputs: String,
}

impl Work {
    /// Program, step and arguments.
    pub fn words(&self) -> impl Iterator<Item = OsString> + '_ {
        [self.program.clone(), self.step.clone().into()].into_iter().chain(self.arguments.iter().cloned())
    }

    /// What is odd about so many GPUs of a task; none where the step's models run on what it gets.
    #[must_use]
    pub fn gpu_warning(&self, gpus: u32) -> Option<String> {
        let step = &self.step;
        match (self.on_gpu, gpus) {
            (true, 0) => Some(format!("{step} runs on a GPU (--device cuda), but no task asks for one; give --gpus 1")),
            (false, 1..) if step == "label" => {
                Some(format!("{step} runs on the CPU, but each task asks for {gpus} GPUs; give the step --device cuda"))
            }
            (false, 1..) => {
                Some(format!("{step} runs on the CPU, but each task asks for {gpus} GPUs; leave --gpus out"))
            }
            _ => None,
        }
    }

    /// Refuses what must not be printed.
    ///
    /// # Errors
    /// An argument is an address with a password in it.
    fn check(&self) -> Result<(), SubmitError> {
        let password = |word: &OsString| {
            let text = word.to_str()?;
            // Also in `--out=s3://…`.
            let address =
                text.split_once('=').map_or(text, |(flag, value)| if flag.contains(':') { text } else { value });
            url::Url::parse(address).ok()?.password()?;
            Some(())
        };
        if self.words().any(|word| password(&word).is_some()) {
            return Err(SubmitError::Password { step: self.step.clone() });
        }
        Ok(())
    }
}

/// Main memory, in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory(pub u64);

impl FromStr for Memory {
    type Err = String;

    /// `512M`, `8G` or `1T`, in powers of 1,024.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}`: give a whole number and M, G or T, as 512M or 8G");
        let unit = text.chars().last().ok_or_else(wrong)?;
        let factor: u64 = match unit {
            'M' => 1,
            'G' => 1024,
            'T' => 1024 * 1024,
            _ => return Err(wrong()),
        };
        let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
        count.checked_mul(factor).filter(|mib| *mib > 0).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}M", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_in_powers_of_1024() {
        for (text, mib) in [("512M", 512), ("8G", 8192), ("1T", 1_048_576)] {
            assert_eq!(text.parse(), Ok(Memory(mib)));
        }
        for wrong in ["", "8", "G", "0G", "-1G", "8g", "8Gi", "1.5G", "99999999999999999T", "8é"] {
            assert!(wrong.parse::<Memory>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn passwords_in_addresses_are_refused() {
        let work = |argument: &str| Work {
            program: "miqa-offline".into(),
            step: "generate".into(),
            arguments: vec!["--out".into(), argument.into()],
            shards: Some(1),
            writes: Vec::new(),
            on_gpu: false,
            inputs: String::new(),
        };
        for refused in ["s3://key:hidden@bucket/x", "--out=s3://key:hidden@bucket/x"] {
            let message = work(refused).check().err().map(|e| e.to_string()).unwrap_or_default();
            assert!(message.contains("generate") && !message.contains("hidden"), "{message}");
        }
        for fine in ["s3://bucket/x", "abfss://container@account.example/x", "a:b@c", "/data/a=b:c", "x=s3://bucket/y"]
        {
            assert_eq!(work(fine).check(), Ok(()), "{fine}");
        }
    }
}
