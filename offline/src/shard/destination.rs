//! The marker of a destination: which plan it belongs to, and by what settings it is made.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Stage, StageError, tool};
use crate::plan::{Plan, PlanId};
use crate::store::Store;

/// Key of a stage's marker.
fn key(stage: &str) -> String {
    format!("{stage}/destination.json")
}

/// `<stage>/destination.json`, made by the first worker.
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
    /// Program that began.
    pub tool: String,
    /// What else all workers must agree on: format and layout of pictures, or the zoo.
    #[serde(flatten)]
    pub settings: BTreeMap<String, String>,
}

impl Destination {
    /// What a worker of this plan would make.
    #[must_use]
    pub fn of(plan: &Plan, stage: &impl Stage) -> Self {
        Self {
            plan_id: plan.id().clone(),
            recipe: plan.recipe().key(),
            shards: plan.shards(),
            originals: plan.originals() as u64,
            variants: plan.variants(),
            tool: tool(),
            settings: stage.settings(),
        }
    }

    /// What lies at a destination.
    ///
    /// # Errors
    /// Nothing does, or the marker can't be read.
    pub fn read(store: &dyn Store, stage: &str) -> Result<Self, StageError> {
        Self::find(store, stage)?.ok_or_else(|| StageError::Nothing {
            place: store.place().to_owned(),
            stage: stage.to_owned(),
            key: key(stage),
        })
    }

    /// What lies at a destination; `None` where the stage was not begun.
    ///
    /// # Errors
    /// The marker can't be read.
    pub fn find(store: &dyn Store, stage: &str) -> Result<Option<Self>, StageError> {
        let Some(bytes) = store.get(&key(stage))? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| StageError::Unreadable {
            place: store.place().to_owned(),
            key: key(stage),
            reason: format!("{e}; it was made by another version"),
        })
    }

    /// Claims a destination that is free, or agrees with what lies there.
    ///
    /// # Errors
    /// [`StageError::OtherPlan`] with the difference, or the store refuses.
    pub fn claim(&self, store: &dyn Store, stage: &str) -> Result<(), StageError> {
        if self.is_claimed(store, stage)? {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(self).map_err(|e| StageError::Unreadable {
            place: store.place().to_owned(),
            key: key(stage),
            reason: e.to_string(),
        })?;
        if store.create(&key(stage), text)? { Ok(()) } else { self.agrees_with(&Self::read(store, stage)?, store) }
    }

    /// Whether the destination is claimed already, for the same. Nothing is written.
    ///
    /// # Errors
    /// [`StageError::OtherPlan`] with the difference, or the store refuses.
    pub fn is_claimed(&self, store: &dyn Store, stage: &str) -> Result<bool, StageError> {
        let Some(there) = Self::find(store, stage)? else { return Ok(false) };
        self.agrees_with(&there, store).map(|()| true)
    }

    /// Whether both mean the same files; versions of the program may differ.
    ///
    /// # Errors
    /// [`StageError::OtherPlan`] with the difference.
    pub fn agrees_with(&self, there: &Self, store: &dyn Store) -> Result<(), StageError> {
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        let none = || "none".to_owned();
        let of = |settings: &BTreeMap<String, String>, name: &str| settings.get(name).cloned().unwrap_or_else(none);
        let named: BTreeSet<&str> = there.settings.keys().chain(self.settings.keys()).map(String::as_str).collect();
        let settings = named.into_iter().map(|name| (name, of(&there.settings, name), of(&self.settings, name)));
        let always = [
            ("plan", there.plan_id.short().to_owned(), self.plan_id.short().to_owned()),
            ("recipe", there.recipe.clone(), self.recipe.clone()),
            ("shards", there.shards.to_string(), self.shards.to_string()),
        ];
        for (what, theirs, ours) in always.into_iter().chain(settings) {
            if theirs != ours {
                found.push(format!("{what} {theirs}"));
                expected.push(format!("{what} {ours}"));
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let place = store.place().to_owned();
        Err(StageError::OtherPlan { place, found: found.join(", "), expected: expected.join(", ") })
    }
}

impl Destination {
    /// One of the settings.
    ///
    /// # Errors
    /// It is not there, or says nothing that this version knows.
    pub fn setting<T: std::str::FromStr<Err = String>>(
        &self,
        name: &str,
        store: &dyn Store,
        stage: &str,
    ) -> Result<T, StageError> {
        let value = self.settings.get(name).map_or("", String::as_str);
        value.parse().map_err(|reason| StageError::Unreadable {
            place: store.place().to_owned(),
            key: key(stage),
            reason,
        })
    }
}
