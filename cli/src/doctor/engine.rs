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

/// Where the worker looks: the setting, beside its own program, PATH.
fn locate() -> Option<PathBuf> {
    let chosen = env::var_os("ATELIER_SD_ENGINE").filter(|value| !value.is_empty()).map(PathBuf::from);
    let beside = env::current_exe().ok().and_then(|path| Some(path.parent()?.join("sd-engine")));
    chosen.or(beside).filter(|path| path.is_file()).or_else(|| find("sd-engine"))
}
