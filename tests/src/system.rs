//! A whole Atelier of real processes, in a folder of its own.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use tempfile::TempDir;
use testkit::valkey::TestValkey;

use crate::{
    child::{self, Child, Settings},
    client::{self, Client},
    plan::{Engine, Plan},
    programs::Programs,
    wait,
};

/// How long a process may take until it is of use, on a machine that compiles something else beside.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A whole Atelier of real processes. All of them end when it is dropped.
///
/// Its folder is deleted then, unless the test fails: the logs in it say why.
pub struct System {
    plan: Plan,
    programs: Programs,
    /// The API processes.
    pub apis: Vec<Child>,
    /// The worker processes.
    pub workers: Vec<Child>,
    /// The queue's server.
    pub valkey: TestValkey,
    folder: TempDir,
    started: usize,
}

impl System {
    pub(crate) async fn start(plan: Plan) -> anyhow::Result<Self> {
        client::prepare();
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("atelier-system-").tempdir().context("making a folder")?;
        let valkey = TestValkey::start()?;
        if plan.engine == Engine::StableDiffusion {
            // Said now, and not by a worker that waits for ever.
            programs.sd_engine()?;
            testkit::tiny_models::write_sd(&folder.path().join("models"))?;
        }
        let (apis, workers, text_workers) = (plan.apis, plan.workers, plan.text_workers);
        let mut system = Self { plan, programs, apis: Vec::new(), workers: Vec::new(), valkey, folder, started: 0 };
        for number in 0..apis {
            let api = system.start_api(number).await?;
            system.apis.push(api);
        }
        for _ in 0..workers {
            let worker = system.start_worker()?;
            system.workers.push(worker);
        }
        for _ in 0..text_workers {
            let worker = system.start_text_worker()?;
            system.workers.push(worker);
        }
        let workers = workers + text_workers;
        if apis > 0 && workers > 0 {
            system.client().until_workers(workers, START_LIMIT).await.with_context(|| system.logs())?;
        }
        Ok(system)
    }

    /// Returns the folder with everything that this system keeps.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the folder of finished files.
    #[must_use]
    pub fn outputs(&self) -> PathBuf {
        self.folder().join("outputs")
    }

    /// Returns the folder of models.
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.folder().join("models")
    }

    /// Returns the SQLite file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder().join("atelier.db")
    }

    /// Returns our programs.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Returns a client of the first API.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_of(0)
    }

    /// Returns a client of one of the APIs. It finds the API again after a restart.
    #[must_use]
    pub fn client_of(&self, api: usize) -> Client {
        Client::new(&self.address_file(api), self.setting("ATELIER_API_KEY"))
    }

    /// Starts the API of this number (again) and waits until it is ready.
    pub async fn start_api(&mut self, number: usize) -> anyhow::Result<Child> {
        self.start_api_with(number, &[]).await
    }

    /// Starts the API of this number with further settings and waits until it is ready.
    pub async fn start_api_with(&mut self, number: usize, further: &[(&str, &str)]) -> anyhow::Result<Child> {
        let address_file = self.address_file(number);
        // The address of an API that is gone would lead clients astray.
        let _ = std::fs::remove_file(&address_file);
        let name = format!("api-{number}");
        let mut settings = self.settings(&self.folder().join(&name));
        settings.extend(further.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let mut api = Child::start(&name, &self.programs.api(), &settings, &self.folder().join(&name))?;
        let client = self.client_of(number);
        let ready = {
            let api = std::cell::RefCell::new(&mut api);
            wait::until(START_LIMIT, "the API to be ready", || {
                let ended = api.borrow_mut().ended();
                let client = client.clone();
                async move {
                    match ended {
                        Some(status) => Some(Err(status)),
                        None => client.is_ready().await.then_some(Ok(())),
                    }
                }
            })
            .await
        };
        match ready {
            Ok(Ok(())) => Ok(api),
            Ok(Err(status)) => bail!("the API ended with {}:\n{}", child::describe(status), api.log()),
            Err(error) => Err(error.context(api.log())),
        }
    }

    /// Starts another worker for pictures. It has announced itself once `until_workers` says so.
    pub fn start_worker(&mut self) -> anyhow::Result<Child> {
        self.start_worker_with(&[])
    }

    /// Starts another worker for pictures with further settings.
    pub fn start_worker_with(&mut self, further: &[(&str, &str)]) -> anyhow::Result<Child> {
        self.start_worker_of(&self.programs.worker_sd(), further)
    }

    /// Starts another worker for text. It has announced itself once `until_workers` says so.
    pub fn start_text_worker(&mut self) -> anyhow::Result<Child> {
        // Said now, and not by a worker that waits for ever.
        self.programs.llama_server()?;
        testkit::tiny_models::write_llm(&self.models())?;
        self.start_worker_of(&self.programs.worker_llm(), &[])
    }

    fn start_worker_of(&mut self, program: &Path, further: &[(&str, &str)]) -> anyhow::Result<Child> {
        self.started += 1;
        let name = format!("worker-{}", self.started);
        let mut settings = self.settings(&self.folder().join(&name));
        settings.extend(further.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Child::start(&name, program, &settings, &self.folder().join(&name))
    }

    /// Returns the settings of a process whose data folder this is.
    #[must_use]
    pub fn settings(&self, data_dir: &Path) -> Settings {
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        let database_url =
            self.plan.database_url.clone().unwrap_or_else(|| format!("sqlite://{}", self.database().display()));
        let mut settings: Settings = [
            ("ATELIER_HOST", "127.0.0.1".to_owned()),
            ("ATELIER_PORT", "0".to_owned()),
            ("ATELIER_DATA_DIR", data_dir.to_string_lossy().into_owned()),
            ("ATELIER_MODELS_DIR", path(self.models())),
            ("ATELIER_OUTPUTS_DIR", path(self.outputs())),
            ("ATELIER_VALKEY_URL", self.valkey.url()),
            ("ATELIER_DATABASE_URL", database_url),
            // Engines that spin at barriers would fight for the two cores of a small machine.
            ("ATELIER_THREADS", "1".to_owned()),
            // A pause in a test is no idle time, unless the test says so.
            ("ATELIER_AUTO_TAGGING", "false".to_owned()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
        let mut set = |key: &str, value: String| settings.push((key.to_owned(), value));
        match self.plan.engine {
            Engine::Scripted(step) => {
                set("ATELIER_ENGINE", "scripted".to_owned());
                set("ATELIER_SCRIPTED_STEP_MS", step.as_millis().to_string());
            }
            Engine::StableDiffusion => {
                set("ATELIER_ENGINE", "sd".to_owned());
                if let Ok(engine) = self.programs.sd_engine() {
                    set("ATELIER_SD_ENGINE", path(engine));
                }
            }
        }
        if let Ok(engine) = self.programs.llama_server() {
            set("ATELIER_LLAMA_SERVER", path(engine));
        }
        settings.extend(self.plan.settings.iter().cloned());
        settings
    }

    /// Stops everything in order, as an operator would, and returns what did not go well.
    pub async fn stop(&mut self, limit: Duration) -> anyhow::Result<()> {
        for child in self.workers.iter_mut().chain(&mut self.apis) {
            let status = child.stop(limit).await?;
            if !status.success() {
                bail!("{} ended with {}:\n{}", child.name(), child::describe(status), child.log());
            }
        }
        let left = self.leftovers()?;
        if !left.is_empty() {
            bail!("processes were left behind: {}", left.join(", "));
        }
        Ok(())
    }

    /// Lists the processes that work in the folder of this system, beside those that it knows.
    pub fn leftovers(&self) -> anyhow::Result<Vec<String>> {
        let known: Vec<u32> = self.workers.iter().chain(&self.apis).map(Child::pid).collect();
        let mut left = Vec::new();
        for entry in std::fs::read_dir("/proc").context("listing processes")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // A process that ends meanwhile is none that is left.
            let Ok(works_in) = std::fs::read_link(entry.path().join("cwd")) else { continue };
            if works_in.starts_with(self.folder()) && !known.contains(&pid) {
                let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                left.push(format!("{} ({pid})", name.trim()));
            }
        }
        Ok(left)
    }

    /// Returns what the processes have written, for the report of a failure.
    #[must_use]
    pub fn logs(&self) -> String {
        let logs = self.apis.iter().chain(&self.workers).map(|child| format!("── {}\n{}", child.name(), child.log()));
        logs.collect::<Vec<_>>().join("\n")
    }

    fn address_file(&self, api: usize) -> PathBuf {
        self.folder().join(format!("api-{api}")).join("api.address")
    }

    fn setting(&self, key: &str) -> Option<String> {
        self.plan.settings.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("the logs of the failed system are in {}\n", self.folder().display()).as_bytes(),
            );
        }
    }
}
