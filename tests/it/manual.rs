//! Manual pages and completions: they come from the command line's own description and name every word of it.

use std::{collections::BTreeMap, fs, process::Command};

use clap::CommandFactory;
use miqa::command::Cli;

use crate::support::{miqa, stderr, stdout};

/// Every subcommand that is shown, by its words, with its long options.
fn commands() -> BTreeMap<Vec<String>, Vec<String>> {
    fn walk(command: &clap::Command, words: &[String], found: &mut BTreeMap<Vec<String>, Vec<String>>) {
        let options = command.get_arguments().filter(|argument| !argument.is_hide_set());
        found.insert(words.to_vec(), options.filter_map(|argument| argument.get_long().map(Into::into)).collect());
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            walk(sub, &[words, &[sub.get_name().to_owned()]].concat(), found);
        }
    }
    let mut root = Cli::command();
    root.build();
    let mut found = BTreeMap::new();
    walk(&root, &["miqa".into()], &mut found);
    found
}

#[test]
fn every_command_has_a_page_with_all_of_its_options() {
    let folder = tempfile::tempdir().unwrap();
    let made = miqa(["man".as_ref(), folder.path().as_os_str()]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let commands = commands();
    assert!(
        commands.len() > 12 && commands.contains_key(&["miqa", "gate", "silence"].map(Into::into)[..]),
        "{commands:?}"
    );
    let pages = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(pages, commands.len(), "a page each and no other");
    let man = Command::new("man").arg("--version").output().is_ok();
    if !man {
        println!("skipped in part: no man to read the pages with (Debian's package man-db)");
    }
    for (words, options) in commands {
        let path = folder.path().join(words.join("-") + ".1");
        // roff writes a hyphen of a program's as \-.
        let page = fs::read_to_string(&path).unwrap().replace("\\-", "-");
        for option in options {
            assert!(page.contains(&format!("--{option}")), "{words:?}: no --{option} in\n{page}");
        }
        if man {
            let read = Command::new("man").args(["--warnings", "-P", "cat", "-l"]).arg(&path).output().unwrap();
            assert!(read.status.success() && stderr(&read).is_empty(), "{words:?}: {}", stderr(&read));
        }
    }
}

#[test]
fn every_shell_completes_every_command_and_option() {
    for shell in ["bash", "zsh", "fish"] {
        let made = miqa(["completions", shell]);
        assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
        let script = stdout(&made);
        for (words, options) in commands() {
            let name = words.last().unwrap();
            assert!(script.contains(name.as_str()), "{shell}: no {name}");
            for option in options {
                let written = if shell == "fish" { format!("-l {option}") } else { format!("--{option}") };
                assert!(script.contains(&written), "{shell}: no {written} of {words:?}");
            }
        }
    }
}

#[test]
fn bash_offers_what_can_follow() {
    let script = stdout(&miqa(["completions", "bash"]));
    let ask = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let text = format!(
            "{script}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_miqa miqa '{}' '{}'\necho \"${{COMPREPLY[@]}}\"\n",
            quoted.join(" "),
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2]
        );
        let answer = Command::new("bash").args(["--norc", "-c", &text]).output().unwrap();
        assert!(answer.status.success(), "{}", stderr(&answer));
        stdout(&answer).trim().to_owned()
    };
    assert_eq!(ask("miqa gate si"), "silence");
    assert_eq!(ask("miqa doctor --for"), "--format");
    assert_eq!(ask("miqa doctor --format "), "text json");
}
