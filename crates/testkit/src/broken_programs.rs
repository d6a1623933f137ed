//! Programs that fail as builds of engines do on a machine that they do not suit. Made by the compiler that links everything.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

/// The library that [`write_without_library`] asks for in vain.
pub const MISSING_LIBRARY: &str = "libatelier-missing.so.1";

/// Writes a program that needs a library which is not there, as one for CUDA does without its driver: the loader ends it.
pub fn write_without_library(path: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("could not make a folder")?;
    let library = folder.path().join(MISSING_LIBRARY);
    let source = folder.path().join("library.c");
    fs::write(&source, "int driver(void) { return 0; }").context("could not write a source")?;
    let name = format!("-Wl,-soname,{MISSING_LIBRARY}");
    run(Command::new("cc").args(["-shared", "-fPIC", &name, "-o"]).args([&library, &source]))?;
    let source = folder.path().join("program.c");
    fs::write(&source, "int driver(void); int main(void) { return driver(); }").context("could not write a source")?;
    run(Command::new("cc").arg("-o").args([path, &source, &library]))
}

/// Writes a program that does nothing and does not end.
pub fn write_hanging(path: &Path) -> anyhow::Result<()> {
    write(path, "#include <unistd.h>\nint main(void) { for (;;) pause(); }")
}

/// Writes a program of C.
pub fn write(path: &Path, source: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("could not make a folder")?;
    let file = folder.path().join("program.c");
    fs::write(&file, source).context("could not write a source")?;
    run(Command::new("cc").arg("-o").args([path, &file]))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().context("could not start cc")?;
    ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
