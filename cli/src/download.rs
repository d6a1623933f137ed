//! The pictures of a job, written to files.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use contract::{asset::AssetRef, job::Job};

use crate::client::{Client, Error};

/// Writes every picture of a job, and returns their paths.
pub(crate) async fn download(client: &Client, job: &Job, output: &Path) -> Result<Vec<PathBuf>, Error> {
    let assets = job.result.as_ref().map_or(&[][..], |result| &result.assets);
    let mut paths = Vec::new();
    for (index, asset) in assets.iter().enumerate() {
        let path = path_of(output, job, asset, index);
        let bytes = client.load_asset(asset).await?;
        write_whole(&path, &bytes)?;
        paths.push(path);
    }
    Ok(paths)
}

/// An output that ends like a picture is the file itself (the second picture gets `-2`); any other is a folder.
fn path_of(output: &Path, job: &Job, asset: &AssetRef, index: usize) -> PathBuf {
    let ending = ending(asset);
    let number = if index == 0 { String::new() } else { format!("-{}", index + 1) };
    if is_file(output) {
        let stem = output.file_stem().unwrap_or_default().to_string_lossy();
        let own = output.extension().unwrap_or_default().to_string_lossy();
        return output.with_file_name(format!("{stem}{number}.{own}"));
    }
    output.join(format!("{}{number}.{ending}", job.id))
}

/// Returns whether a path ends like a picture.
pub(crate) fn is_file(output: &Path) -> bool {
    output.extension().is_some_and(|it| ["png", "jpg", "jpeg", "webp"].iter().any(|known| it == *known))
}

/// Returns how the name of a file of this kind ends.
pub(crate) fn ending(asset: &AssetRef) -> &'static str {
    match asset.media_type.as_str() {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        _ => "bin",
    }
}

/// The file appears under its name only once it is whole.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |action: &'static str| move |source| Error::File { action, path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
    }
    let partial = path.with_added_extension("part");
    let mut file = fs::File::create(&partial).map_err(failed("write"))?;
    file.write_all(bytes).map_err(failed("write"))?;
    fs::rename(&partial, path).map_err(failed("write"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::tests::finished_job;

    fn path(output: &str, index: usize) -> String {
        let job = finished_job();
        path_of(Path::new(output), &job, &job.result.as_ref().unwrap().assets[0], index).display().to_string()
    }

    #[test]
    fn a_folder_gets_files_named_after_the_job() {
        assert_eq!(path("pictures", 0), "pictures/01980000-0000-7000-8000-000000000001.png");
        assert_eq!(path("pictures", 1), "pictures/01980000-0000-7000-8000-000000000001-2.png");
    }

    #[test]
    fn a_file_is_used_as_it_is_and_its_sisters_are_numbered() {
        assert_eq!(path("sea/dawn.png", 0), "sea/dawn.png");
        assert_eq!(path("sea/dawn.png", 2), "sea/dawn-3.png");
    }
}
