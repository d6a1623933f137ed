//! The programs that make pictures and texts.

use std::{
    env,
    path::{Path, PathBuf},
};

use contract::system::Check;

use super::{bad, good, warning};

/// What stands behind the name of a build, the best first, as the workers try them.
const BUILDS: [&str; 5] = ["-cuda", "-metal", "-vulkan", "", "-cpu"];

pub(super) fn look() -> Vec<Check> {
    let pictures = if env::var("ATELIER_ENGINE").is_ok_and(|engine| engine == "scripted") {
        warning("sd-engine", "not used: the scripted engine draws test cards", "unset ATELIER_ENGINE for real pictures")
    } else {
        engine("sd-engine", "ATELIER_SD_ENGINE")
    };
    vec![pictures, engine("llama-server", "ATELIER_LLAMA_SERVER")]
}

/// Looks for the builds of an engine. Which of them works, its worker finds out.
fn engine(name: &str, variable: &str) -> Check {
    if let Some(chosen) = env::var_os(variable).filter(|value| !value.is_empty()) {
        let path = Path::new(&chosen);
        if path.is_file() {
            return good(name, format!("{}, as {variable} says", path.display()));
        }
        return bad(name, format!("{variable} names no file: {}", path.display()), "correct it, or unset it");
    }
    let found = builds(name, &folders());
    if found.is_empty() {
        return warning(
            name,
            format!("not found in ATELIER_ENGINES_DIR, beside this program, in PATH, or at {variable}"),
            "`cargo xtask engines` builds it; `cargo xtask up` does so by itself",
        );
    }
    let found: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
    good(name, found.join(", "))
}

/// Where the workers look: the setting, or beside their own program and in `PATH`; and where `cargo xtask engines` points at its
/// builds.
fn folders() -> Vec<PathBuf> {
    if let Some(chosen) = env::var_os("ATELIER_ENGINES_DIR").filter(|value| !value.is_empty()) {
        return vec![chosen.into()];
    }
    let program = env::current_exe().unwrap_or_default();
    let built = program.ancestors().skip(1).take(2).map(Path::to_owned);
    built.chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())).collect()
}

/// Returns the builds of an engine: of each kind that in the first folder that has it.
fn builds(name: &str, folders: &[PathBuf]) -> Vec<PathBuf> {
    let of_kind = |ending: &str| {
        let name = format!("{name}{ending}");
        folders.iter().map(|folder| folder.join(&name)).find(|path| path.is_file())
    };
    BUILDS.into_iter().filter_map(of_kind).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn all_builds_are_found_the_best_first() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for path in [first.path().join("painter"), second.path().join("painter"), second.path().join("painter-cuda")] {
            fs::write(path, "").unwrap();
        }
        let folders = [first.path().to_owned(), second.path().to_owned()];
        assert_eq!(builds("painter", &folders), [second.path().join("painter-cuda"), first.path().join("painter")]);
        assert_eq!(builds("writer", &folders), Vec::<PathBuf>::new());
    }
}
