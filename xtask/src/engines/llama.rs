//! llama-server, the engine for text: a program of llama.cpp itself, built from sources that PyPI keeps.
//!
//! The crates with llama.cpp in them have the library and not the server, so the sources are those of its Python package, which
//! are pinned by their sum.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::Context as _;
use testkit::pypi::SourceRelease;

use super::Feature;
use crate::program;

const PROGRAM: &str = "llama-server";
const SOURCES: SourceRelease = SourceRelease {
    package: "llama-cpp-python",
    version: "0.3.36",
    sha256: "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e",
    part: "vendor/llama.cpp",
};
/// A small program that can be carried to an older machine, reaches no network by itself and starts no other program.
const FLAGS: &[&str] = &[
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_SUBPROCESS=OFF",
];
const TOOLS: &[(&str, &str)] =
    &[("cmake", "cmake"), ("c++", "g++"), ("make", "make"), ("python3", "python3-venv"), ("tar", "tar")];

/// Builds llama-server for each of these, and returns the paths. Takes minutes the first time, and no time if nothing has
/// changed.
pub(super) fn builds(features: &[Feature]) -> anyhow::Result<Vec<PathBuf>> {
    features.iter().map(|feature| llama_server(*feature)).collect()
}

fn llama_server(feature: Feature) -> anyhow::Result<PathBuf> {
    let name = build_name(feature);
    let binary = super::kept_dir(PROGRAM)?.join(&name);
    if !binary.is_file() {
        super::must_have(PROGRAM, TOOLS)?;
        build(feature, &super::kept_dir("build-llama")?.join(&name), &binary)?;
    }
    super::point_at(&binary, PROGRAM, feature)?;
    Ok(binary)
}

/// Returns a name that says from what the program is built: the release, the flags.
fn build_name(feature: Feature) -> String {
    let mut hasher = DefaultHasher::new();
    (SOURCES.sha256, FLAGS).hash(&mut hasher);
    flag_of(feature).iter().for_each(|flag| flag.hash(&mut hasher));
    format!("{}-{:016x}", SOURCES.version, hasher.finish())
}

/// Returns the flag of the build; none for the CPU.
fn flag_of(feature: Feature) -> Option<&'static str> {
    match feature {
        Feature::Cuda => Some("-DGGML_CUDA=ON"),
        Feature::Metal => Some("-DGGML_METAL=ON"),
        Feature::Vulkan => Some("-DGGML_VULKAN=ON"),
        Feature::Cpu => None,
    }
}

/// Builds the program in a folder that is gone afterwards. After a failure it stays, so that the next try goes on there.
fn build(feature: Feature, folder: &Path, binary: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("could not make the lock of the build")?;
    // Two checkouts may want the same program at the same time, and the second finds it made.
    lock.lock().with_context(|| format!("could not lock {}", folder.display()))?;
    if binary.is_file() {
        return Ok(());
    }
    println!("building llama-server of {} {} (once; some minutes)", SOURCES.package, SOURCES.version);
    let sources = SOURCES.unpack_into(folder)?;
    let objects = folder.join("build");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&sources).arg("-B").arg(&objects).args(FLAGS);
    configure.args(flag_of(feature));
    program::run_quietly(&mut configure)?;
    let cores = thread::available_parallelism().map_or(1, usize::from).to_string();
    program::run_quietly(Command::new("cmake").arg("--build").arg(&objects).args([
        "--parallel",
        &cores,
        "--target",
        PROGRAM,
    ]))?;
    super::keep(&objects.join("bin").join(PROGRAM), binary)?;
    fs::remove_dir_all(folder).with_context(|| format!("could not remove {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_for_another_card_has_another_name() {
        let names = [Feature::Cpu, Feature::Cuda, Feature::Vulkan].map(build_name);
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2], "{names:?}");
        assert!(names.iter().all(|name| name.starts_with("0.3.36-")), "{names:?}");
    }
}
