//! miqa-offline: the way of a data set.
//!
//! ```text
//! source → rank → plan → render or generate → label → train → export → evaluate
//! ```
//!
//! * [`source`]: folders of originals with labels → a sources table.
//! * [`recipe`]: parameter rows, levels, pairs and mask softening, as TOML.
//! * [`distort`]: one file a distortion; parameters are arguments.
//! * [`render`]: an original and a row → the degraded picture; pure, keyed randomness.
//! * [`rank`]: the candidates of a distortion, ordered by PSNR → levels.
//! * [`plan`]: sources, masks and ranks joined into one row a variant; immutable, named by its content.
//! * [`generate`]: the variants of a plan written to a folder or an object store, by shard, resumable.
//! * [`shard`]: which shard a worker takes, and the record that makes its results visible.
//! * [`store`]: folders and object stores behind the few operations that both have.
//! * [`label`]: many vision models over the variants → predictions → MMOS labels.
//! * [`train`]: RA-MIQA (feature `train`): region features, model, loop, checkpoints.
//! * [`export`]: trained weights → one ONNX graph and its card.
//! * [`evaluate`]: correlations, baselines, intervals, report.
//! * [`clip`]: a video whose stretches are degraded by these distortions.
//! * [`parts`]: work an original at a time, in parallel, resumable.
//! * [`table`]: typed rows in Parquet files, for all of the above.
//! * [`command`]: one file a subcommand of the `miqa-offline` binary.

pub mod clip;
pub mod command;
pub mod distort;
pub mod evaluate;
pub mod export;
pub mod generate;
pub mod label;
pub mod parts;
pub mod plan;
pub mod rank;
pub mod recipe;
pub mod render;
pub mod shard;
pub mod source;
pub mod store;
pub mod table;
pub mod train;
