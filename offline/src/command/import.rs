//! `miqa-offline import`: the authors' published sets → `imported.parquet`, labels, sources and a report of what is odd.

use std::fs;
use std::path::PathBuf;

use super::{CommandError, WorkFolder};
use crate::import::layout::{Task, published_sets};
use crate::import::mapping::Mapping;
use crate::import::{ImportReport, Imported, import};
use crate::source::{Original, write_sources};
use crate::table;

/// How many flaws of a kind are printed; import.json has them all.
const PRINTED: usize = 5;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// Folder with miqa_cls/, miqa_det/ and miqa_ins/, or one of these
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Which columns of the label tables mean what; without it the columns are only listed
    #[arg(long, value_name = "FILE.toml")]
    mapping: Option<PathBuf>,
    /// Licence of the originals, kept with each
    #[arg(long, default_value = "not stated")]
    licence: String,
    /// Things that may be missing or odd before the run counts as failed; an original that lacks variants counts once
    #[arg(long, default_value_t = 100, value_name = "N")]
    max_errors: usize,
}

/// Runs `import`.
///
/// # Errors
/// 2: no published set there, or the mapping makes no sense; 65: too much is missing or odd (all is written still), or two sets
/// have different originals of one id; 78: the work folder has other originals.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let mapping = args.mapping.as_deref().map(Mapping::read).transpose().map_err(CommandError::usage)?;
    let mapping = mapping.unwrap_or_default();
    let sets = published_sets(&args.root).map_err(CommandError::usage)?;
    let (mut rows, mut reports, mut originals) = (Vec::new(), Vec::new(), Vec::<Original>::new());
    let mut labels = Vec::new();
    for set in &sets {
        let Imported { rows: own, originals: found, labels: own_labels, report } = import(set, &mapping, &args.licence);
        say(&report);
        for original in found {
            // Detection and segmentation have the same originals.
            if !originals.iter().any(|o| o.id == original.id && o.pixel_sha256 == original.pixel_sha256) {
                originals.push(original);
            }
        }
        rows.extend(own);
        reports.push(report);
        labels.push((labels_of(args, set.task), own_labels));
    }
    sources(args, &originals)?;
    table::write(&args.work.work.join("imported.parquet"), &rows).map_err(CommandError::unexpected)?;
    for (path, labels) in labels {
        if !labels.is_empty() {
            table::write(&path, &labels).map_err(CommandError::unexpected)?;
            println!("import: {}: {} samples of one level all over", path.display(), labels.len());
        }
    }
    let path = args.work.work.join("import.json");
    let json = serde_json::to_string_pretty(&reports).map_err(CommandError::unexpected)? + "\n";
    fs::write(&path, json).map_err(|e| CommandError::unexpected(format!("can't write {}: {e}", path.display())))?;
    println!(
        "import: {} pictures, {} originals; all that is missing or odd in {}",
        rows.len(),
        originals.len(),
        path.display()
    );
    let flaws: usize = reports.iter().map(ImportReport::flaws).sum();
    if flaws > args.max_errors {
        let allowed = args.max_errors;
        let reason = format!("import: {flaws} things are missing or odd, {allowed} are tolerated (--max-errors)");
        return Err(CommandError::data(reason));
    }
    Ok(())
}

fn labels_of(args: &Args, task: Task) -> PathBuf {
    match task {
        Task::Classification | Task::Unnamed => args.work.labels(),
        Task::Detection | Task::Segmentation => args.work.work.join(format!("labels-{}.parquet", task.name())),
    }
}

/// Writes the originals, unless the work folder has them already.
fn sources(args: &Args, originals: &[Original]) -> Result<(), CommandError> {
    if originals.is_empty() {
        return Ok(());
    }
    if args.work.sources().exists() {
        let there = args.work.originals()?;
        let known = |new: &Original| there.iter().any(|o| o.id == new.id && o.pixel_sha256 == new.pixel_sha256);
        return match originals.iter().find(|new| !known(new)) {
            None => Ok(()),
            Some(new) => Err(CommandError::plan(format!(
                "{} has other originals, `{}` is none of them: name a new work folder",
                args.work.sources().display(),
                new.id
            ))),
        };
    }
    write_sources(&args.work.sources(), originals).map_err(CommandError::data)
}

fn say(report: &ImportReport) {
    let task = report.task;
    println!(
        "import: {task}: {} originals, {} of them with all 250 variants; {} variants, {} pictures labelled",
        report.originals, report.complete, report.variants, report.labelled
    );
    for (kind, table) in &report.tables {
        let list =
            |columns: &std::collections::BTreeSet<String>| columns.iter().cloned().collect::<Vec<_>>().join(", ");
        let used =
            if table.used.is_empty() { "none: --mapping doesn't name this kind".to_owned() } else { list(&table.used) };
        println!(
            "import: {task}: {} tables `{kind}`: columns {}; used {used}; {} lines",
            table.files,
            list(&table.columns),
            table.rows
        );
    }
    if report.labelled_regions > 0 {
        println!(
            "import: {task}: scores of {} region patterns are in imported.parquet only: later steps make pictures again, and \
             which candidates the authors fused isn't published",
            report.labelled_regions
        );
    }
    let missing = report.missing_variants.iter();
    let missing = missing.map(|(id, missing)| format!("{id}: {} missing, {}", missing.count, missing.first.join(", ")));
    list(task, "originals lack variants", missing);
    list(task, "originals have no file in src_images/", report.missing_sources.iter().cloned());
    list(task, "originals have no mask", report.missing_masks.iter().cloned());
    list(task, "files in src_images/ have no variant", report.sources_without_variants.iter().cloned());
    list(task, "labels have no picture", report.labels_without_picture.iter().cloned());
    list(task, "files or lines are odd", report.odd.iter().map(|odd| format!("{}: {}", odd.place, odd.reason)));
}

fn list(task: &str, what: &str, entries: impl ExactSizeIterator<Item = String>) {
    let count = entries.len();
    if count > 0 {
        println!("import: {task}: {count} {what}");
        entries.take(PRINTED).for_each(|entry| println!("  {entry}"));
        if count > PRINTED {
            println!("  … and {} more", count - PRINTED);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use image::RgbImage;

    use std::path::Path;

    use super::*;
    use crate::import::ImportedRow;
    use crate::label::read_labels;
    use crate::recipe::Pattern;

    fn args(root: &Path, work: &Path, mapping: Option<PathBuf>, max_errors: usize) -> Args {
        let work = WorkFolder { work: work.to_owned() };
        Args { work, root: root.to_owned(), mapping, licence: "CC0-1.0".into(), max_errors }
    }

    #[test]
    fn from_folders_to_tables_with_public_exit_codes() {
        let (root, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let refused = run(&args(root.path(), work.path(), None, 0)).unwrap_err();
        assert_eq!(refused.code(), 2);
        // One distortion of one original, detection and segmentation alike.
        for set in ["miqa_det", "miqa_ins"] {
            let set = root.path().join(set);
            for folder in ["images/a", "labels", "src_images"] {
                fs::create_dir_all(set.join(folder)).unwrap();
            }
            RgbImage::new(3, 3).save(set.join("src_images/a.png")).unwrap();
            for pair in Pattern::Uniform.pairs(5) {
                RgbImage::new(3, 3).save(set.join(format!("images/a/a_fog_{}.png", pair.roi))).unwrap();
            }
            fs::write(set.join("labels/a_consistency.csv"), "name,map\na_fog_1.png,0.5\n").unwrap();
        }
        let mapping = root.path().join("map.toml");
        fs::write(&mapping, "[tables.consistency]\npicture = \"name\"\nconsistency = \"map\"\n").unwrap();

        // An original that lacks variants and one without a mask, in two sets.
        let code =
            |max_errors| run(&args(root.path(), work.path(), Some(mapping.clone()), max_errors)).map_err(|e| e.code());
        assert_eq!((code(4), code(3)), (Ok(()), Err(65)));
        let folder = WorkFolder { work: work.path().to_owned() };
        assert_eq!(folder.originals().unwrap().len(), 1);
        let rows: Vec<ImportedRow> = table::read(&work.path().join("imported.parquet")).unwrap();
        assert_eq!((rows.len(), rows[0].task.as_str(), rows[6].task.as_str()), (12, "detection", "segmentation"));
        let labels = read_labels(&work.path().join("labels-detection.parquet")).unwrap();
        assert_eq!((labels.len(), labels[0].sample.as_str(), labels[0].psnr), (1, "a_fog_1", f64::INFINITY));
        assert!(!folder.labels().exists());

        for set in ["miqa_det", "miqa_ins"] {
            RgbImage::from_pixel(3, 3, image::Rgb([9; 3]))
                .save(root.path().join(set).join("src_images/a.png"))
                .unwrap();
        }
        assert_eq!(code(4), Err(78));
    }
}
