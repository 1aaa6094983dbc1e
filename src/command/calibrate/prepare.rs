//! `miqa calibrate prepare`: a clip's frames as pictures, and the script that degrades them.

use std::{
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{
    file_name,
    pictures::{CLEAN, DEGRADED, MANIFEST, Manifest},
    refused,
};
use crate::{
    command::{CommandError, Outcome, locate},
    config::{Config, Period},
    engine::Card,
    preprocess, source,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Recorded video file of good pictures
    #[arg(value_name = "CLIP")]
    clip: PathBuf,
    /// Configuration whose model is calibrated: the distortions that it knows are used
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder to be made: clean/, manifest.json, degrade.sh
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Time from one frame to the next
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    every: Period,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let config = Config::read(&arguments.config)?;
    let card = Card::read(&locate::model(&config.engine.model))?;
    let clean = arguments.out.join(CLEAN);
    let wrong = |path: &Path, e: &dyn std::fmt::Display| {
        refused(format!("{}: {e}; name another folder with --out", path.display()))
    };
    std::fs::create_dir_all(&clean).map_err(|e| wrong(&clean, &e))?;
    let mut manifest = Manifest { source: file_name(&arguments.clip), ..Manifest::default() };
    let mut due = Duration::ZERO;
    for frame in source::frames(&arguments.clip)? {
        let frame = frame?;
        let at = frame.pts.unwrap_or(due);
        if at < due {
            continue;
        }
        due = at + arguments.every.get();
        let rgb = preprocess::to_rgb(&frame)
            .map_err(|source| CommandError::Preprocess { path: arguments.clip.clone(), source })?;
        let name = format!("{:06}", manifest.times.len());
        let path = clean.join(format!("{name}.png"));
        rgb.save(&path).map_err(|e| wrong(&path, &e))?;
        manifest.times.insert(name, at.as_secs_f64());
    }
    let put = |name: &str, text: &str| {
        let path = arguments.out.join(name);
        std::fs::write(&path, text).map_err(|e| wrong(&path, &e)).map(|()| path)
    };
    put(MANIFEST, &serde_json::to_string_pretty(&manifest).map_err(io::Error::from)?)?;
    let script = put("degrade.sh", &script(&card.output.distortions))?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).map_err(|e| wrong(&script, &e))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} clean frames in {}", manifest.times.len(), clean.display())?;
    writeln!(
        out,
        "next: {} (needs miqa-offline), run your detector on the pictures of clean/ and degraded/,",
        script.display()
    )?;
    writeln!(
        out,
        "then: miqa calibrate --config {} --frames {} --detections FILE",
        arguments.config.display(),
        arguments.out.display()
    )?;
    Ok(Outcome::Good)
}

/// Degrades all clean pictures at five levels of every distortion.
fn script(distortions: &[String]) -> String {
    format!(
        "#!/usr/bin/env bash\n\
         # Degrades the pictures of {CLEAN}/ at five levels of each distortion that the model knows, into {DEGRADED}/.\n\
         set -euo pipefail\ncd \"$(dirname \"$0\")\"\n\
         for distortion in {}; do\n  for level in 1 2 3 4 5; do\n    \
         \"${{MIQA_OFFLINE:-miqa-offline}}\" degrade {CLEAN}/*.png --distortion \"$distortion\" --level \"$level\" --out {DEGRADED}\n  \
         done\ndone\n",
        distortions.join(" ")
    )
}
