//! Which build of an engine a worker uses: the first that works on this machine.
//!
//! An engine is built for one kind of device, and several builds may lie side by side: `sd-engine-cuda`, `sd-engine-vulkan`,
//! `sd-engine`. Whether a build works here is only known when it has computed something: a library may be missing, a driver
//! too old, a card not there. So each is tried by a small real run, and what works is remembered.

mod found;
mod remembered;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use contract::worker::{BuildVerdict, EngineBuild};
use tokio::time::timeout;
use tracing::{info, warn};

pub use self::found::Build;
use self::{found::find, remembered::Notes};

/// Which builds of which engine are looked for, and how they are tried.
#[derive(Debug, Clone)]
pub struct Search {
    /// The name of its program: `sd-engine`. A build for one kind of device has that behind it: `sd-engine-cuda`.
    pub engine: &'static str,
    /// The folder with the builds; none for the folder of this program, and then those of `PATH`.
    pub folder: Option<PathBuf>,
    /// What the worker was told to compute on: `cpu`, `cuda:1`; empty for the best that works.
    pub device: String,
    /// How long a build may take to show that it works.
    pub limit: Duration,
    /// The file in which is kept which builds have been seen to work.
    pub notes: PathBuf,
}

/// The build that is used, and what became of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The program, as an absolute path.
    pub program: PathBuf,
    /// What it computes on, in the words of the library, in small letters: `cuda0`, `cpu`.
    pub device: String,
    /// All builds, for people.
    pub builds: Vec<EngineBuild>,
}

/// How thoroughly a build is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Whether it starts, and on what it would compute. Enough where an earlier start has seen it compute.
    Start,
    /// Whether it computes.
    Computation,
}

/// Why there is no build to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no build that could compute on the wanted device.
    #[error("there is no {engine}{}", suited_to(device))]
    Missing {
        /// Its name.
        engine: &'static str,
        /// What it is to compute on; empty for anything.
        device: String,
    },
    /// None of them works.
    #[error("no build of {engine} works on this machine: {}", Told(builds))]
    NoneWorks {
        /// Its name.
        engine: &'static str,
        /// What became of each.
        builds: Vec<EngineBuild>,
    },
}

impl Search {
    /// Takes the first build that works. `trial` starts a build, makes it compute something where that is asked for, and
    /// returns on what it computes, or why it does not.
    ///
    /// What an earlier start has seen computing is only started, while neither the program nor the machine has changed.
    pub async fn choose(&self, trial: impl AsyncFn(&Build, Depth) -> Result<String, String>) -> Result<Choice, Error> {
        let engine = self.engine;
        let found = find(engine, self.folder.as_deref(), &self.device);
        if found.is_empty() {
            return Err(Error::Missing { engine, device: self.device.clone() });
        }
        let mut notes = Notes::load(&self.notes);
        let mut builds = Vec::new();
        let mut chosen: Option<(PathBuf, String)> = None;
        for build in found {
            let name = found::name(&build.program);
            if let Some((program, _)) = &chosen {
                let finding = format!("{} works", found::name(program));
                builds.push(EngineBuild { program: name, verdict: BuildVerdict::NotTried, finding });
                continue;
            }
            let outcome = self.outcome(&build, &notes, &trial).await;
            notes.note(&build.program, &self.device, outcome.is_ok());
            let (verdict, finding) = match outcome {
                Ok(device) => {
                    let finding = format!("computes on {device}");
                    chosen = Some((build.program, device));
                    (BuildVerdict::Chosen, finding)
                }
                Err(why) => (BuildVerdict::PassedOver, why),
            };
            builds.push(EngineBuild { program: name, verdict, finding });
        }
        notes.save(&self.notes);
        let Some((program, device)) = chosen else { return Err(Error::NoneWorks { engine, builds }) };
        tell(engine, &builds);
        Ok(Choice { program, device, builds })
    }

    /// Returns what a build computes on, or why it does not.
    async fn outcome(
        &self,
        build: &Build,
        notes: &Notes,
        trial: &impl AsyncFn(&Build, Depth) -> Result<String, String>,
    ) -> Result<String, String> {
        if notes.know(&build.program, &self.device) {
            let started = self.try_out(build, Depth::Start, trial).await;
            if started.is_ok() {
                return started;
            }
        }
        self.try_out(build, Depth::Computation, trial).await
    }

    async fn try_out(
        &self,
        build: &Build,
        depth: Depth,
        trial: &impl AsyncFn(&Build, Depth) -> Result<String, String>,
    ) -> Result<String, String> {
        let tried = timeout(self.limit, trial(build, depth)).await;
        let device = tried.map_err(|_| format!("does not show within {} s that it works", self.limit.as_secs()))??;
        // One that finds no card computes without it, and says nothing: the next build may find one.
        if self.device != "cpu" && !build.computes_on(&device) {
            return Err(format!("finds no device of its kind, and would compute on {device}"));
        }
        Ok(device)
    }
}

/// Returns the program that a setting names; none where it is empty.
pub fn named(setting: &'static str, path: &str) -> Result<Option<PathBuf>, chassis::settings::Error> {
    if path.is_empty() {
        return Ok(None);
    }
    let chosen = Path::new(path).canonicalize().ok().filter(|program| program.is_file());
    chosen.map(Some).ok_or_else(|| chassis::settings::Error::unusable(setting, format_args!("names no file: {path}")))
}

/// Says once what was chosen, and why others were not.
fn tell(engine: &str, builds: &[EngineBuild]) {
    if builds.iter().any(|build| build.verdict == BuildVerdict::PassedOver) {
        warn!("not every build of {engine} works on this machine: {}", Told(builds));
    } else {
        info!("{engine}: {}", Told(builds));
    }
}

/// Writes what became of builds into one line.
struct Told<'a>(&'a [EngineBuild]);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, build) in self.0.iter().enumerate() {
            let verdict = match build.verdict {
                BuildVerdict::Chosen => "chosen",
                BuildVerdict::PassedOver => "passed over",
                BuildVerdict::NotTried => "not tried",
            };
            let before = if place == 0 { "" } else { "; " };
            write!(f, "{before}{} {verdict}: {}", build.program, build.finding)?;
        }
        Ok(())
    }
}

fn suited_to(device: &str) -> String {
    if device.is_empty() { String::new() } else { format!(" that could compute on {device}") }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, fs};

    use super::*;

    /// Chooses among `painter-cuda` and `painter-cpu`, and returns what was chosen, and which trials that took.
    async fn choose(
        folder: &Path,
        device: &str,
        says: impl Fn(&str, Depth) -> Result<String, String>,
    ) -> (Result<Choice, Error>, Vec<(String, Depth)>) {
        for ending in ["-cuda", "-cpu"] {
            let path = folder.join(format!("painter{ending}"));
            if !path.exists() {
                fs::write(path, "").unwrap();
            }
        }
        let search = Search {
            engine: "painter",
            folder: Some(folder.to_owned()),
            device: device.to_owned(),
            limit: Duration::from_secs(10),
            notes: folder.join("notes.json"),
        };
        let trials = RefCell::new(Vec::new());
        let trial = async |build: &Build, depth: Depth| {
            let name = found::name(&build.program);
            trials.borrow_mut().push((name.clone(), depth));
            says(&name, depth)
        };
        let chosen = search.choose(trial).await;
        (chosen, trials.into_inner())
    }

    #[tokio::test]
    async fn the_best_that_works_is_taken_and_the_rest_is_not_tried() {
        let folder = tempfile::tempdir().unwrap();
        let (chosen, trials) = choose(folder.path(), "", |_, _| Ok("cuda0".to_owned())).await;
        let chosen = chosen.unwrap();
        assert_eq!((found::name(&chosen.program), chosen.device.as_str()), ("painter-cuda".to_owned(), "cuda0"));
        assert_eq!(chosen.builds[1].verdict, BuildVerdict::NotTried);
        assert_eq!(trials, [("painter-cuda".to_owned(), Depth::Computation)]);
    }

    #[tokio::test]
    async fn one_that_finds_no_card_is_passed_over_unless_no_card_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let (chosen, _) = choose(folder.path(), "", |_, _| Ok("cpu".to_owned())).await;
        let builds = chosen.unwrap().builds;
        let verdicts: Vec<_> = builds.iter().map(|build| build.verdict).collect();
        assert_eq!(verdicts, [BuildVerdict::PassedOver, BuildVerdict::Chosen], "{builds:?}");
        let broken = |name: &str, _| if name == "painter-cpu" { Err("no".to_owned()) } else { Ok("cpu".to_owned()) };
        let (chosen, _) = choose(folder.path(), "cpu", broken).await;
        assert_eq!(found::name(&chosen.unwrap().program), "painter-cuda");
    }

    #[tokio::test]
    async fn what_worked_is_only_started_and_what_failed_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let on_cpu = |name: &str| if name == "painter-cpu" { Ok("cpu".to_owned()) } else { Err("no card".to_owned()) };
        choose(folder.path(), "", |name, _| on_cpu(name)).await.0.unwrap();
        let (chosen, trials) = choose(folder.path(), "", |name, _| on_cpu(name)).await;
        assert_eq!(found::name(&chosen.unwrap().program), "painter-cpu");
        let (card, cpu) = ("painter-cuda".to_owned(), "painter-cpu".to_owned());
        assert_eq!(trials, [(card.clone(), Depth::Computation), (cpu.clone(), Depth::Start)]);
        let (chosen, trials) = choose(folder.path(), "", |_, _| Err("gone".to_owned())).await;
        assert!(matches!(chosen, Err(Error::NoneWorks { .. })), "{chosen:?}");
        assert_eq!(trials[1..], [(cpu.clone(), Depth::Start), (cpu, Depth::Computation)]);
        // Perhaps the driver was busy: what failed is tried again.
        let (chosen, trials) = choose(folder.path(), "", |_, _| Ok("cuda0".to_owned())).await;
        assert_eq!(found::name(&chosen.unwrap().program), card);
        assert_eq!(trials, [(card, Depth::Computation)]);
    }
}
