//! Originals: undistorted pictures, where they lie, what they show and what may be done with them.
//!
//! An original *is* its RGB8 pixels as the pinned decoder (`image`) gives them, EXIF orientation ignored as in
//! the authors' data (recipe `miqd`) or applied (own recipes); everything random downstream is keyed by the SHA-256 of those pixels.

pub mod coco;
mod folder;
mod imagenet;
mod original;
mod perceptual_hash;
mod pixel_hash;
mod selection;
mod split;

pub(crate) use folder::split_csv;
pub use folder::{Rejected, Selection, coco_folder, labelled_folder, plain_folder};
pub use imagenet::{class_of_synset, imagenet_folder};
pub use original::{
    Original, SourceError, check_unique, decode, decode_as, is_id, read_shards, read_sources, sources_id,
    write_sources, write_sources_in,
};
pub use perceptual_hash::PerceptualHash;
pub use pixel_hash::PixelHash;
pub use selection::{Listed, SelectionList, read_exclusions};
pub use split::leak::{Leak, LookAlike, check_leaks, look_alikes};
pub use split::{Class, SplitRow, TEST, TRAIN, VALIDATION, keyed, paper, part_id, read_split, whole_of};
