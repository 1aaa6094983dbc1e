//! The subcommands of `miqa-offline`, one file each, and how they fail.

pub mod clip;
pub mod convert;
pub mod degrade;
pub mod evaluate;
pub mod export;
pub mod finalize;
pub mod generate;
pub mod import;
pub mod label;
pub mod labels;
pub mod mask;
pub mod mmos;
pub mod plan;
pub mod quality;
pub mod rank;
pub mod render;
pub mod scenes;
pub mod select;
pub mod split;
pub mod stats;
pub mod status;
pub mod submit;
pub mod train;
pub mod verify;
pub mod zoo;

mod by_shard;
mod error;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod flow_of_plan;
mod progress;
mod stop;
mod work;

pub use by_shard::ShardArgs;
pub use error::CommandError;
pub use stop::stop_flag;
pub use work::WorkFolder;
