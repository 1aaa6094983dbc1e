//! A video whose stretches are degraded by this project's own distortions: what a demonstration or a
//! test of the whole chain feeds on.
//!
//! ```text
//! decode → stretch by time → (RGB → distortion → YUV, or untouched) → encode → list of stretches
//! ```

mod decode;
mod encode;
mod error;
mod make;
mod mp4;
mod planes;
mod stretch;

pub use error::ClipError;
pub use make::{Made, MadeStretch, make};
pub use stretch::{Effect, Stretch};
