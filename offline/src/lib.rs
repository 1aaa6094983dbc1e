//! miqa-offline: the way of a data set.
//!
//! ```text
//! source → mask, rank → plan → render or generate → label → train → export → evaluate
//! ```
//!
//! * [`source`]: folders of originals with labels → a sources table.
//! * [`quality`]: no-reference quality models choose the best originals of each class.
//! * [`recipe`]: parameter rows, levels, pairs and mask softening, as TOML.
//! * [`mask`]: which pixels of an original are its region of interest, from four sources.
//! * [`distort`]: one file a distortion; parameters are arguments.
//! * [`render`]: an original and a row → the degraded picture; pure, keyed randomness.
//! * [`rank`]: the candidates of a distortion, ordered by PSNR → levels.
//! * [`plan`]: sources, masks and ranks joined into one row a variant; immutable, named by its content.
//! * [`generate`]: the variants of a plan written to a folder or an object store, by shard, resumable.
//! * [`sample`]: what is labelled, trained on and measured: originals and their variants, by ranks or by a plan.
//! * [`shard`]: the worker of every stage that goes by shard: progress, the record that makes results visible, status.
//! * [`store`]: folders and object stores behind the few operations that both have.
//! * [`agree`]: how far two answers to one picture agree; average precision as COCO has it.
//! * [`submit`]: shard workers as scripts for Slurm and manifests for Kubernetes.
//! * [`label`]: many vision models over the variants → predictions → MMOS labels, and whether to trust them.
//! * [`train`]: RA-MIQA (feature `train`): region features, model, loop, checkpoints.
//! * [`export`]: trained weights → one ONNX graph and its card.
//! * [`evaluate`]: correlations, baselines, intervals, report.
//! * [`stats`]: counts, quality by distortion and level, a contact sheet, as one page.
//! * [`import`]: the authors' published sets as rows.
//! * [`clip`]: a video whose stretches are degraded by these distortions.
//! * [`device`]: the CPU or a GPU, for labelling and training.
//! * [`parts`]: work an original at a time, in parallel, resumable.
//! * [`table`]: typed rows in Parquet files, for all of the above.
//! * [`command`]: one file a subcommand of the `miqa-offline` binary.

pub mod agree;
pub mod clip;
pub mod command;
pub mod device;
pub mod distort;
pub mod evaluate;
pub mod export;
pub mod generate;
pub mod hex;
pub mod import;
pub mod label;
pub mod mask;
pub mod parts;
pub mod plan;
pub mod quality;
pub mod rank;
pub mod recipe;
pub mod render;
pub mod sample;
pub mod shard;
pub mod source;
pub mod stats;
pub mod store;
pub mod submit;
pub mod table;
pub mod train;
