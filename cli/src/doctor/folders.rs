//! The folders of the server: data, models, and the space on their disk.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use contract::system::Check;

use super::{bad, good, warning};
use crate::words;

/// Below this, pictures soon have no place.
const LITTLE_BYTES: u64 = 2_000_000_000;
const ALMOST_NOTHING_BYTES: u64 = 200_000_000;

/// The endings of files that are a model, or make one of several files.
const MODEL_ENDINGS: &[&str] = &["safetensors", "gguf", "json"];

pub(super) fn look() -> Vec<Check> {
    let data = data_dir();
    vec![data_folder(&data), disk(&data), models(&models_dir(&data))]
}

/// Returns the data folder that the server would use from here.
pub(super) fn data_dir() -> PathBuf {
    let chosen = env::var_os("ATELIER_DATA_DIR")
        .filter(|value| !value.is_empty())
        .map_or_else(|| PathBuf::from("data"), PathBuf::from);
    std::path::absolute(&chosen).unwrap_or(chosen)
}

fn models_dir(data: &Path) -> PathBuf {
    env::var_os("ATELIER_MODELS_DIR")
        .filter(|value| !value.is_empty())
        .map_or_else(|| data.join("models"), PathBuf::from)
}

fn data_folder(data: &Path) -> Check {
    let name = "data folder";
    let shown = data.display();
    let Ok(metadata) = fs::metadata(data) else {
        return warning(
            name,
            format!("{shown} does not exist yet"),
            "the first start makes it; if the server runs elsewhere, set ATELIER_DATA_DIR",
        );
    };
    if let Err(error) = tempfile_in(data) {
        return bad(name, format!("{shown} cannot be written ({error})"), format!("chown -R $USER {shown}"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return warning(name, format!("{shown} can be read by others on this machine"), format!("chmod 700 {shown}"));
    }
    good(name, shown.to_string())
}

fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join(format!(".doctor-{}", std::process::id()));
    fs::write(&probe, "")?;
    fs::remove_file(&probe)
}

fn disk(data: &Path) -> Check {
    let existing = data.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(existing) {
        Ok(space) => judge_space(space.f_bavail * space.f_frsize),
        Err(error) => warning("disk", format!("the free space cannot be read ({error})"), "df -h"),
    }
}

fn judge_space(free_bytes: u64) -> Check {
    let finding = format!("{} free", words::size(free_bytes));
    let remedy = "delete what is not needed, or move the data folder (ATELIER_DATA_DIR)";
    match free_bytes {
        0..ALMOST_NOTHING_BYTES => bad("disk", finding, remedy),
        ALMOST_NOTHING_BYTES..LITTLE_BYTES => warning("disk", finding, remedy),
        _ => good("disk", finding),
    }
}

fn models(models_dir: &Path) -> Check {
    let folder = models_dir.join("checkpoints");
    match count_models(&folder) {
        0 => {
            let remedy = format!("put a .safetensors or .gguf file into {}", folder.display());
            warning("models", format!("there is none in {}", folder.display()), remedy)
        }
        count => good("models", format!("{count} in {}", folder.display())),
    }
}

fn count_models(folder: &Path) -> usize {
    let count = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => count_models(&path),
        Some(ending) if MODEL_ENDINGS.iter().any(|known| ending == *known) => 1,
        _ => 0,
    };
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| count(entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use contract::system::Verdict;

    use super::*;

    #[test]
    fn little_space_is_told_before_there_is_none() {
        assert_eq!(judge_space(100_000_000).verdict, Verdict::Bad);
        assert_eq!(judge_space(1_000_000_000).verdict, Verdict::Warning);
        assert_eq!(judge_space(50_000_000_000).verdict, Verdict::Good);
    }
}
