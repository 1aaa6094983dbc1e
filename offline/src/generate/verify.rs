//! Whether the files of a destination are what the plan says.

use super::estimate::drawn;
use super::finalize::{MANIFEST, Manifest, archives};
use super::{FileRow, Format, STAGE};
use crate::hex::sha256_hex;
use crate::plan::{Plan, Rendering};
use crate::shard::{CommitRecord, Destination, Inputs, StageError, Wrong, check_files, open_sealed};
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
    pub wrong: Wrong,
}

/// Hashes every file of every committed shard, and what `finalize` left if it was run: then every record must be there.
/// Renders `sample` variants, drawn by `seed`, again.
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
    let (mut of_archives, mut lost) = (Vec::new(), Vec::new());
    for shard in 0..plan.shards() {
        match CommitRecord::read(store, STAGE, shard, &inputs)? {
            None => lost.push(shard),
            Some(record) => {
                verified.shards += 1;
                committed.push((shard, record.rows));
                match record.table(store) {
                    Ok(bytes) => hash_all(store, shard, &rows(&record, bytes)?, &mut verified)?,
                    Err(error) => verified.wrong.of_record(&record, error)?,
                }
                of_archives.extend(archives(&[record]));
            }
        }
        tick();
    }
    if let Some(text) = store.get(MANIFEST)? {
        let whole = lost.is_empty();
        verified.wrong.of_lost_records(STAGE, lost);
        match open_sealed::<Manifest>(&text) {
            Err(error) => verified.wrong.of_finalize(format!("{MANIFEST} {error}")),
            Ok(manifest) => {
                check_files(store, &manifest.tables, &mut verified.wrong)?;
                if whole && (manifest.archives != of_archives || manifest.destination != there) {
                    verified.wrong.of_finalize(format!("{MANIFEST} speaks of other things than the shards' records"));
                }
            }
        }
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
                verified.wrong.of_shard(shard, format!("{}: {wrong}", row.name));
            }
        }
    }
    Ok(verified)
}

fn rows(record: &CommitRecord, bytes: Vec<u8>) -> Result<Vec<FileRow>, StageError> {
    Ok(table::decode(&record.files[0].name, bytes)?)
}

fn hash_all(store: &dyn Store, shard: u32, rows: &[FileRow], verified: &mut Verified) -> Result<(), StageError> {
    for row in rows {
        verified.hashed += 1;
        match store.get_range(&row.file, row.offset, row.size)? {
            None => verified.wrong.of_shard(shard, format!("{}: {} is not there", row.name, row.file)),
            Some(bytes) if sha256_hex(&bytes) != row.sha256 => {
                let what = format!("{}: {} has other content than was committed", row.name, row.file);
                verified.wrong.of_shard(shard, what);
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
