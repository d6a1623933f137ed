//! The program that makes the pictures.

use std::{env, path::PathBuf};

use contract::system::Check;

use super::{good, programs::find, warning};

pub(super) fn look() -> Vec<Check> {
    let name = "sd-engine";
    if env::var("ATELIER_ENGINE").is_ok_and(|engine| engine == "scripted") {
        return vec![warning(
            name,
            "not used: the scripted engine draws test cards",
            "unset ATELIER_ENGINE for real pictures",
        )];
    }
    vec![match locate() {
        Some(path) => good(name, path.display().to_string()),
        None => warning(
            name,
            "not found beside this program, in PATH, or at ATELIER_SD_ENGINE",
            "`cargo xtask engines` builds it; `cargo xtask up` does so by itself",
        ),
    }]
}

/// Where the worker looks: the setting, beside its own program, PATH; and where `cargo xtask engines` points at its build.
fn locate() -> Option<PathBuf> {
    if let Some(chosen) = env::var_os("ATELIER_SD_ENGINE").filter(|value| !value.is_empty()) {
        return Some(PathBuf::from(chosen)).filter(|path| path.is_file());
    }
    let program = env::current_exe().unwrap_or_default();
    let built = program.ancestors().skip(1).take(2).map(|folder| folder.join("sd-engine"));
    built.into_iter().find(|path| path.is_file()).or_else(|| find("sd-engine"))
}
