//! What a machine must have, why, and how one sees that it is there.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{engines::Feature, program};

/// What the machine is to be good for. The later purpose includes the earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Building and running the server.
    Run,
    /// Also running every check.
    Test,
}

/// Something that must be on the machine.
pub(crate) struct Need {
    pub name: &'static str,
    pub why: &'static str,
    pub purpose: Purpose,
    pub is_there: fn() -> bool,
    /// The packages of Debian and Ubuntu, with blanks between them; of the queue server, the first of several that would do.
    pub package: &'static str,
    /// What to do on other systems.
    pub by_hand: &'static str,
}

/// The oldest server that has Functions with access lists as we use them.
const OLDEST_SERVER: (u32, u32) = (7, 0);

/// Returns everything that is needed.
pub(crate) fn all() -> impl Iterator<Item = Need> {
    [
        Need {
            name: "Valkey",
            why: "carries the jobs; Redis 7.0 or newer does too",
            purpose: Purpose::Run,
            is_there: || queue_server().is_some(),
            package: VALKEY,
            by_hand: "install valkey-server, or redis-server 7.0 or newer",
        },
        Need {
            name: "supervisor",
            why: "starts the services, keeps them running and stops them in order",
            purpose: Purpose::Run,
            is_there: || program::find("supervisord").is_some(),
            package: "supervisor",
            by_hand: "install supervisor 4 (supervisord must be in PATH)",
        },
        Need {
            name: "C++ compiler",
            why: "builds stable-diffusion.cpp and llama.cpp",
            purpose: Purpose::Run,
            is_there: || program::find("c++").is_some() && program::find("make").is_some(),
            package: "build-essential",
            by_hand: "install a C++17 compiler and make",
        },
        Need {
            name: "cmake",
            why: "builds stable-diffusion.cpp and llama.cpp",
            purpose: Purpose::Run,
            is_there: || program::find("cmake").is_some(),
            package: "cmake",
            by_hand: "install cmake 3.22 or newer",
        },
        Need {
            name: "libclang",
            why: "lets Rust read the C headers of stable-diffusion.cpp",
            purpose: Purpose::Run,
            is_there: has_libclang,
            package: "libclang-dev",
            by_hand: "install libclang with its headers, and set LIBCLANG_PATH if it is in an unusual place",
        },
        Need {
            name: "python3-venv",
            why: "fetches the sources of llama.cpp; holds schemathesis, which tries the API against its own document",
            purpose: Purpose::Run,
            is_there: || program::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])),
            package: "python3-venv",
            by_hand: "install Python 3.10 or newer with the modules venv and ensurepip",
        },
        Need {
            name: "Redis",
            why: "the tests of the queue run on Valkey and on Redis",
            purpose: Purpose::Test,
            is_there: || program::find("redis-server").is_some(),
            package: "redis-server",
            by_hand: "install redis-server 7.0 or newer",
        },
        Need {
            name: "PostgreSQL",
            why: "the tests of the database run on SQLite and on PostgreSQL",
            purpose: Purpose::Test,
            is_there: has_postgresql,
            package: "postgresql",
            by_hand: "install PostgreSQL 15 or newer; no server needs to run",
        },
        Need {
            name: "npm",
            why: "installs openai-js and the AI SDK, and a node for them, which try the server",
            purpose: Purpose::Test,
            is_there: || program::find("npm").is_some() && program::find("node").is_some(),
            package: "npm",
            by_hand: "install npm 9 or newer with any node that it runs on",
        },
    ]
    .into_iter()
    .chain(Feature::known_ones_chosen().into_iter().filter_map(for_feature))
}

/// Returns what building the engines for this takes beside all that; nothing on a Mac, which has it, nor for the CPU.
fn for_feature(feature: Feature) -> Option<Need> {
    let purpose = Purpose::Run;
    match feature {
        Feature::Cuda => Some(Need {
            name: "CUDA compiler",
            why: "builds the engines for cards of NVIDIA, as ATELIER_ENGINE_FEATURES asks",
            purpose,
            is_there: || Feature::Cuda.can_be_built(),
            package: "nvidia-cuda-toolkit",
            by_hand: "install the CUDA toolkit, and put nvcc into PATH or its path into CUDACXX",
        }),
        Feature::Vulkan => Some(Need {
            name: "Vulkan",
            why: "builds the engines for Vulkan, as ATELIER_ENGINE_FEATURES asks",
            purpose,
            is_there: || Feature::Vulkan.can_be_built(),
            package: "libvulkan-dev glslc spirv-headers",
            by_hand: "install the headers of Vulkan, glslc and SPIRV-Headers",
        }),
        Feature::Metal | Feature::Cpu => None,
    }
}

/// The package that the queue server comes in by preference.
pub(crate) const VALKEY: &str = "valkey-server";

/// A queue server that was found.
pub(crate) struct QueueServer {
    pub path: PathBuf,
    version: (u32, u32),
    words: String,
}

impl fmt::Display for QueueServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path.display(), self.words)
    }
}

/// Returns the server that will carry the jobs: Valkey, or else Redis if it is new enough.
pub(crate) fn queue_server() -> Option<QueueServer> {
    ["valkey-server", "redis-server"]
        .into_iter()
        .filter_map(program::find)
        .find_map(|path| {
            let said = program::read(Command::new(&path).arg("--version")).ok()?;
            let version = version_in(&said)?;
            let words = said.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
            Some(QueueServer { path, version, words })
        })
        .filter(|found| found.version >= OLDEST_SERVER)
}

/// Reads `Valkey server v=8.0.1 sha=…`.
fn version_in(said: &str) -> Option<(u32, u32)> {
    let number = said.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
    Some((parts.next()??, parts.next()??))
}

fn has_libclang() -> bool {
    if std::env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let versions = folders_below("/usr/lib", "llvm");
    let has_library = |folder: &Path| {
        entries(folder).any(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("libclang") && name.contains(".so"))
        })
    };
    // Without the compiler's own headers (stddef.h) bindgen finds libclang and still fails.
    versions.iter().any(|version| {
        has_library(&version.join("lib"))
            && entries(&version.join("lib/clang")).any(|resources| resources.join("include/stddef.h").is_file())
    })
}

fn has_postgresql() -> bool {
    program::find("initdb").is_some()
        || entries(Path::new("/usr/lib/postgresql")).any(|version| version.join("bin/initdb").is_file())
}

fn folders_below(parent: &str, prefix: &str) -> Vec<PathBuf> {
    entries(Path::new(parent))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix)))
        .collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_of_valkey_and_redis_are_read() {
        assert_eq!(version_in("Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"), Some((8, 0)));
        assert_eq!(version_in("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"), Some((7, 0)));
        assert_eq!(version_in("Redis server v=6.0.16 sha=0"), Some((6, 0)));
        assert_eq!(version_in("something else"), None);
    }

    #[test]
    fn running_needs_no_postgresql() {
        assert!(all().any(|need| need.name == "PostgreSQL" && need.purpose == Purpose::Test));
        assert!(all().any(|need| need.name == "Valkey" && need.purpose == Purpose::Run));
    }
}
