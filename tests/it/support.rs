//! What the tests share: the program, its fixtures, a sink that remembers.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use miqa::{
    event::{Event, Said},
    sink::Sink,
};

/// A model of `tests/fixtures`.
pub(crate) fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Runs the program with these arguments in the repository's folder.
pub(crate) fn miqa<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    command().args(arguments).output().expect("the program starts")
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_miqa"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("RUST_LOG");
    command
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Nothing is looked for in the pictures: test clips are of one colour and stand still.
const NO_FACTS: &str = "[facts]\nfrozen_after = \"off\"\nblack_after = \"off\"\none_colour_after = \"off\"\nslate_after = \"off\"\nplain_after = \"off\"\n";

/// A configuration file: the fixture model on the CPU, then `rest`; facts are looked for only if it says so.
pub(crate) fn config(folder: &Path, model_name: &str, rest: &str) -> PathBuf {
    let path = folder.join(format!("{model_name}.toml"));
    let model = model(model_name);
    let facts = if rest.contains("[facts]") { "" } else { NO_FACTS };
    let text = format!("[engine]\nmodel = {model:?}\ndevice = \"cpu\"\n{rest}\n{facts}");
    std::fs::write(&path, text).expect("written");
    path
}

/// Remembers every event.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<Event>>>);

impl Memory {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().expect("no panic").clone()
    }

    pub(crate) fn sink(&self) -> Vec<Box<dyn Sink>> {
        vec![Box::new(self.clone())]
    }
}

impl Sink for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn write(&mut self, said: &Said) -> std::io::Result<()> {
        self.0.lock().expect("no panic").push(said.event.clone());
        Ok(())
    }
}

/// A process of this binary that runs one ignored test only.
pub(crate) fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command
}
