//! The subcommands of `miqa-offline`, one file each, and how they fail.

pub mod clip;
pub mod degrade;
pub mod evaluate;
pub mod export;
pub mod import;
pub mod label;
pub mod mask;
pub mod mmos;
pub mod quality;
pub mod rank;
pub mod scenes;
pub mod select;
pub mod split;
pub mod stats;
pub mod train;

mod error;
#[cfg(test)]
mod flow;
mod progress;
mod stop;
mod work;

pub use error::CommandError;
pub use stop::stop_flag;
pub use work::WorkFolder;
