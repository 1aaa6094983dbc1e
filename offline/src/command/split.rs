//! `miqa-offline split`: originals → train, validation and test (`split.parquet`).

use std::path::PathBuf;

use super::progress::{bar, report};
use super::rank::{threads, tick};
use super::{CommandError, WorkFolder, stop_flag};
use crate::columns;
use crate::label::truth::{Truth, TruthError};
use crate::parts::Parts;
use crate::source::{
    Class, LookAlike, Original, PerceptualHash, TEST, TRAIN, VALIDATION, check_leaks, keyed, look_alikes, paper,
};
use crate::table;

/// Arguments of `split`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// How originals are split
    #[arg(long, value_enum, default_value_t = Rule::Keyed)]
    split: Rule,
    /// COCO annotation file (`instances_*.json`) that names the classes of originals; may be given several times
    #[arg(long, value_name = "FILE")]
    annotations: Vec<PathBuf>,
    /// Key of the hash that decides; another seed, another split
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Which fifth of a keyed split tests, 0 to 4: five splits test every original once
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=4))]
    fifth: u8,
    /// Originals are near-duplicates if their perceptual hashes differ in at most this many of 64 bits
    #[arg(long, default_value_t = 6, value_name = "BITS", value_parser = clap::value_parser!(u32).range(0..=20))]
    near: u32,
    /// Put near-duplicates into one fold instead of refusing them in two
    #[arg(long)]
    keep_together: bool,
    /// Worker threads; 0 takes one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

/// How originals are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Rule {
    /// By a hash of each original's id: adding originals moves none of the others. 4:1 on average
    Keyed,
    /// As the paper: 4:1 in every class, also where pictures show several; other originals can move one
    Paper,
}

impl Rule {
    fn name(self) -> &'static str {
        match self {
            Self::Keyed => "keyed",
            Self::Paper => "paper",
        }
    }
}

/// What an original looks like; kept, so that it is decoded once.
#[derive(Debug, Clone)]
struct LooksRow {
    original: String,
    bits: u64,
}

columns!(LooksRow { original, bits });

/// Changes with how the hash is made.
const LOOKS_VERSION: &str = "dct-1";
/// Note in the table's footer: by what it was split.
const RULE_NOTE: &str = "miqa.split";

/// Runs `split`.
///
/// # Errors
/// 2: no sources, annotations without `--split paper`, or another fifth with it; 65: an original or the annotations can't be read, or
/// look-alikes are in two folds; 75: stopped by a signal.
pub fn run(args: &Args) -> Result<(), CommandError> {
    if args.split == Rule::Keyed && !args.annotations.is_empty() {
        return Err(CommandError::usage("--annotations are for --split paper; a keyed split looks at ids only"));
    }
    if args.split == Rule::Paper && args.fifth != 0 {
        return Err(CommandError::usage("--fifth is for a keyed split; draw the paper's again with another --seed"));
    }
    let originals = args.work.originals()?;
    let hashes = hashes(args, &originals)?;
    let alike = look_alikes(&originals, &hashes, args.near);
    let together: Vec<(usize, usize)> =
        if args.keep_together { alike.iter().map(|like| like.pair).collect() } else { Vec::new() };
    let rows = match args.split {
        Rule::Keyed => keyed(&originals, args.seed, args.fifth, &together),
        Rule::Paper => paper(&originals, &classes(&originals, &args.annotations)?, args.seed, &together),
    };
    check_leaks(&rows, &alike).map_err(CommandError::data)?;
    let fifth = if args.fifth == 0 { String::new() } else { format!(", fifth {}", args.fifth) };
    let rule = format!("{}, seed {}{fifth}", args.split.name(), args.seed);
    table::write_noted(&args.work.split(), &rows, &[(RULE_NOTE, rule)]).map_err(CommandError::unexpected)?;

    let count = |fold: &str| rows.iter().filter(|row| row.fold == fold).count();
    println!("split: {} train, {} validation, {} test originals", count(TRAIN), count(VALIDATION), count(TEST));
    if let Some(LookAlike { pair: (a, b), distance }) = alike.first() {
        let likest = distance.map_or("the same pixels".to_owned(), |bits| format!("{bits} bits apart"));
        let (a, b) = (&originals[*a].id, &originals[*b].id);
        println!("split: {} pairs look alike, each in one fold; the likest are `{a}` and `{b}`, {likest}", alike.len());
    }
    if count(TEST) == 0 {
        eprintln!("split: no original is tested; add originals, or take another --seed");
    }
    Ok(())
}

/// The perceptual hash of each original.
fn hashes(args: &Args, originals: &[Original]) -> Result<Vec<PerceptualHash>, CommandError> {
    let parts = Parts::new(args.work.parts("looks", LOOKS_VERSION), originals);
    let (stop, bar) = (stop_flag()?, bar(originals.len(), "split"));
    let work = |(): &mut (), original: &Original| {
        let picture = original.load().map_err(|e| e.to_string())?;
        Ok::<_, String>(vec![LooksRow { original: original.id.clone(), bits: PerceptualHash::of(&picture).0 }])
    };
    let outcome = parts.make(threads(args.threads), &stop, |progress| tick(&bar, progress.kept), || Ok(()), work);
    bar.finish_and_clear();
    // One that can't be seen can't be told from the others.
    report("split: looks", &outcome.map_err(CommandError::unexpected)?, 0)?;
    let rows: Vec<LooksRow> = parts.join().map_err(CommandError::data)?;
    Ok(rows.into_iter().map(|row| PerceptualHash(row.bits)).collect())
}

/// What each original shows: its own class, and those of its annotated objects, crowds aside.
fn classes(originals: &[Original], annotations: &[PathBuf]) -> Result<Vec<Vec<Class>>, CommandError> {
    let truth = Truth::read(annotations).map_err(CommandError::data)?;
    let of = |original: &Original| {
        let own = u16::try_from(original.class).ok().map(Class::ImageNet);
        let objects = truth.of(original, false)?.unwrap_or_default();
        let objects = objects.iter().filter(|object| !object.crowd).map(|object| Class::Coco(object.class));
        Ok::<_, TruthError>(own.into_iter().chain(objects).collect())
    };
    originals.iter().map(of).collect::<Result<_, _>>().map_err(CommandError::data)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use std::path::Path;

    use image::RgbImage;

    use super::super::flow::args;
    use super::*;
    use crate::render::random::philox;
    use crate::source::{SplitRow, read_split, write_sources};

    /// Pictures of random blocks, unlike one another.
    fn picture(number: u32) -> RgbImage {
        RgbImage::from_fn(64, 48, |x, y| {
            let value = philox([x / 8, y / 8, number, 0], [1, 2])[0];
            image::Rgb([value as u8, (value >> 8) as u8, (value >> 16) as u8])
        })
    }

    fn work(folder: &Path, pictures: &[(String, RgbImage)]) {
        let originals: Vec<Original> = pictures
            .iter()
            .map(|(id, picture)| {
                let path = folder.join(format!("{id}.png"));
                picture.save(&path).unwrap();
                Original::describe(&path, -1, "").unwrap()
            })
            .collect();
        write_sources(&folder.join("sources.parquet"), &originals).unwrap();
    }

    fn folds(folder: &Path) -> Vec<SplitRow> {
        read_split(&folder.join("split.parquet")).unwrap()
    }

    #[test]
    fn a_near_duplicate_in_two_folds_is_refused_or_kept_together() {
        let folder = tempfile::tempdir().unwrap();
        let line = |more: &[&'static str]| {
            let line = [&["--work", folder.path().to_str().unwrap()], more].concat();
            run(&args(&line))
        };
        let mut pictures: Vec<(String, RgbImage)> = (0..30).map(|i| (format!("p{i:02}"), picture(i))).collect();
        work(folder.path(), &pictures);
        line(&[]).unwrap();
        let alone = folds(folder.path());
        let of = |fold: &str| alone.iter().position(|row| row.fold == fold).unwrap();
        let (train, test) = (of(TRAIN), of(TEST));
        // A little brighter.
        pictures[test].1 = RgbImage::from_fn(64, 48, |x, y| {
            image::Rgb(pictures[train].1.get_pixel(x, y).0.map(|value| value.saturating_add(2)))
        });
        work(folder.path(), &pictures);
        let error = line(&[]).unwrap_err();
        assert_eq!(error.code(), 65, "{error}");
        for part in [&pictures[train].0, &pictures[test].0, "bits", "--keep-together"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert_eq!(folds(folder.path()), alone, "nothing is written");
        line(&["--keep-together"]).unwrap();
        let together = folds(folder.path());
        assert_eq!(together[train].fold, together[test].fold);
        line(&["--keep-together", "--split", "paper"]).unwrap();
        let together = folds(folder.path());
        assert_eq!(together[train].fold, together[test].fold);
        assert_eq!(together.iter().filter(|row| row.fold == TEST).count(), 6);
    }

    #[test]
    fn annotations_name_the_classes_of_a_paper_split() {
        let folder = tempfile::tempdir().unwrap();
        let pictures: Vec<(String, RgbImage)> = (0..40).map(|i| (format!("p{i:02}"), picture(i))).collect();
        work(folder.path(), &pictures);
        // Ten of persons (1), ten of bicycles (2), ten of both, ten of nothing but a crowd.
        let images: Vec<String> =
            (0..40).map(|i| format!(r#"{{"id": {i}, "file_name": "p{i:02}.png", "license": null}}"#)).collect();
        let object = |image: usize, category: usize, crowd: u8| {
            format!(
                r#"{{"id": {}, "image_id": {image}, "category_id": {category}, "iscrowd": {crowd},
                   "bbox": [1, 1, 9, 9], "area": 81, "segmentation": [[1, 1, 10, 1, 10, 10, 1, 10]]}}"#,
                image * 10 + category
            )
        };
        let objects = (0..40).flat_map(|image| match image / 10 {
            0 => vec![object(image, 1, 0)],
            1 => vec![object(image, 2, 0)],
            2 => vec![object(image, 1, 0), object(image, 2, 0)],
            _ => vec![object(image, 1, 1)],
        });
        let (images, objects) = (images.join(","), objects.collect::<Vec<_>>().join(","));
        let path = folder.path().join("instances.json");
        std::fs::write(&path, format!(r#"{{"images": [{images}], "annotations": [{objects}]}}"#)).unwrap();
        let line = ["--work", folder.path().to_str().unwrap(), "--annotations", path.to_str().unwrap()];
        assert_eq!(run(&args(&line)).unwrap_err().code(), 2, "a keyed split has no classes");

        run(&args(&[&line[..], &["--split", "paper"]].concat())).unwrap();
        let rows = folds(folder.path());
        let tested = |range: std::ops::Range<usize>| rows[range].iter().filter(|row| row.fold == TEST).count();
        assert_eq!((tested(0..10), tested(10..20), tested(30..40)), (2, 2, 2));
        assert!((1..=3).contains(&tested(20..30)), "{}", tested(20..30));
        assert_eq!(
            table::read_note(&folder.path().join("split.parquet"), RULE_NOTE).unwrap().as_deref(),
            Some("paper, seed 0")
        );
    }
}
