//! Everything that can be wrong with what the program is given: one line that names the thing and the next step, exit
//! code 2, no panic.

use std::path::Path;

use crate::{
    clip::{self, WHITE},
    support::{config, miqa, model, stderr},
};

#[track_caller]
fn refused(case: &str, arguments: &[&str], expected: &[&str]) {
    let output = miqa(arguments);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{case}: {error}");
    assert_eq!(error.lines().count(), 1, "{case}: not one line: {error}");
    assert!(error.starts_with("miqa: ") && !error.contains("panicked"), "{case}: {error}");
    for part in expected {
        assert!(error.contains(part), "{case}: no \"{part}\" in: {error}");
    }
}

/// A PNG whose header claims this size; its pixels are missing.
fn png_of_size(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let body = [kind.as_slice(), data].concat();
        let crc = !body.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
        });
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc.to_be_bytes()].concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"IDAT", &[0x78, 0x9c, 3, 0, 0, 0, 0, 1]),
        chunk(b"IEND", &[]),
    ]
    .concat()
}

#[test]
fn files() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).expect("written");
    clip::make(&path("good.mp4"), &[(50, WHITE)]);
    clip::make_sound(&path("sound.ogg"));
    let good = std::fs::read(path("good.mp4")).expect("readable");
    write("cut.mp4", &good[..good.len() - 200]);
    let mut codec = good;
    while let Some(at) = codec.windows(4).position(|four| four == b"avc1") {
        codec[at..at + 4].copy_from_slice(b"zzz9");
    }
    write("codec.mp4", &codec);
    write("empty.mp4", b"");
    write("text.mp4", b"This is no video, it is a text about one.\n");
    write("garbage.mp4", &(0u32..50_000).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>());
    image::RgbImage::new(1, 1).save(path("dot.png")).expect("saved");
    write("huge.png", &png_of_size(20_000, 20_000));
    write("many.png", &png_of_size(16_000, 16_000));
    write("hollow.png", &png_of_size(300, 300));
    let photo = include_bytes!("../fixtures/pictures/000000208901.jpg");
    write("half.jpg", &photo[..photo.len() / 2]);
    write("cut.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF");
    let tiny = model("tiny").display().to_string();
    for (file, expected) in [
        ("none.mp4", "cannot be opened"),
        (".", "no regular file"),
        ("empty.mp4", "is empty; copy or record it again"),
        ("cut.mp4", "is truncated (200 bytes are missing at its end)"),
        ("text.mp4", "is no picture or video that GStreamer recognises"),
        ("garbage.mp4", "is no picture or video that GStreamer recognises"),
        ("sound.ogg", "has no video track"),
        ("codec.mp4", "no decoder for"),
        ("dot.png", "picture of 1×1 is too small to judge"),
        ("huge.png", "20000×20000 pixels are too many"),
        ("many.png", "16000×16000 pixels are too many"),
        ("hollow.png", "cannot be decoded"),
        ("cut.jpg", "cannot be decoded"),
        ("half.jpg", "is cut short"),
    ] {
        let file = path(file).display().to_string();
        let name = Path::new(&file).file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        refused(&file, &["score", "--model", &tiny, &file], &[expected, &name]);
    }
    // A file that fails doesn't keep the next one from being scored.
    let (bad, good) = (path("none.mp4").display().to_string(), path("good.mp4").display().to_string());
    let output = miqa(["score", "--json", "--model", &tiny, &bad, &good]);
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(2), false), "{}", stderr(&output));
}

#[test]
fn models() {
    let folder = tempfile::tempdir().expect("folder");
    let dark = folder.path().join("dark.png").display().to_string();
    image::RgbImage::new(300, 300).save(&dark).expect("saved");
    let copy = |name: &str, model_bytes: &dyn Fn(Vec<u8>) -> Vec<u8>, card: &dyn Fn(String, &[u8]) -> String| {
        let to = folder.path().join(name);
        std::fs::create_dir(&to).expect("made");
        let bytes = model_bytes(std::fs::read(model("tiny/model.onnx")).expect("readable"));
        let text = card(std::fs::read_to_string(model("tiny/card.toml")).expect("readable"), &bytes);
        std::fs::write(to.join("model.onnx"), bytes).expect("written");
        std::fs::write(to.join("card.toml"), text).expect("written");
        to.display().to_string()
    };
    let same = |text: String, _: &[u8]| text;
    let hashed = |text: String, bytes: &[u8]| {
        let hash: String = sha2_hex(bytes);
        text.lines()
            .map(|line| if line.starts_with("sha256") { format!("sha256 = \"{hash}\"\n") } else { format!("{line}\n") })
            .collect()
    };
    let torn = copy("torn", &|bytes| bytes[..bytes.len() - 1].to_vec(), &same);
    let corrupt = copy("corrupt", &|bytes| bytes.iter().map(|b| b ^ 0x55).collect(), &hashed);
    let card = copy("card", &|bytes| bytes, &|text, _| text.replace("[input]", "[imput]"));
    let none = folder.path().join("none").display().to_string();
    let shape = model("tiny_shape").display().to_string();
    let nan = model("tiny_nan").display().to_string();
    let tiny = model("tiny").display().to_string();
    for (case, arguments, expected) in [
        ("missing", vec!["--model", &none], vec!["none", "card.toml"]),
        ("wrong hash", vec!["--model", &torn], vec!["torn/model.onnx", "SHA-256", "restore the file"]),
        (
            "corrupt ONNX",
            vec!["--model", &corrupt],
            vec!["can't open model", "corrupt/model.onnx", "export the model again"],
        ),
        ("wrong input shape", vec!["--model", &shape], vec!["does not fit its card", "288"]),
        ("malformed card", vec!["--model", &card], vec!["card/card.toml", "imput"]),
        ("NaN", vec!["--model", &nan], vec!["dark.png", "the model gave NaN for cls_", "miqa check"]),
        ("unknown head", vec!["--model", &tiny, "--head", "cls"], vec!["no head \"cls\"", "cls_consistency"]),
        ("head without threshold", vec!["--model", &tiny, "--head", "cls_accuracy"], vec!["--close-below"]),
        ("threshold off the scale", vec!["--model", &tiny, "--close-below", "40"], vec!["0 to 1"]),
    ] {
        let arguments = [vec!["score", &dark], arguments].concat();
        // An image is scored, so the heading is printed before NaN shows.
        refused(case, &arguments, &expected);
    }
}

fn sha2_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn configurations() {
    let folder = tempfile::tempdir().expect("folder");
    let stream = "[[stream]]\nname = \"a\"\nlocation = \"none.mp4\"\n";
    let directory = folder.path().display().to_string();
    let file = |rest: &str| config(folder.path(), "tiny", rest).display().to_string();
    for command in ["run", "check"] {
        refused("a folder", &[command, "--config", &directory], &[&directory, "cannot read the configuration"]);
        refused("missing", &[command, "--config", "no/such.toml"], &["no/such.toml", "cannot read"]);
        refused(
            "unknown key",
            &[command, "--config", &file(&format!("{stream}intervall = \"1s\"\n"))],
            &["stream[0].intervall", "did you mean \"interval\"?"],
        );
        refused("no TOML", &[command, "--config", &file("[[stream\n")], &["tiny.toml:4", "not valid TOML"]);
        refused(
            "unknown head",
            &[command, "--config", &file(&format!("[gate]\nhead = \"cls\"\n{stream}"))],
            &["stream \"a\" gate", "no head \"cls\""],
        );
    }
    let live = ["replay", "rtsp://u:hunter2@cam/1", "--config", "config/miqa.toml"];
    refused("a live stream", &live, &["rtsp:// is no recorded file", "miqa run"]);
    for (at, part) in [("2026-11-23T22:00:00", "write 2026-11-23T22:00:00Z for UTC"), ("noon", "write it as 2026-")] {
        let output = miqa(["replay", "a.mp4", "--config", "config/miqa.toml", "--at", at]);
        assert!(output.status.code() == Some(2) && stderr(&output).contains(part), "{}", stderr(&output));
    }
    let output = miqa(["run", "--config", &file(stream)]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).lines().count() == 1 && stderr(&output).contains("none.mp4: cannot be opened"),
        "{}",
        stderr(&output)
    );
}
