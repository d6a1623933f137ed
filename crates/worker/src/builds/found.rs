//! The builds of an engine that lie on this machine.

use std::{
    env,
    path::{Path, PathBuf},
};

/// What a build computes on, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Cuda,
    Metal,
    Vulkan,
    /// Its name does not say.
    Unnamed,
    Cpu,
}

/// A build of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Its program, as an absolute path.
    pub program: PathBuf,
    backend: Backend,
}

impl Backend {
    const BEST_FIRST: [Self; 5] = [Self::Cuda, Self::Metal, Self::Vulkan, Self::Unnamed, Self::Cpu];

    /// Returns what stands behind the name of the engine.
    fn ending(self) -> &'static str {
        match self {
            Self::Cuda => "-cuda",
            Self::Metal => "-metal",
            Self::Vulkan => "-vulkan",
            Self::Unnamed => "",
            Self::Cpu => "-cpu",
        }
    }

    /// Returns what the library's names of such devices begin with, in small letters; none where any will do.
    fn devices(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Cuda => Some(&["cuda"]),
            Self::Metal => Some(&["metal", "mtl"]),
            Self::Vulkan => Some(&["vulkan"]),
            Self::Unnamed | Self::Cpu => None,
        }
    }

    /// Returns those that could compute on a device, in the order in which they are tried.
    fn for_device(device: &str) -> Vec<Self> {
        let kind = device.split(':').next().unwrap_or_default();
        let named = [("cuda", Self::Cuda), ("metal", Self::Metal), ("vulkan", Self::Vulkan)];
        match named.into_iter().find(|(name, _)| *name == kind) {
            Some((_, backend)) => vec![backend, Self::Unnamed],
            // One for a card computes without it when it sees none.
            None if kind == "cpu" => vec![Self::Cpu, Self::Unnamed, Self::Cuda, Self::Metal, Self::Vulkan],
            None => Self::BEST_FIRST.to_vec(),
        }
    }
}

impl Build {
    /// Returns whether a device is of the kind that this is built for.
    pub(super) fn computes_on(&self, device: &str) -> bool {
        self.backend.devices().is_none_or(|names| names.iter().any(|name| device.starts_with(name)))
    }
}

/// Returns the builds of an engine that could compute on a device, in the order in which they are tried. Of each kind there is
/// one: that in the first folder that has it.
pub(super) fn find(engine: &str, folder: Option<&Path>, device: &str) -> Vec<Build> {
    let folders = match folder {
        Some(folder) => vec![folder.to_owned()],
        None => {
            let own = env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
            let path = env::var_os("PATH").unwrap_or_default();
            own.into_iter().chain(env::split_paths(&path)).collect()
        }
    };
    let of_backend = |backend: Backend| {
        let name = format!("{engine}{}", backend.ending());
        let program = folders.iter().map(|folder| folder.join(&name)).find(|program| program.is_file())?;
        Some(Build { program: std::path::absolute(&program).unwrap_or(program), backend })
    };
    let builds: Vec<Build> = Backend::for_device(device).into_iter().filter_map(of_backend).collect();
    let real = |build: &Build| build.program.canonicalize().ok();
    // The one without an ending may be another name for one that has one.
    let is_another = |build: &&Build| {
        build.backend == Backend::Unnamed
            && builds.iter().any(|other| other.backend != Backend::Unnamed && real(other) == real(build))
    };
    builds.iter().filter(|build| !is_another(build)).cloned().collect()
}

/// Returns the name of a program, for people.
pub(super) fn name(program: &Path) -> String {
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path, device: &str) -> Vec<String> {
        find("painter", Some(folder), device).iter().map(|build| name(&build.program)).collect()
    }

    #[test]
    fn the_best_comes_first_and_only_what_could_compute_on_the_device() {
        let folder = tempfile::tempdir().unwrap();
        for ending in ["", "-cpu", "-vulkan", "-cuda", "-rocket"] {
            fs::write(folder.path().join(format!("painter{ending}")), ending).unwrap();
        }
        let names = |device| names(folder.path(), device);
        assert_eq!(names(""), ["painter-cuda", "painter-vulkan", "painter", "painter-cpu"]);
        assert_eq!(names("vulkan:1"), ["painter-vulkan", "painter"]);
        assert_eq!(names("cpu"), ["painter-cpu", "painter", "painter-cuda", "painter-vulkan"]);
        assert_eq!(names("metal"), ["painter"]);
    }

    #[test]
    fn two_names_of_one_program_are_one_build() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("built"), "").unwrap();
        for name in ["painter", "painter-cpu"] {
            std::os::unix::fs::symlink(folder.path().join("built"), folder.path().join(name)).unwrap();
        }
        assert_eq!(names(folder.path(), ""), ["painter-cpu"]);
    }

    #[test]
    fn a_build_for_a_card_that_finds_none_is_not_what_it_says() {
        let build = |backend| Build { program: PathBuf::new(), backend };
        assert!(build(Backend::Cuda).computes_on("cuda0") && !build(Backend::Cuda).computes_on("cpu"));
        assert!(build(Backend::Metal).computes_on("mtl0") && !build(Backend::Vulkan).computes_on("cuda0"));
        assert!(build(Backend::Unnamed).computes_on("cuda0") && build(Backend::Cpu).computes_on("cpu"));
    }
}
