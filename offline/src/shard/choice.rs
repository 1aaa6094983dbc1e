//! `--shard I` and `--shard auto`.

use std::fmt;
use std::str::FromStr;

/// Variables that hold a task's index: name, engine, value of the first task.
const VARIABLES: [(&str, &str, u32); 3] =
    [("SLURM_ARRAY_TASK_ID", "Slurm", 0), ("JOB_COMPLETION_INDEX", "Kubernetes", 0), ("SGE_TASK_ID", "Grid Engine", 1)];

/// What `--shard` was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardChoice {
    /// This one, from 0.
    Index(u32),
    /// The one that the engine's environment names.
    Auto,
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => text.parse().map(Self::Index).map_err(|_| format!("`{text}`: give a shard from 0, or `auto`")),
        }
    }
}

/// A shard, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// From 0.
    pub shard: u32,
    /// The flag, or the environment variable.
    pub origin: String,
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} (from {})", self.shard, self.origin)
    }
}

/// Why there is no shard to work on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ShardError {
    /// `auto` found nothing.
    #[error("--shard auto: none of SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX and SGE_TASK_ID is set; give --shard I")]
    NoVariable,
    /// A variable holds no index.
    #[error("--shard auto: {variable} is `{value}`, it should be a whole number from {first}; give --shard I")]
    NoIndex {
        /// Name of the variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// Index of the engine's first task.
        first: u32,
    },
    /// Two engines say different things.
    #[error("--shard auto: {first} and {second} disagree; give --shard I")]
    Disagree {
        /// One variable, and the shard that it means.
        first: String,
        /// The other.
        second: String,
    },
    /// There is no such shard.
    #[error("{chosen}: there are {shards} shards, 0 to {last}", last = shards - 1)]
    Beyond {
        /// Shard and origin.
        chosen: Chosen,
        /// Number of shards of the table.
        shards: u32,
    },
}

impl ShardChoice {
    /// The shard, of `shards` in the table that is worked on. `variable` looks up the environment.
    ///
    /// # Errors
    /// [`ShardError`].
    pub fn resolve(self, shards: u32, variable: impl Fn(&str) -> Option<String>) -> Result<Chosen, ShardError> {
        let chosen = match self {
            Self::Index(shard) => Chosen { shard, origin: "--shard".to_owned() },
            Self::Auto => of_environment(variable)?,
        };
        if chosen.shard < shards { Ok(chosen) } else { Err(ShardError::Beyond { chosen, shards }) }
    }
}

fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Chosen, ShardError> {
    let mut chosen: Option<Chosen> = None;
    for (name, engine, first) in VARIABLES {
        // Grid Engine sets `undefined` outside array jobs.
        let Some(value) = variable(name).filter(|value| value != "undefined" && !value.is_empty()) else { continue };
        let index = value.parse::<u32>().ok().and_then(|index| index.checked_sub(first));
        let shard = index.ok_or(ShardError::NoIndex { variable: name, value, first })?;
        let found = Chosen { shard, origin: format!("{name}, {engine}") };
        match &chosen {
            Some(before) if before.shard != shard => {
                return Err(ShardError::Disagree { first: before.to_string(), second: found.to_string() });
            }
            Some(_) => {}
            None => chosen = Some(found),
        }
    }
    chosen.ok_or(ShardError::NoVariable)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn auto(variables: &[(&str, &str)]) -> Result<Chosen, ShardError> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        "auto".parse::<ShardChoice>().unwrap().resolve(5, find)
    }

    #[test]
    fn the_engine_names_the_shard_and_two_must_agree() {
        assert_eq!(auto(&[("SLURM_ARRAY_TASK_ID", "4"), ("SLURM_ARRAY_TASK_COUNT", "2")]).unwrap().shard, 4);
        assert_eq!(auto(&[("JOB_COMPLETION_INDEX", "0")]).unwrap().shard, 0);
        let grid = auto(&[("SGE_TASK_ID", "1")]).unwrap();
        assert_eq!((grid.shard, grid.to_string().as_str()), (0, "shard 0 (from SGE_TASK_ID, Grid Engine)"));
        assert_eq!(auto(&[("SLURM_ARRAY_TASK_ID", "2"), ("SGE_TASK_ID", "3")]).unwrap().shard, 2);
        assert_eq!(auto(&[("SLURM_ARRAY_TASK_ID", "2"), ("SGE_TASK_ID", "undefined")]).unwrap().shard, 2);
        let text = auto(&[("SLURM_ARRAY_TASK_ID", "2"), ("SGE_TASK_ID", "2")]).unwrap_err().to_string();
        assert!(text.contains("shard 2 (from SLURM") && text.contains("shard 1 (from SGE"), "{text}");
        assert_eq!(auto(&[]), Err(ShardError::NoVariable));
        for bad in [("SGE_TASK_ID", "0"), ("SLURM_ARRAY_TASK_ID", "-1"), ("JOB_COMPLETION_INDEX", "x")] {
            assert!(matches!(auto(&[bad]), Err(ShardError::NoIndex { .. })), "{bad:?}");
        }
        assert!(
            auto(&[("JOB_COMPLETION_INDEX", "5")]).unwrap_err().to_string().ends_with("there are 5 shards, 0 to 4")
        );
        assert!("all".parse::<ShardChoice>().is_err());
        assert_eq!("3".parse::<ShardChoice>().unwrap().resolve(4, |_| None).unwrap().origin, "--shard");
    }
}
