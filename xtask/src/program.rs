//! Other programs: finding them, running them, and saying what was tried when they fail.

use std::{
    env,
    ffi::OsStr,
    io::{self, Seek as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, bail, ensure};

use crate::repository;

/// Returns the path of a program: in `PATH`, or where Debian keeps programs for the administrator.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].into_iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// Returns cargo, the same that runs this program, at the root of the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository::root());
    // What cargo tells this program about this program would mislead a second cargo's build scripts.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program to its end, with this terminal.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let text = describe(command);
    let status = command.status().with_context(|| format!("could not start `{text}`"))?;
    ensure!(status.success(), "`{text}` ended with {status}");
    Ok(())
}

/// Runs programs beside each other, all to their ends, and shows what each said, one after the other.
pub(crate) fn run_beside(commands: Vec<Command>) -> anyhow::Result<()> {
    let mut running = Vec::new();
    for mut command in commands {
        let text = describe(&command);
        let said = tempfile::tempfile().context("could not make a file")?;
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said.try_clone()?);
        running.push((command.spawn().with_context(|| format!("could not start `{text}`"))?, said, text));
    }
    let mut failed = Vec::new();
    for (mut child, mut said, text) in running {
        let status = child.wait().with_context(|| format!("could not wait for `{text}`"))?;
        println!("{text}");
        said.rewind()
            .and_then(|()| io::copy(&mut said, &mut io::stdout()))
            .with_context(|| format!("could not show what `{text}` said"))?;
        if !status.success() {
            failed.push(format!("`{text}` ended with {status}"));
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

/// Runs a program to its end and returns what it wrote; its complaints go to the terminal.
pub(crate) fn read(command: &mut Command) -> anyhow::Result<String> {
    let text = describe(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("could not start `{text}`"))?;
    ensure!(output.status.success(), "`{text}` ended with {}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("`{text}` wrote something that is not UTF-8"))
}

/// Runs a program that says nothing, and shows what it said only if it fails.
pub(crate) fn run_quietly(command: &mut Command) -> anyhow::Result<()> {
    let text = describe(command);
    let output = command.output().with_context(|| format!("could not start `{text}`"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("`{text}` ended with {}:\n{}", output.status, String::from_utf8_lossy(&said).trim_end());
    }
    Ok(())
}

/// Returns whether a program starts and ends well; what it says is of no interest.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns the command as a person would type it.
pub(crate) fn describe(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name).chain(command.get_args()).map(quoted).collect::<Vec<_>>().join(" ")
}

/// A word as a shell wants it.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let is_plain =
        !word.is_empty() && word.chars().all(|letter| letter.is_alphanumeric() || "-_./:=,@+".contains(letter));
    if is_plain { word.into_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_program_is_named_with_its_arguments_and_its_words() {
        let error =
            run_quietly(Command::new("/bin/sh").args(["-c", "echo gone wrong; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("sh -c"), "{error}");
        assert!(error.contains("gone wrong"), "{error}");
        assert!(error.contains('3'), "{error}");
    }

    #[test]
    fn of_programs_beside_each_other_all_end_and_each_that_failed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let shell = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]).current_dir(folder.path());
            command
        };
        // Each waits for the other, so they end only beside each other.
        let meet = "mkfifo fifo 2>/dev/null; echo here >fifo; exit 3";
        let error = run_beside(vec![shell(meet), shell("while [ ! -p fifo ]; do :; done; cat fifo")]).unwrap_err();
        assert!(error.to_string().contains("mkfifo") && !error.to_string().contains("cat"), "{error}");
        run_beside(vec![shell("exit 0"), shell("exit 0")]).unwrap();
    }

    #[test]
    fn a_command_can_be_typed_as_it_is_shown() {
        let shown = describe(Command::new("/usr/bin/atelier").args(["submit", "a sailor's dawn", "--width", "256"]));
        assert_eq!(shown, r"atelier submit 'a sailor'\''s dawn' --width 256");
    }

    #[test]
    fn a_program_that_is_not_there_is_not_found() {
        assert_eq!(find("a-program-that-nobody-wrote"), None);
        assert!(find("sh").is_some());
    }
}
