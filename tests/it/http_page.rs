//! The page in a real Chromium: `tests/page/run.js` drives it, this gives it a daemon.

use std::{path::Path, process::Command};

use crate::{
    clip::{self, BLACK, WHITE},
    http_api::Daemon,
};

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Where a browser is, and what drives it; says what is missing otherwise.
fn browser(test: &str) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let found = BROWSERS.iter().find_map(|name| {
        let places = path.split(':').map(|folder| Path::new(folder).join(name));
        places.filter(|place| place.is_file()).map(|place| place.display().to_string()).next()
    });
    let driver = Command::new("scripts/page.sh").current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    if found.is_none() || !driver.status.success() {
        println!("skipped: {test}: needs chromium and npm; scripts/deps.sh test installs them");
        return None;
    }
    found
}

/// Screenshots stay where `MIQA_SHOTS` says.
#[track_caller]
fn run(what: &str, daemon: &Daemon, browser: &str, folder: &Path) {
    let shots = std::env::var("MIQA_SHOTS").unwrap_or_else(|_| folder.display().to_string());
    let ran = Command::new("node")
        .args(["run.js", what, &format!("http://127.0.0.1:{}", daemon.port), &shots])
        .env("CHROMIUM", browser)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page"))
        .output()
        .unwrap();
    println!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "see above");
}

#[test]
fn a_stream_is_added_goes_dark_and_is_looked_after() {
    let Some(browser) = browser("a_stream_is_added_goes_dark_and_is_looked_after") else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("clips")).unwrap();
    clip::make(&folder.path().join("clips/dark.mp4"), &[(150, WHITE), (5000, BLACK)]);
    let text = "[[rule]]\nname = \"dim\"\nhead = \"cls_consistency\"\nfire_below = 0.3\n\
        [state]\nfolder = \"state\"\n[snapshots]\nfolder = \"shots\"\n";
    let daemon = Daemon::start(folder.path(), text, "files = \"clips\"");
    run("day", &daemon, &browser, folder.path());
}

#[test]
#[ignore = "slow: forty cameras and a browser"]
fn forty_cameras_do_not_stutter() {
    let Some(browser) = browser("forty_cameras_do_not_stutter") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (i, shade) in [230_u8, 180, 120, 40].into_iter().enumerate() {
        let stills = folder.path().join("stills");
        std::fs::create_dir_all(&stills).unwrap();
        let picture = image::RgbImage::from_fn(640, 360, |x, y| image::Rgb([shade, (x / 3) as u8, (y / 2) as u8]));
        picture.save(stills.join(format!("{i}.jpg"))).unwrap();
    }
    let stream = |i: usize| {
        format!(
            "[[stream]]\nname = \"camera-{i:02}\"\nlocation = \"images:stills\"\nrepeat = true\ninterval = \"1s\"\nviews = \"centre\"\n"
        )
    };
    let daemon = Daemon::start(folder.path(), &(0..40).map(stream).collect::<String>(), "");
    run("many", &daemon, &browser, folder.path());
}
