//! The finished data set: manifest, index, error table and statistics, once every shard is committed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FileRow, STAGE};
use crate::columns;
use crate::hex::sha256_hex;
use crate::plan::Plan;
use crate::shard::{CommitRecord, Destination, ErrorRow, Sealed, StageError, StoredFile, sealed, status, tool};
use crate::store::Store;
use crate::table;

/// One row of `statistics.parquet`: the variants of a distortion and region pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Name of the distortion.
    pub distortion: String,
    /// Region pattern: `uniform`, `roi_dominated` or `background_dominated`.
    pub pattern: String,
    /// Level of the region of interest, from 1.
    pub roi_level: u8,
    /// Level of the background, from 1.
    pub background_level: u8,
    /// Number of variants.
    pub variants: u64,
    /// All their bytes.
    pub bytes: u64,
    /// All their pixels.
    pub pixels: u64,
    /// Mean PSNR of the region's level in dB, over the originals where it is finite.
    pub mean_roi_psnr: Option<f64>,
    /// Mean PSNR of the background's level in dB, over the originals where it is finite.
    pub mean_background_psnr: Option<f64>,
}

columns!(Statistics {
    distortion,
    pattern,
    roi_level,
    background_level,
    variants,
    bytes,
    pixels,
    mean_roi_psnr,
    mean_background_psnr,
});

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Plan, recipe, format and layout.
    #[serde(flatten)]
    pub destination: Destination,
    /// Program that finalized.
    pub finalized_by: String,
    /// Originals whose variants are all there.
    pub generated_originals: u64,
    /// Variants that are there.
    pub generated_variants: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Originals in the error table.
    pub errors: u64,
    /// Originals by their licence.
    pub licences: BTreeMap<String, u64>,
    /// Index, error table, statistics and plan.
    pub tables: Vec<StoredFile>,
    /// Archives, in layout `webdataset`.
    pub archives: Vec<StoredFile>,
    /// Of this manifest, while this is empty.
    pub sha256: String,
}

impl Sealed for Manifest {
    fn seal(&mut self) -> &mut String {
        &mut self.sha256
    }
}

/// Key of the manifest.
pub(super) const MANIFEST: &str = "manifest.json";

/// The archives of all shards, in the order of the plan.
pub(super) fn archives(records: &[CommitRecord]) -> Vec<StoredFile> {
    records.iter().flat_map(|record| record.files.iter().skip(1).cloned()).collect()
}

#[derive(Default)]
struct Sum {
    variants: u64,
    bytes: u64,
    pixels: u64,
    roi: (f64, u64),
    background: (f64, u64),
}

fn mean((sum, count): (f64, u64)) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}

/// Writes manifest and tables. Running it again writes the same.
///
/// # Errors
/// A shard is not committed ([`StageError::Gaps`]), the destination is of another plan, or a file refuses.
pub fn finalize(store: &dyn Store, plan: &Plan, plan_bytes: Vec<u8>) -> Result<Manifest, StageError> {
    let found = status(store, STAGE)?;
    let there = found.destination.clone();
    let ours =
        Destination { plan_id: plan.id().clone(), recipe: plan.recipe().key(), shards: plan.shards(), ..there.clone() };
    ours.agrees_with(&there, store)?;
    found.whole(store)?;
    let mut errors: Vec<ErrorRow> = found.records.iter().flat_map(|record| record.errors.iter().cloned()).collect();
    errors.sort();
    let Summed { index, statistics, licences } = sum_up(store, plan, &found.records, &errors)?;
    let mut tables = Vec::new();
    for (name, bytes) in [
        ("index.parquet", index),
        ("errors.parquet", table::encode("errors.parquet", &errors)?),
        ("statistics.parquet", table::encode("statistics.parquet", &statistics)?),
        ("plan.parquet", plan_bytes),
    ] {
        tables.push(StoredFile { name: name.to_owned(), size: bytes.len() as u64, sha256: sha256_hex(&bytes) });
        store.put(name, bytes)?;
    }
    let mut manifest = Manifest {
        destination: there,
        finalized_by: tool(),
        generated_originals: found.records.iter().map(|record| record.originals).sum(),
        generated_variants: statistics.iter().map(|row| row.variants).sum(),
        bytes: statistics.iter().map(|row| row.bytes).sum(),
        errors: errors.len() as u64,
        licences,
        tables,
        archives: archives(&found.records),
        sha256: String::new(),
    };
    let text = sealed(&mut manifest).map_err(|e| unreadable(store, MANIFEST, e.to_string()))?;
    store.put(MANIFEST, text)?;
    store.sweep()?;
    Ok(manifest)
}

/// What one pass over the shards' tables gives.
struct Summed {
    index: Vec<u8>,
    statistics: Vec<Statistics>,
    licences: BTreeMap<String, u64>,
}

/// The rows of all shards, a shard at a time. After an error there are none.
fn rows_of<'a>(
    store: &'a dyn Store,
    records: &'a [CommitRecord],
) -> impl Iterator<Item = Result<FileRow, StageError>> + 'a {
    records.iter().flat_map(|record| {
        let rows = record.table(store).map_err(StageError::from);
        let rows = rows.and_then(|bytes| Ok(table::decode::<FileRow>(&record.files[0].name, bytes)?));
        match rows {
            Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        }
    })
}

/// The index, sums by distortion and pair, and originals by licence. Tables and errors must cover the plan.
fn sum_up(store: &dyn Store, plan: &Plan, records: &[CommitRecord], errors: &[ErrorRow]) -> Result<Summed, StageError> {
    let mut sums: BTreeMap<(String, &'static str, u8, u8), Sum> = BTreeMap::new();
    let mut licences: BTreeMap<String, u64> = BTreeMap::new();
    let mut index = table::Encoder::new("index.parquet")?;
    // Both are in the plan's order.
    let mut rows = rows_of(store, records);
    for planned in plan.iter() {
        let planned = planned?;
        if errors.binary_search_by(|error| error.original.cmp(&planned.original.id)).is_ok() {
            continue;
        }
        *licences.entry(planned.original.licence.clone()).or_default() += 1;
        let pixels = u64::from(planned.original.width) * u64::from(planned.original.height);
        for variant in &planned.variants {
            let row = rows.next().transpose()?;
            let row = row.filter(|row| row.name == variant.name && row.original == planned.original.id);
            let row = row.ok_or_else(|| {
                let reason = format!("the shards' tables lack variant `{}`; delete its shard's record", variant.name);
                unreadable(store, &format!("{STAGE}/shards"), reason)
            })?;
            let pair = variant.pair;
            let key = (variant.distortion.clone(), pair.pattern().name(), pair.roi, pair.background);
            let sum = sums.entry(key).or_default();
            sum.variants += 1;
            sum.bytes += row.size;
            sum.pixels += pixels;
            for (mean, psnr) in [(&mut sum.roi, variant.roi.psnr), (&mut sum.background, variant.background.psnr)] {
                if psnr.is_finite() {
                    *mean = (mean.0 + psnr, mean.1 + 1);
                }
            }
            index.push([row])?;
        }
    }
    if let Some(row) = rows.next().transpose()? {
        return Err(unreadable(store, "generate/shards", format!("variant `{}` is no part of the plan", row.name)));
    }
    let statistics = sums.into_iter().map(|((distortion, pattern, roi_level, background_level), sum)| Statistics {
        distortion,
        pattern: pattern.to_owned(),
        roi_level,
        background_level,
        variants: sum.variants,
        bytes: sum.bytes,
        pixels: sum.pixels,
        mean_roi_psnr: mean(sum.roi),
        mean_background_psnr: mean(sum.background),
    });
    Ok(Summed { index: index.finish()?, statistics: statistics.collect(), licences })
}

fn unreadable(store: &dyn Store, key: &str, reason: String) -> StageError {
    StageError::Unreadable { place: store.place().to_owned(), key: key.to_owned(), reason }
}
