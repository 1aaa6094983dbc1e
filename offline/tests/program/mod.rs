//! The real program, run by tests.

use std::process::{Command, Output, Stdio};

/// Three distortions in as many rows as levels: quick to rank.
pub(crate) const RECIPE: &str = "name = \"quick\"\nversion = 1\nlevels = \"as listed\"\npatterns = [\"uniform\"]\n\
    [distortions]\ngaussian_noise = [[0.05], [0.2]]\nfog = [[0.3, 2.0], [0.6, 1.8]]\ndefocus_blur = [[3, 0.5], [6, 0.5]]\n";

/// The program with these arguments, outside any cluster.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_miqa-offline"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "SGE_TASK_ID"] {
        command.env_remove(variable);
    }
    command
}

/// Exit code and all that was said.
pub(crate) fn run(arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = program(arguments).output().expect("starts");
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (status.code().unwrap_or(-1), text)
}

/// What was said by a run that must succeed.
pub(crate) fn must(arguments: &[&str]) -> String {
    let (code, text) = run(arguments);
    assert_eq!(code, 0, "{arguments:?}: {text}");
    text
}
