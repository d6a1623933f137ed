//! `cargo xtask codegen`: the documents that our own programs write about themselves.

use std::{fs, process::Command};

use anyhow::{Context, bail};

use crate::{
    binaries::{Binaries, Profile},
    program, repository,
};

/// What to do with what was generated.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Options {
    /// Changes nothing, and fails if a file is not what would be written.
    #[arg(long)]
    check: bool,
}

/// A generated file, and how the API is asked for it.
const FILES: &[(&str, &str)] = &[("docs/configuration.md", "configuration"), ("docs/openapi.json", "openapi")];

/// Writes or compares every generated file.
pub(crate) fn codegen(options: Options) -> anyhow::Result<()> {
    let binaries = Binaries::build(Profile::Dev)?;
    if options.check { check(&binaries) } else { write(&binaries) }
}

/// Fails if a generated file is stale.
pub(crate) fn check(binaries: &Binaries) -> anyhow::Result<()> {
    for (path, about) in FILES {
        let kept = fs::read_to_string(repository::root().join(path)).unwrap_or_default();
        if let Some(difference) = first_difference(&kept, &generate(binaries, about)?) {
            bail!("{path} is stale ({difference}); `cargo xtask codegen` writes it anew");
        }
    }
    println!("{} generated files are up to date", FILES.len());
    Ok(())
}

fn write(binaries: &Binaries) -> anyhow::Result<()> {
    for (path, about) in FILES {
        let target = repository::root().join(path);
        fs::write(&target, generate(binaries, about)?).with_context(|| format!("could not write {path}"))?;
        println!("wrote {path}");
    }
    Ok(())
}

fn generate(binaries: &Binaries, about: &str) -> anyhow::Result<String> {
    program::read(Command::new(binaries.api()).arg(about))
}

/// Says where two texts part; none if they are the same.
fn first_difference(kept: &str, fresh: &str) -> Option<String> {
    if kept == fresh {
        return None;
    }
    let same = kept.lines().zip(fresh.lines()).take_while(|(a, b)| a == b).count();
    let line = fresh.lines().nth(same).unwrap_or("the end of the file");
    Some(format!("line {} should be {:?}", same + 1, line.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_found_with_the_line() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n").as_deref(), Some("line 2 should be \"c\""));
        assert_eq!(first_difference("a\nb\n", "a\n").as_deref(), Some("line 2 should be \"the end of the file\""));
    }
}
