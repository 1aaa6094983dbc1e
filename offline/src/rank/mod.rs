//! The candidates of a distortion, ordered by PSNR against the original, and the levels taken from them.

mod order;
mod psnr;

pub use order::{RankRow, by_error, rank, read_rank, row_of_level};
pub use psnr::{psnr, squared_error};
