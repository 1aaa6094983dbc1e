//! What differs between two plans, counted, with the first examples.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::planned::{PlannedOriginal, PlannedVariant};
use super::{Plan, PlanError};

/// How many examples are kept of each difference.
const EXAMPLES: usize = 3;

/// A way in which two plans differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Only the first plan has the original.
    OriginalOnlyInFirst,
    /// Only the second plan has the original.
    OriginalOnlyInSecond,
    /// Other pixels or another size.
    Pixels,
    /// Another class or licence.
    Description,
    /// Another mask, or one where there was none.
    Mask,
    /// Only the first plan has the variant.
    VariantOnlyInFirst,
    /// Only the second plan has the variant.
    VariantOnlyInSecond,
    /// The variant's levels are other candidates.
    Candidates,
    /// A file lies elsewhere; no part of the identity.
    Path,
    /// Another PSNR for the same candidate; no part of the identity.
    Psnr,
}

impl Difference {
    fn words(self) -> &'static str {
        match self {
            Self::OriginalOnlyInFirst => "originals only in the first",
            Self::OriginalOnlyInSecond => "originals only in the second",
            Self::Pixels => "originals with other pixels",
            Self::Description => "originals with another class or licence",
            Self::Mask => "originals with another mask",
            Self::VariantOnlyInFirst => "variants only in the first",
            Self::VariantOnlyInSecond => "variants only in the second",
            Self::Candidates => "variants of other candidates",
            Self::Path => "originals whose files lie elsewhere (no part of the plan's identity)",
            Self::Psnr => "variants with another PSNR (no part of the plan's identity)",
        }
    }

    /// Whether the difference changes the plan's identity.
    #[must_use]
    pub fn counts(self) -> bool {
        !matches!(self, Self::Path | Self::Psnr)
    }
}

/// All differences between two plans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Both recipes' keys, if they differ.
    pub recipes: Option<(String, String)>,
    /// Both numbers of shards, if they differ.
    pub shards: Option<(u32, u32)>,
    /// How often, and the names of the first.
    pub found: BTreeMap<Difference, (u64, Vec<String>)>,
}

impl Findings {
    pub(super) fn note(&mut self, difference: Difference, name: &str) {
        let (count, examples) = self.found.entry(difference).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(name.to_owned());
        }
    }

    /// Whether both plans make the same pictures under the same names.
    #[must_use]
    pub fn same_identity(&self) -> bool {
        self.recipes.is_none() && !self.found.keys().any(|difference| difference.counts())
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((first, second)) = &self.recipes {
            writeln!(f, "recipes: {first} and {second}")?;
        }
        if let Some((first, second)) = self.shards {
            writeln!(f, "shards: {first} and {second} (no part of the plan's identity)")?;
        }
        for (difference, (count, examples)) in &self.found {
            let more = if *count > examples.len() as u64 { ", …" } else { "" };
            writeln!(f, "{}: {count} ({}{more})", difference.words(), examples.join(", "))?;
        }
        Ok(())
    }
}

/// Compares two plans original by original.
///
/// # Errors
/// One of them can't be read.
pub fn compare(first: &Plan, second: &Plan) -> Result<Findings, PlanError> {
    let mut findings = Findings::default();
    let recipes = (first.recipe().content_hash(), second.recipe().content_hash());
    if recipes.0 != recipes.1 {
        findings.recipes = Some((first.recipe().key(), second.recipe().key()));
    }
    if first.shards() != second.shards() {
        findings.shards = Some((first.shards(), second.shards()));
    }
    let (mut left, mut right) = (first.iter(), second.iter());
    let (mut a, mut b) = (left.next().transpose()?, right.next().transpose()?);
    loop {
        let order = match (&a, &b) {
            (None, None) => return Ok(findings),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.original.id.cmp(&b.original.id),
        };
        match (&a, &b) {
            (Some(a), Some(b)) if order.is_eq() => originals(&mut findings, a, b),
            (Some(a), _) if order.is_lt() => findings.note(Difference::OriginalOnlyInFirst, &a.original.id),
            (_, Some(b)) => findings.note(Difference::OriginalOnlyInSecond, &b.original.id),
            _ => {}
        }
        if order.is_le() {
            a = left.next().transpose()?;
        }
        if order.is_ge() {
            b = right.next().transpose()?;
        }
    }
}

/// Compares what two plans say about one original.
pub(super) fn originals(findings: &mut Findings, a: &PlannedOriginal, b: &PlannedOriginal) {
    let (one, other) = (&a.original, &b.original);
    let id = &one.id;
    if (one.pixel_sha256, one.width, one.height) != (other.pixel_sha256, other.width, other.height) {
        findings.note(Difference::Pixels, id);
    }
    if (one.class, &one.licence) != (other.class, &other.licence) {
        findings.note(Difference::Description, id);
    }
    let mask = |planned: &PlannedOriginal| planned.mask.as_ref().map(|m| (m.source.clone(), m.sha256.clone()));
    if mask(a) != mask(b) {
        findings.note(Difference::Mask, id);
    }
    let paths = |planned: &PlannedOriginal| {
        (planned.original.path.clone(), planned.mask.as_ref().map(|mask| mask.path.clone()))
    };
    if paths(a) != paths(b) {
        findings.note(Difference::Path, id);
    }
    let by_name = |planned: &'_ PlannedOriginal| -> BTreeMap<String, PlannedVariant> {
        planned.variants.iter().map(|variant| (variant.name.clone(), variant.clone())).collect()
    };
    let (ours, theirs) = (by_name(a), by_name(b));
    for (name, variant) in &ours {
        let Some(same) = theirs.get(name) else {
            findings.note(Difference::VariantOnlyInFirst, name);
            continue;
        };
        let content = |v: &PlannedVariant| (v.distortion.clone(), v.pair, v.roi.row, v.background.row);
        if content(variant) != content(same) {
            findings.note(Difference::Candidates, name);
        } else if variant != same {
            findings.note(Difference::Psnr, name);
        }
    }
    theirs.keys().filter(|name| !ours.contains_key(*name)).for_each(|name| {
        findings.note(Difference::VariantOnlyInSecond, name);
    });
}
