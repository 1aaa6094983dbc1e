//! `miqa-offline stats`: a data set in tables, charts and a contact sheet → `stats/report.html`.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use sha2::{Digest, Sha256};

use super::label::by_original;
use super::progress::{bar, report};
use super::rank::{threads, tick};
use super::work::needs;
use super::{CommandError, WorkFolder, stop_flag};
use crate::columns;
use crate::import::layout::published_sets;
use crate::parts::Parts;
use crate::rank::read_rank;
use crate::source::Original;
use crate::stats::measure::{Measured, measure};
use crate::stats::page::{MaskStatistics, Statistics, page, quality};
use crate::stats::quartiles::Quartiles;
use crate::stats::sheet::{Headed, TILE_WIDTH, Tile, contact_sheet};
use crate::stats::tables::{collection, distortions, patterns};
use crate::stats::variants::{VariantError, Variants};
use crate::table;

/// Quality of the sheet inside the page; contact-sheet.png keeps every bit.
const JPEG_QUALITY: u8 = 88;

/// Arguments of `stats`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Folder of written variants, `images/<id>/<name>.png`; without it the uniform variants of `rank` are rendered
    #[arg(long, value_name = "DIR")]
    generated: Option<PathBuf>,
    /// Originals whose variants are compared with them, spread evenly over the table; 0 takes all
    #[arg(long, default_value_t = 100, value_name = "N")]
    sample: usize,
    /// Original of the contact sheet; the first with variants unless given
    #[arg(long, value_name = "ID")]
    sheet: Option<String>,
    /// Width of a tile of the contact sheet in pixels
    #[arg(long, default_value_t = TILE_WIDTH, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(32..=640))]
    tile: u32,
    /// Folder for the report; `stats-report` in the work folder unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Worker threads; 0 takes one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Originals that may fail before the run counts as failed
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_errors: usize,
}

/// The columns of `masks.parquet` that are needed here.
struct MaskShare {
    original: String,
    path: String,
    area_share: f64,
    verdict: String,
}

columns!(MaskShare { original, path, area_share, verdict });

/// Runs `stats`.
///
/// # Errors
/// 2: a step before is missing, or the folder or original named is not there; 65: too many originals failed; 75: stopped.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let originals = args.work.originals()?;
    let recipe = args.work.recipe(None)?;
    let ranks = if args.work.rank().exists() || args.generated.is_none() {
        needs(&args.work.rank(), "rank")?;
        by_original(read_rank(&args.work.rank()).map_err(CommandError::data)?)
    } else {
        Default::default()
    };
    let (variants, origin, version) = match &args.generated {
        Some(folder) => stored(folder)?,
        None => {
            let origin = format!("Rendered on demand at the levels of recipe {}, nothing is stored", recipe.id());
            let key = recipe.key();
            (Variants::Ranked { recipe: Box::new(recipe.clone()), ranks: ranks.clone() }, origin, key)
        }
    };
    let with: Vec<&Original> = originals.iter().filter(|original| !variants.list(&original.id).is_empty()).collect();
    if with.is_empty() {
        return Err(CommandError::data(
            "no original of sources.parquet has a variant: run `miqa-offline rank`, or name the folder of this work's variants",
        ));
    }
    let chosen = match &args.sheet {
        None => with[0],
        Some(id) => with.iter().find(|original| original.id == *id).ok_or_else(|| {
            CommandError::usage(format!("--sheet: no original `{id}` with variants, the first is `{}`", with[0].id))
        })?,
    };
    let sampled: Vec<Original> = spread(&with, args.sample).into_iter().cloned().collect();

    let parts = Parts::new(args.work.parts("stats", &version), &sampled);
    let stop = stop_flag()?;
    let bar = bar(sampled.len(), "stats");
    let work = |(): &mut (), original: &Original| -> Result<Vec<Measured>, VariantError> {
        let rgb = original.load()?;
        measure(&original.id, &rgb, variants.of(original, &rgb))
    };
    let outcome = parts.make(threads(args.threads), &stop, |progress| tick(&bar, progress.kept), || Ok(()), work);
    bar.finish_and_clear();
    let outcome = outcome.map_err(CommandError::unexpected)?;
    report("stats", &outcome, args.max_errors)?;
    let measured: Vec<Measured> = parts.join().map_err(CommandError::data)?;

    let masks = args.work.work.join("masks.parquet");
    let masks: Vec<MaskShare> =
        if masks.exists() { table::read(&masks).map_err(CommandError::data)? } else { Vec::new() };
    let distortions = distortions(&originals, &variants, Some((&recipe, &ranks)).filter(|_| !ranks.is_empty()));
    let mut odd: Vec<String> = missing(&originals, &variants);
    odd.extend(outcome.failed.iter().map(|(id, error)| format!("not measured: {id}: {error}")));
    let statistics = Statistics {
        origin,
        collection: collection(&originals, &variants),
        patterns: patterns(&originals, &variants),
        measured_originals: sampled.len() - outcome.failed.len(),
        quality: quality(&distortions, &measured),
        distortions,
        masks: mask_statistics(&masks),
        odd,
    };
    let sheet = sheet(args, chosen, &variants, masks.iter().find(|mask| mask.original == chosen.id))?;
    write(args, &statistics, &measured, &chosen.id, &sheet)
}

/// The variants below a folder, where they come from in words, and what names results that depend on them.
fn stored(folder: &Path) -> Result<(Variants, String, String), CommandError> {
    let sets = published_sets(folder).map_err(CommandError::usage)?;
    let mut hash = Sha256::new();
    let mut all = std::collections::BTreeMap::new();
    for set in sets {
        for odd in &set.odd {
            eprintln!("stats: left out {}: {}", odd.path.display(), odd.reason);
        }
        for (id, files) in set.variants {
            for file in &files {
                // Name, size and time stand for the content: another generation measures again.
                hash.update(file.path.as_os_str().as_encoded_bytes());
                hash.update(file.bytes.to_le_bytes());
                let changed = fs::metadata(&file.path).and_then(|data| data.modified()).ok();
                let changed =
                    changed.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
                hash.update(changed.as_nanos().to_le_bytes());
            }
            // Detection and segmentation hold the same pictures: the first set counts.
            all.entry(id).or_insert(files);
        }
    }
    let hash: String = hash.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((Variants::Stored(all), "Read from written files".to_owned(), format!("generated-{hash}")))
}

/// `count` of the originals at even distances; all for 0.
fn spread<'a>(originals: &[&'a Original], count: usize) -> Vec<&'a Original> {
    if count == 0 || count >= originals.len() {
        return originals.to_vec();
    }
    (0..count).map(|index| originals[index * originals.len() / count]).collect()
}

/// Originals with fewer variants than the others.
fn missing(originals: &[Original], variants: &Variants) -> Vec<String> {
    let counts: Vec<usize> = originals.iter().map(|original| variants.list(&original.id).len()).collect();
    let most = counts.iter().copied().max().unwrap_or(0);
    let short: Vec<String> = originals
        .iter()
        .zip(counts)
        .filter(|(_, count)| *count < most)
        .map(|(original, count)| format!("{} ({count})", original.id))
        .collect();
    if short.is_empty() {
        return Vec::new();
    }
    let named = short.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    let more = if short.len() > 10 { ", …" } else { "" };
    vec![format!("{} originals have fewer than {most} variants: {named}{more}", short.len())]
}

fn mask_statistics(masks: &[MaskShare]) -> Option<MaskStatistics> {
    let mut verdicts = std::collections::BTreeMap::new();
    for mask in masks {
        *verdicts.entry(mask.verdict.clone()).or_insert(0) += 1;
    }
    let shares: Vec<f64> = masks.iter().filter(|mask| mask.verdict == "ok").map(|mask| mask.area_share).collect();
    (!masks.is_empty()).then(|| MaskStatistics { verdicts, quartiles: Quartiles::of(shares.iter().copied()), shares })
}

fn sheet(
    args: &Args,
    original: &Original,
    variants: &Variants,
    mask: Option<&MaskShare>,
) -> Result<RgbImage, CommandError> {
    let rgb = original.load().map_err(CommandError::data)?;
    let mut tiles = Vec::new();
    for variant in variants.of(original, &rgb) {
        let variant = variant.map_err(CommandError::data)?;
        tiles.push(Tile::of(&rgb, &variant, args.tile).map_err(CommandError::data)?);
    }
    let mask =
        mask.filter(|mask| !mask.path.is_empty()).map(|mask| crate::source::decode(&args.work.work.join(&mask.path)));
    let mask = mask.transpose().map_err(CommandError::data)?;
    let mut heads = vec![Headed { name: "original", picture: &rgb }];
    heads.extend(mask.as_ref().map(|picture| Headed { name: "region of interest", picture }));
    let title = format!("{}  {}x{}  {} variants", original.id, rgb.width(), rgb.height(), tiles.len());
    contact_sheet(&title, &heads, &tiles, args.tile).map_err(CommandError::data)
}

fn write(
    args: &Args,
    statistics: &Statistics,
    measured: &[Measured],
    original: &str,
    sheet: &RgbImage,
) -> Result<(), CommandError> {
    let folder = args.out.clone().unwrap_or_else(|| args.work.work.join("stats-report"));
    let io = |path: &Path, error: &dyn std::fmt::Display| {
        CommandError::unexpected(format!("can't write {}: {error}", path.display()))
    };
    fs::create_dir_all(&folder).map_err(|e| io(&folder, &e))?;
    table::write(&folder.join("stats.parquet"), measured).map_err(CommandError::unexpected)?;
    let path = folder.join("contact-sheet.png");
    sheet.save(&path).map_err(|e| io(&path, &e))?;
    let mut jpeg = Vec::new();
    let size = u16::try_from(sheet.width()).and_then(|width| Ok((width, u16::try_from(sheet.height())?)));
    let (width, height) =
        size.map_err(|_| CommandError::usage("the contact sheet is too large for the page: give a smaller --tile"))?;
    jpeg_encoder::Encoder::new(&mut jpeg, JPEG_QUALITY)
        .encode(sheet.as_raw(), width, height, jpeg_encoder::ColorType::Rgb)
        .map_err(|e| io(&path, &e))?;
    let json = serde_json::to_string_pretty(statistics).map_err(CommandError::unexpected)? + "\n";
    for (name, text) in [("stats.json", json), ("report.html", page(statistics, Some((original, &jpeg))))] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| io(&path, &e))?;
    }
    println!("stats: report in {}", folder.display());
    Ok(())
}
