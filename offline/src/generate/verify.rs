//! Whether the files of a destination are what the plan says.

use super::estimate::drawn;
use super::{FileRow, Format, STAGE};
use crate::plan::{Plan, Rendering};
use crate::shard::{CommitRecord, Destination, Inputs, StageError, sha256_hex};
use crate::store::Store;
use crate::table;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Committed shards that were looked at.
    pub shards: usize,
    /// Files that were read and hashed.
    pub hashed: u64,
    /// Variants that were rendered again and compared.
    pub rendered: u64,
    /// What is wrong: variant and how, or shard and how.
    pub wrong: Vec<String>,
}

/// Hashes every file of every committed shard, and renders `sample` variants, drawn by `seed`, again.
///
/// Lossless files are compared by their pixels, so that another version of an encoder is no fault; JPEG by its bytes.
/// `tick` is called after every shard.
///
/// # Errors
/// The destination is of another plan, or something can't be read. What is wrong with files is in the result.
pub fn verify(
    store: &dyn Store,
    plan: &Plan,
    sample: usize,
    seed: u64,
    tick: &dyn Fn(),
) -> Result<Verified, StageError> {
    let there = Destination::read(store, STAGE)?;
    let format = there.setting("format", store, STAGE)?;
    let ours =
        Destination { shards: plan.shards(), plan_id: plan.id().clone(), recipe: plan.recipe().key(), ..there.clone() };
    ours.agrees_with(&there, store)?;
    let inputs = Inputs::PlanId(plan.id().0.clone());
    let mut verified = Verified::default();
    let mut committed: Vec<(u32, u64)> = Vec::new();
    for shard in 0..plan.shards() {
        if let Some(record) = CommitRecord::read(store, STAGE, shard, &inputs)? {
            verified.shards += 1;
            committed.push((shard, record.rows));
            match record.table(store) {
                Ok(bytes) => hash_all(store, &rows(&record, bytes)?, &mut verified)?,
                Err(error) => verified.wrong.push(error.to_string()),
            }
        }
        tick();
    }
    let total: u64 = committed.iter().map(|(_, rows)| rows).sum();
    let mut drawn = drawn(total as usize, sample, seed).into_iter().peekable();
    let mut first = 0;
    for (shard, count) in committed {
        let mut numbers = Vec::new();
        while let Some(number) = drawn.next_if(|&number| number < first + count as usize) {
            numbers.push(number - first);
        }
        first += count as usize;
        if numbers.is_empty() {
            continue;
        }
        let Some(record) = CommitRecord::read(store, STAGE, shard, &inputs)? else { continue };
        // What is wrong with the table was noted above.
        let Ok(bytes) = record.table(store) else { continue };
        let rows = rows(&record, bytes)?;
        for row in numbers.into_iter().filter_map(|number| rows.get(number)) {
            verified.rendered += 1;
            if let Some(wrong) = rendered_again(store, plan, format, row)? {
                verified.wrong.push(format!("{}: {wrong}", row.name));
            }
        }
    }
    Ok(verified)
}

fn rows(record: &CommitRecord, bytes: Vec<u8>) -> Result<Vec<FileRow>, StageError> {
    Ok(table::decode(&record.files[0].name, bytes)?)
}

fn hash_all(store: &dyn Store, rows: &[FileRow], verified: &mut Verified) -> Result<(), StageError> {
    for row in rows {
        verified.hashed += 1;
        match store.get_range(&row.file, row.offset, row.size)? {
            None => verified.wrong.push(format!("{}: {} is not there", row.name, row.file)),
            Some(bytes) if sha256_hex(&bytes) != row.sha256 => {
                verified.wrong.push(format!("{}: {} has other content than was committed", row.name, row.file));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What is wrong with a file, compared with the variant made anew.
fn rendered_again(store: &dyn Store, plan: &Plan, format: Format, row: &FileRow) -> Result<Option<String>, StageError> {
    let Some(bytes) = store.get_range(&row.file, row.offset, row.size)? else { return Ok(None) };
    let (mut planned, number) = plan.variant(&row.name)?;
    let variant = planned.variants.swap_remove(number);
    planned.variants = vec![variant.clone()];
    let made = Rendering::open(plan.recipe(), &planned).and_then(|mut rendering| rendering.variant(&variant));
    let picture = match made {
        Ok(picture) => picture,
        Err(error) => return Ok(Some(format!("can't be rendered again: {error}"))),
    };
    if format.is_lossless() {
        return Ok(match format.decode(&bytes) {
            Ok(stored) if stored == *picture => None,
            Ok(_) => Some(format!("{} has other pixels than the plan says", row.file)),
            Err(reason) => Some(format!("{} can't be decoded: {reason}", row.file)),
        });
    }
    let same = format.encode(&picture)? == bytes;
    Ok((!same).then(|| format!("{} differs from the variant rendered and encoded again", row.file)))
}
