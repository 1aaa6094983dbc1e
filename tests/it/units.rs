//! The systemd units: complete, hardened, and with a reason for every protection that is left out.

use std::{fs, path::Path, process::Command};

use crate::support::{config, miqa, stderr, stdout};

const UNITS: [&str; 2] = ["miqa.service", "miqa-cuda.service"];

fn unit(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)).unwrap()
}

/// Whether systemd's own tool is here; it needs no running systemd.
fn has_systemd() -> bool {
    let there = Command::new("systemd-analyze").arg("--version").output().is_ok();
    if !there {
        println!("skipped: no systemd-analyze (Debian's package systemd)");
    }
    there
}

#[test]
fn systemd_finds_the_units_whole() {
    if !has_systemd() {
        return;
    }
    for name in UNITS {
        // The programs that are started must be there: ours is where cargo built it.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, unit(name).replace("/usr/bin/miqa", env!("CARGO_BIN_EXE_miqa"))).unwrap();
        let verify = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().unwrap();
        // Units of this machine that ours are ordered after are not ours to mend.
        let said = stderr(&verify);
        let ours: Vec<_> = said.lines().filter(|line| line.contains("miqa")).collect();
        assert!(verify.status.success() && ours.is_empty(), "{name}: {said}");
        // And a mistake would have been found.
        fs::write(&path, unit(name).replace("WatchdogSec=30", "WatchdogSec=often")).unwrap();
        let verify = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().unwrap();
        assert!(stderr(&verify).contains("often"), "{name}: {}", stderr(&verify));
    }
}

#[test]
fn systemd_scores_the_units_as_safe_and_each_omission_has_its_reason() {
    if !has_systemd() {
        return;
    }
    for name in UNITS {
        let text = unit(name);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
        let security = |threshold: &str| {
            let mut command = Command::new("systemd-analyze");
            command.args(["security", "--offline=true", "--no-pager", threshold]).arg(&path).output().unwrap()
        };
        // In tenths: 2.0 at most.
        let scored = security("--threshold=20");
        assert!(scored.status.success(), "{name}: {}", stdout(&scored));
        assert!(!security("--threshold=1").status.success(), "the threshold counts");
        // A protection that systemd misses is named in the file: left out in a comment, or given with exceptions.
        for missed in stdout(&scored).lines().filter_map(|line| line.strip_prefix("✗ ")) {
            let protection = missed.split(['=', ' ']).next().unwrap();
            let named = text.lines().any(|line| line.contains(&format!("{protection}=")));
            assert!(named, "{name} says nothing about {missed}");
        }
    }
}

#[test]
fn both_units_differ_only_where_cuda_asks_for_it() {
    let [cpu, cuda] = UNITS.map(unit);
    let settings = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(Into::into).collect()
    };
    let (cpu, cuda) = (settings(&cpu), settings(&cuda));
    let lacking: Vec<_> = cpu.iter().filter(|line| !cuda.contains(line)).collect();
    assert_eq!(
        lacking,
        ["Description=miqa, video quality monitor", "After=network-online.target", "MemoryDenyWriteExecute=yes"]
    );
    let added: Vec<_> = cuda.iter().filter(|line| !cpu.contains(line)).collect();
    assert_eq!(
        added,
        [
            "Description=miqa, video quality monitor (CUDA)",
            "After=network-online.target nvidia-persistenced.service",
            "Wants=nvidia-persistenced.service",
            "TimeoutStartSec=180",
            "DeviceAllow=char-nvidia* rw",
        ]
    );
}

#[test]
fn the_command_before_start_and_reload_refuses_mistakes_and_waits_for_cameras() {
    let text = unit("miqa.service");
    let of = |key: &str| text.lines().filter_map(|line| line.strip_prefix(key)).collect::<Vec<_>>();
    let check = of("ExecStartPre=");
    assert_eq!((check.len(), &of("ExecReload=")[..1]), (1, &check[..]), "the same before both");
    let arguments: Vec<_> = check[0].split(' ').skip(1).collect();
    let folder = tempfile::tempdir().unwrap();
    let run = |text: &str| {
        let file = config(folder.path(), "tiny", text).display().to_string();
        miqa(arguments.iter().map(|word| if *word == "/etc/miqa/miqa.toml" { file.as_str() } else { word }))
    };
    let stream = "[[stream]]\nname = \"a\"\nlocation = \"/dev/video4711\"\n";
    let away = run(stream);
    assert_eq!(away.status.code(), Some(0), "{}", stderr(&away));
    assert!(stdout(&away).contains("away      ") && stdout(&away).contains("no such device"), "{}", stdout(&away));
    for wrong in [format!("{stream}intervall = \"1s\"\n"), format!("{stream}[state]\nfolder = \"/proc/miqa\"\n")] {
        assert_ne!(run(&wrong).status.code(), Some(0), "{wrong}");
    }
}
