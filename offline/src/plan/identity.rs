//! The identity of a plan: a hash of what it says.

use std::fmt;

use sha2::{Digest, Sha256};

use super::planned::PlannedOriginal;
use crate::recipe::Recipe;

/// SHA-256 over a plan's content and its recipe's hash, 64 hexadecimal digits.
///
/// Left out are the number of shards, paths (another machine may keep its files elsewhere; their hashes are in) and
/// PSNRs (they follow from the candidates; their last digit is the mathematical library's).
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PlanId(pub String);

impl PlanId {
    /// The first twelve digits: enough to tell plans apart in messages and names.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes originals in canonical order and gives the plan's identity.
pub(super) struct Identity {
    hash: Sha256,
}

impl Identity {
    pub(super) fn new(recipe: &Recipe) -> Self {
        let mut identity = Self { hash: Sha256::new() };
        identity.text("miqa plan 1");
        identity.text(&recipe.content_hash());
        identity
    }

    /// Length first, so that neighbouring fields can't run into each other.
    fn text(&mut self, text: &str) {
        self.hash.update((text.len() as u64).to_le_bytes());
        self.hash.update(text.as_bytes());
    }

    pub(super) fn add(&mut self, planned: &PlannedOriginal) {
        let PlannedOriginal { original, mask, variants } = planned;
        self.text(&original.id);
        self.hash.update(original.pixel_sha256.0);
        self.hash.update(original.width.to_le_bytes());
        self.hash.update(original.height.to_le_bytes());
        self.hash.update(original.class.to_le_bytes());
        self.text(&original.licence);
        let mask = mask.as_ref();
        self.text(mask.map_or("", |mask| &mask.source));
        self.text(mask.map_or("", |mask| &mask.sha256));
        self.hash.update((variants.len() as u64).to_le_bytes());
        for variant in variants {
            self.text(&variant.distortion);
            self.hash.update([variant.pair.roi, variant.pair.background]);
            self.hash.update(variant.roi.row.to_le_bytes());
            self.hash.update(variant.background.row.to_le_bytes());
            self.text(&variant.name);
        }
    }

    pub(super) fn finish(self) -> PlanId {
        PlanId(self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
