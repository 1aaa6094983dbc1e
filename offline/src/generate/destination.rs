//! The marker of a destination: which plan it belongs to, and how files lie there.

use serde::{Deserialize, Serialize};

use super::{Format, GenerateError, Layout};
use crate::plan::{Plan, PlanId};
use crate::shard::tool;
use crate::store::Store;

/// Key of the marker.
pub(super) const KEY: &str = "generate/destination.json";

/// `generate/destination.json`, made by the first worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The plan.
    pub plan_id: PlanId,
    /// Its recipe's name, version and hash.
    pub recipe: String,
    /// Its number of shards: workers of one destination count alike.
    pub shards: u32,
    /// Its originals.
    pub originals: u64,
    /// Its variants.
    pub variants: u64,
    /// As `--format` takes it.
    pub format: String,
    /// As `--layout` takes it.
    pub layout: String,
    /// Program that began.
    pub tool: String,
}

impl Destination {
    /// What a worker of this plan would make.
    #[must_use]
    pub fn of(plan: &Plan, format: Format, layout: Layout) -> Self {
        Self {
            plan_id: plan.id().clone(),
            recipe: plan.recipe().key(),
            shards: plan.shards(),
            originals: plan.originals() as u64,
            variants: plan.variants(),
            format: format.to_string(),
            layout: layout.to_string(),
            tool: tool(),
        }
    }

    /// What lies at a destination.
    ///
    /// # Errors
    /// Nothing does, or the marker can't be read.
    pub fn read(store: &dyn Store) -> Result<Self, GenerateError> {
        let nothing = || GenerateError::Nothing { place: store.place().to_owned(), key: KEY.to_owned() };
        let bytes = store.get(KEY)?.ok_or_else(nothing)?;
        serde_json::from_slice(&bytes).map_err(|e| GenerateError::Unreadable {
            place: store.place().to_owned(),
            key: KEY.to_owned(),
            reason: format!("{e}; it was made by another version"),
        })
    }

    /// Claims a destination that is free, or agrees with what lies there.
    ///
    /// # Errors
    /// [`GenerateError::OtherPlan`] with the difference, or the store refuses.
    pub fn claim(&self, store: &dyn Store) -> Result<(), GenerateError> {
        let text = serde_json::to_vec_pretty(self).map_err(|e| GenerateError::Unreadable {
            place: store.place().to_owned(),
            key: KEY.to_owned(),
            reason: e.to_string(),
        })?;
        if store.create(KEY, text)? { Ok(()) } else { self.agrees_with(&Self::read(store)?, store) }
    }

    /// Whether both mean the same files; versions of the program may differ.
    ///
    /// # Errors
    /// [`GenerateError::OtherPlan`] with the difference.
    pub fn agrees_with(&self, there: &Self, store: &dyn Store) -> Result<(), GenerateError> {
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        for (what, theirs, ours) in [
            ("plan", there.plan_id.short().to_owned(), self.plan_id.short().to_owned()),
            ("recipe", there.recipe.clone(), self.recipe.clone()),
            ("shards", there.shards.to_string(), self.shards.to_string()),
            ("format", there.format.clone(), self.format.clone()),
            ("layout", there.layout.clone(), self.layout.clone()),
        ] {
            if theirs != ours {
                found.push(format!("{what} {theirs}"));
                expected.push(format!("{what} {ours}"));
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let place = store.place().to_owned();
        Err(GenerateError::OtherPlan { place, found: found.join(", "), expected: expected.join(", ") })
    }

    /// The format.
    ///
    /// # Errors
    /// A newer version wrote it.
    pub fn format(&self, store: &dyn Store) -> Result<Format, GenerateError> {
        let unreadable =
            |reason| GenerateError::Unreadable { place: store.place().to_owned(), key: KEY.to_owned(), reason };
        self.format.parse().map_err(unreadable)
    }
}
