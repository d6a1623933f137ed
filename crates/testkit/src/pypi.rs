//! Sources that lie in Python packages on PyPI, where every release is pinned by its sum.
//!
//! pip fetches them, so that a mirror, a proxy or a certificate that somebody set for pip counts here too.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

/// What the build of such a package asks for before pip hands its sources out.
const BUILD_PACKAGE: &str = "scikit-build-core==1.1.2";
const SOURCES: &str = "sources";

/// A release of a package whose sources are wanted.
#[derive(Debug, Clone, Copy)]
pub struct SourceRelease {
    /// The package.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The sum of its archive.
    pub sha256: &'static str,
    /// The folder in it that is wanted.
    pub part: &'static str,
}

impl SourceRelease {
    /// Returns the wanted sources, in a folder below this one. They are fetched unless they are there; it appears whole.
    pub fn unpack_into(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let sources = folder.join(SOURCES);
        if !sources.is_dir() {
            let Self { package, version, .. } = self;
            self.fetch(folder, &sources).with_context(|| format!("fetching {package} {version} from PyPI"))?;
        }
        Ok(sources)
    }

    fn fetch(&self, folder: &Path, sources: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let workshop = tempfile::tempdir_in(folder).context("making a folder for the download")?;
        let path = |name: &str| workshop.path().join(name);
        run(Command::new("python3").args(["-m", "venv"]).arg(path("python")))?;
        let pip = |arguments: &[&str]| {
            let mut pip = Command::new(path("python/bin/pip"));
            pip.args(arguments).args(["--quiet", "--disable-pip-version-check"]);
            pip
        };
        run(pip(&["install"]).arg(BUILD_PACKAGE))?;
        fs::write(path("wanted"), self.requirement()).context("writing what pip shall fetch")?;
        let download = &["download", "--no-binary", ":all:", "--no-deps", "--no-build-isolation", "--require-hashes"];
        run(pip(download).arg("--dest").arg(path("archive")).arg("--requirement").arg(path("wanted")))?;
        let archive = fs::read_dir(path("archive")).context("looking for the archive")?.next();
        let archive = archive.context("pip fetched nothing")?.context("looking for the archive")?.path();
        fs::create_dir(path(SOURCES)).context("making a folder for the sources")?;
        let inside = self.path_in_archive();
        run(Command::new("tar")
            .arg("-xzf")
            .arg(archive)
            .arg("-C")
            .arg(path(SOURCES))
            .arg(format!("--strip-components={}", inside.split('/').count()))
            .arg(&inside))?;
        fs::rename(path(SOURCES), sources).with_context(|| format!("moving the sources to {}", sources.display()))
    }

    /// Returns the release as pip reads it in a file; another archive under its name is refused.
    fn requirement(&self) -> String {
        format!("{}=={} --hash=sha256:{}\n", self.package, self.version, self.sha256)
    }

    /// Returns where the wanted folder lies in the archive.
    fn path_in_archive(&self) -> String {
        format!("{}-{}/{}", self.package.replace('-', "_"), self.version, self.part)
    }
}

/// Runs a program to its end; what it said is in the error if it fails.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("could not start {name}"))?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{name} ended with {}:\n{}", output.status, String::from_utf8_lossy(&said));
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const RELEASE: SourceRelease =
        SourceRelease { package: "some-package", version: "1.2", sha256: "00ff", part: "vendor/library" };

    #[test]
    fn pip_is_told_the_sum_and_tar_the_folder() {
        assert_eq!(RELEASE.requirement(), "some-package==1.2 --hash=sha256:00ff\n");
        assert_eq!(RELEASE.path_in_archive(), "some_package-1.2/vendor/library");
    }

    #[test]
    fn sources_that_are_there_are_not_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sources")).unwrap();
        assert_eq!(RELEASE.unpack_into(folder.path()).unwrap(), folder.path().join("sources"));
    }
}
