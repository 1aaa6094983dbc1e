//! The container file, as far as it can be checked without building it.

use std::{fs, path::Path, process::Command};

use crate::support::{config, miqa, stdout};

/// The instructions, continued lines joined.
fn instructions() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/Containerfile")).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.join("\n").replace("\\\n", " ").lines().filter(|line| !line.is_empty()).map(Into::into).collect()
}

#[test]
fn everything_that_is_copied_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut copied = 0;
    for line in instructions().iter().filter_map(|line| line.strip_prefix("COPY ")) {
        let words: Vec<_> = line.split_whitespace().collect();
        let built = words[0].strip_prefix("--from=build").is_some();
        for path in &words[usize::from(built)..words.len() - 1] {
            let path = path.strip_prefix("/src/").unwrap_or(path);
            // What the build makes is made here elsewhere.
            if path != "target/release/miqa" {
                assert!(root.join(path).exists(), "{path} is not there");
            }
            copied += 1;
        }
    }
    assert!(copied > 10);
    // Everything that the workspace is built from.
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for member in ["src", "benches", "examples", "offline"] {
        assert!(manifest.contains(member) && instructions().contains(&format!("COPY {member} {member}")), "{member}");
    }
}

#[test]
fn the_packages_it_installs_exist() {
    let known = Command::new("apt-cache").args(["show", "--no-all-versions", "gstreamer1.0-libav"]).output();
    if !known.is_ok_and(|known| known.status.success()) {
        println!("skipped: no lists of Debian's packages (apt-get update)");
        return;
    }
    let mut names = Vec::new();
    for line in instructions().iter().filter(|line| line.contains("apt-get install")) {
        let list = line.split("--no-install-recommends").nth(1).unwrap().split("&&").next().unwrap();
        names.extend(list.split_whitespace().map(str::to_owned));
    }
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        let found = Command::new("apt-cache").args(["show", "--no-all-versions", &name]).output().unwrap();
        assert!(found.status.success(), "Debian has no package {name}");
    }
}

#[test]
fn it_runs_as_nobody_special_and_asks_how_the_daemon_is() {
    let all = instructions();
    let last = |key: &str| all.iter().rev().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
    assert_eq!(last("USER "), Some("miqa".into()));
    let user = all.iter().position(|line| line.starts_with("USER ")).unwrap();
    assert!(all[user..].iter().all(|line| !line.starts_with("RUN ")), "nothing is installed by that user");
    let health = last("HEALTHCHECK ").unwrap();
    let command = health.split("CMD ").nth(1).unwrap();
    let words: Vec<String> = serde_json::from_str(command).unwrap();
    // Run as it stands, on a configuration whose daemon isn't there.
    let folder = tempfile::tempdir().unwrap();
    let text = "[[stream]]\nname = \"a\"\nlocation = \"test:ball\"\n[socket]\npath = \"gate.sock\"\n";
    let file = config(folder.path(), "tiny", text).display().to_string();
    let script = words[2].replace("/etc/miqa/miqa.toml", &file);
    let program = Path::new(env!("CARGO_BIN_EXE_miqa")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let asked = Command::new(&words[0]).arg(&words[1]).arg(script).env("PATH", path).status().unwrap();
    assert_eq!(asked.code(), Some(1), "no daemon, no health");
    // The commands that it starts are commands of this program.
    let help = miqa(["--help"]);
    let started: Vec<String> = serde_json::from_str(&last("CMD ").unwrap()).unwrap();
    assert!(stdout(&help).contains(&format!("\n  {} ", started[0])), "{started:?}");
}
