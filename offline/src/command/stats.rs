//! `miqa-offline stats`: a data set in tables, charts and a contact sheet → `stats/report.html`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use sha2::{Digest, Sha256};

use super::progress::{bar, report};
use super::rank::{threads, tick};
use super::work::samples_failure;
use super::{CommandError, WorkFolder, stop_flag};
use crate::columns;
use crate::import::layout::published_sets;
use crate::parts::Parts;
use crate::sample::Listed;
use crate::source::Original;
use crate::stats::measure::{Measured, measure};
use crate::stats::page::{MaskStatistics, Statistics, page, quality};
use crate::stats::quartiles::Quartiles;
use crate::stats::sheet::{Headed, TILE_WIDTH, Tile, contact_sheet};
use crate::stats::tables::{collection, distortions, patterns};
use crate::stats::variants::{VariantError, Variants, level_rows};
use crate::table;

/// Quality of the sheet inside the page; contact-sheet.png keeps every bit.
const JPEG_QUALITY: u8 = 88;

/// Arguments of `stats`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Plan whose originals and variants are shown; without it those of the work folder's sources and ranks
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Folder of written variants, `images/<id>/<name>.png`; without it the plan's are rendered, or those of `rank`
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
    // Written variants need neither ranks nor a plan; with them the parameters behind their levels are known.
    let source = if args.generated.is_none() || args.plan.is_some() || args.work.rank().exists() {
        Some(args.work.samples(args.plan.as_deref())?)
    } else {
        None
    };
    let (recipe, listed) = match &source {
        Some(source) => (source.recipe().clone(), source.list().map_err(samples_failure)?),
        None => (args.work.recipe(None)?, args.work.originals()?.into_iter().map(Listed::from).collect()),
    };
    let originals: Vec<Original> = listed.iter().map(|listed| listed.original.clone()).collect();
    let masks = args.work.masks();
    let masks: Vec<MaskShare> =
        if masks.exists() { table::read(&masks).map_err(CommandError::data)? } else { Vec::new() };
    let (variants, chosen, origin, version) = match (&args.generated, source) {
        (Some(folder), source) => {
            let chosen = source.map(|source| level_rows(&source, |_| ())).transpose().map_err(samples_failure)?;
            let (variants, version) = stored(folder)?;
            (variants, chosen.unwrap_or_default(), "Read from written files".to_owned(), version)
        }
        (None, Some(source)) => {
            let origin = match source.plan() {
                Some(plan) => format!("plan {}", plan.id().short()),
                None => "the rank table".to_owned(),
            };
            let origin = format!("Rendered on demand from {origin}, recipe {}; nothing is stored", recipe.id());
            let (variants, chosen) = Variants::rendered(source).map_err(samples_failure)?;
            (variants, chosen, origin, recipe.key())
        }
        (None, None) => unreachable!("without written files there is a source"),
    };
    let with: Vec<&Listed> = listed.iter().filter(|one| !variants.list(&one.original.id).is_empty()).collect();
    if with.is_empty() {
        return Err(CommandError::data(
            "no original has a variant: run `miqa-offline rank`, or name the folder of this work's variants",
        ));
    }
    let shown = match &args.sheet {
        None => &with[0].original,
        Some(id) => {
            let found = with.iter().map(|one| &one.original).find(|original| original.id == *id);
            found.ok_or_else(|| {
                let first = &with[0].original.id;
                CommandError::usage(format!("--sheet: no original `{id}` with variants, the first is `{first}`"))
            })?
        }
    };
    let sampled: Vec<Listed> = spread(&with, args.sample).into_iter().cloned().collect();

    let parts = Parts::new(args.work.parts("stats", &version), &sampled);
    let stop = stop_flag()?;
    let bar = bar(sampled.len(), "stats");
    let work = |(): &mut (), Listed { original, .. }: &Listed| -> Result<Vec<Measured>, VariantError> {
        let rgb = Arc::new(original.load()?);
        measure(&original.id, &rgb, variants.of(original, &rgb))
    };
    let outcome = parts.make(threads(args.threads), &stop, |progress| tick(&bar, progress.kept), || Ok(()), work);
    bar.finish_and_clear();
    let outcome = outcome.map_err(CommandError::unexpected)?;
    report("stats", &outcome, args.max_errors)?;
    let measured: Vec<Measured> = parts.join().map_err(CommandError::data)?;

    let distortions = distortions(&originals, &variants, Some((&recipe, &chosen)).filter(|_| !chosen.is_empty()));
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
    let mask = variants.mask(shown).map_err(samples_failure)?.or_else(|| {
        let row = masks.iter().find(|mask| mask.original == shown.id && !mask.path.is_empty());
        row.map(|row| args.work.work.join(&row.path))
    });
    let sheet = sheet(args, shown, &variants, mask.as_deref())?;
    write(args, &statistics, &measured, &shown.id, &sheet)
}

/// The variants below a folder, and what names results that depend on them.
fn stored(folder: &Path) -> Result<(Variants, String), CommandError> {
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
    Ok((Variants::Stored(all), format!("generated-{hash}")))
}

/// `count` of the originals at even distances; all for 0.
fn spread<'a, T>(originals: &[&'a T], count: usize) -> Vec<&'a T> {
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
    vec![format!("{} of {} originals have fewer than {most} variants: {named}{more}", short.len(), originals.len())]
}

fn mask_statistics(masks: &[MaskShare]) -> Option<MaskStatistics> {
    let mut verdicts = std::collections::BTreeMap::new();
    for mask in masks {
        *verdicts.entry(mask.verdict.clone()).or_insert(0) += 1;
    }
    let shares: Vec<f64> = masks.iter().filter(|mask| mask.verdict == "ok").map(|mask| mask.area_share).collect();
    (!masks.is_empty()).then(|| MaskStatistics { verdicts, quartiles: Quartiles::of(shares.iter().copied()), shares })
}

fn sheet(args: &Args, original: &Original, variants: &Variants, mask: Option<&Path>) -> Result<RgbImage, CommandError> {
    let rgb = Arc::new(original.load().map_err(CommandError::data)?);
    let mut tiles = Vec::new();
    for variant in variants.of(original, &rgb) {
        // One broken file leaves a gap on the sheet; it is named in the report as well.
        let variant = match variant {
            Ok(variant) => variant,
            Err(error) => {
                eprintln!("stats: left out of the contact sheet: {error}");
                continue;
            }
        };
        tiles.push(Tile::of(&rgb, &variant, args.tile).map_err(CommandError::data)?);
    }
    let mask = mask.map(crate::source::decode).transpose().map_err(CommandError::data)?;
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command::rank;
    use crate::import::name::VariantName;
    use crate::rank::read_rank;
    use crate::recipe::{Pattern, Recipe};
    use crate::source::write_sources;

    #[derive(Parser)]
    enum Line {
        Rank(rank::Args),
        Stats(Args),
    }

    fn run(line: &[&str]) -> Result<(), CommandError> {
        match Line::try_parse_from(std::iter::once(&"test").chain(line)).map_err(CommandError::usage)? {
            Line::Rank(args) => rank::run(&args),
            Line::Stats(args) => super::run(&args),
        }
    }

    fn report(folder: &Path) -> serde_json::Value {
        let page = fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(page.contains("data:image/jpeg;base64,/9j/") && !page.contains("NaN"));
        serde_json::from_slice(&fs::read(folder.join("stats.json")).unwrap()).unwrap()
    }

    #[test]
    fn rendered_and_written_variants_with_masks() {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("work");
        let picture = |i: u8| RgbImage::from_fn(24, 18, |x, y| image::Rgb([(x * 9) as u8, (y * 13) as u8, i * 70]));
        let mut originals = Vec::new();
        for i in 0..3 {
            let path = folder.path().join(format!("o{i}.png"));
            picture(i).save(&path).unwrap();
            originals.push(Original::describe(&path, if i == 0 { 5 } else { -1 }, "CC0-1.0").unwrap());
        }
        fs::create_dir_all(&work).unwrap();
        write_sources(&work.join("sources.parquet"), &originals).unwrap();
        let w = work.to_str().unwrap();
        assert!(run(&["stats", "--work", w]).unwrap_err().to_string().contains("miqa-offline rank"));
        run(&["rank", "--work", w]).unwrap();
        image::GrayImage::new(24, 18).save(work.join("o1.png")).unwrap();
        let mask = |original: &str, verdict: &str, area_share| MaskShare {
            original: original.into(),
            path: if original == "o1" { "o1.png".into() } else { String::new() },
            area_share,
            verdict: verdict.into(),
        };
        let masks = [mask("o0", "missing", 0.0), mask("o1", "ok", 0.25), mask("o2", "ok", 0.75)];
        table::write(&work.join("masks.parquet"), &masks).unwrap();

        run(&["stats", "--work", w, "--sample", "2", "--sheet", "o1", "--tile", "40"]).unwrap();
        let json = report(&work.join("stats-report"));
        let kinds = Recipe::miqd().names().len();
        assert_eq!(json["collection"][2]["variants"], 3 * 5 * kinds);
        assert_eq!(json["measured_originals"], 2);
        assert_eq!((&json["masks"]["quartiles"]["median"], &json["masks"]["verdicts"]["ok"]), (&0.5.into(), &2.into()));
        assert_eq!(json["distortions"][0]["levels"].as_array().unwrap().len(), 5);
        let measured: Vec<Measured> = table::read(&work.join("stats-report/stats.parquet")).unwrap();
        // The same PSNR as `rank` found for the level.
        let ranks = read_rank(&work.join("rank.parquet")).unwrap();
        for row in &measured {
            let ranked = ranks.iter().find(|rank| {
                (&rank.original, &rank.distortion, rank.level) == (&row.original, &row.distortion, Some(row.roi_level))
            });
            assert_eq!(row.psnr, ranked.unwrap().psnr);
        }
        assert_eq!(measured.len(), 2 * 5 * kinds);
        assert_eq!(run(&["stats", "--work", w, "--sheet", "o9"]).unwrap_err().code(), 2);

        let generated = folder.path().join("generated");
        fs::create_dir_all(generated.join("images/o1")).unwrap();
        for pair in Pattern::ALL.iter().flat_map(|pattern| pattern.pairs(5)) {
            let name = VariantName { original: "o1".into(), distortion: "snow".into(), pair };
            picture(pair.roi % 3).save(generated.join(format!("images/o1/{name}.png"))).unwrap();
        }
        let (g, out) = (generated.to_str().unwrap(), folder.path().join("out"));
        run(&["stats", "--work", w, "--generated", g, "--out", out.to_str().unwrap()]).unwrap();
        let json = report(&out);
        assert_eq!(json["patterns"][2]["pairs"].as_array().unwrap().len(), 10);
        assert!(json["collection"][2]["bytes"].as_u64().unwrap() > 25 * 60);
        assert!(json["odd"][0].as_str().unwrap().starts_with("2 of 3 originals have fewer than 25 variants"));
        // Another picture in the same place is measured again; one of another size is named and left out.
        picture(0).save(generated.join("images/o1/o1_snow_1.png")).unwrap();
        RgbImage::new(9, 9).save(generated.join("images/o1/o1_snow_2.png")).unwrap();
        let refused = run(&["stats", "--work", w, "--generated", g, "--max-errors", "0"]).unwrap_err();
        assert_eq!(refused.code(), 65);
        run(&["stats", "--work", w, "--generated", g, "--out", out.to_str().unwrap()]).unwrap();
        assert!(report(&out)["odd"][1].as_str().unwrap().contains("o1_snow_2.png"));
        assert_eq!(run(&["stats", "--work", w, "--generated", w]).unwrap_err().code(), 2);
    }
}
