//! Chooses the build of sd-engine that works on this machine.

use std::path::PathBuf;

use chassis::settings::Error;
use contract::worker::EngineBuild;
use worker::builds::{self, Build, Depth};

use crate::{config::Config, sd};

/// The program that is used, and what became of all builds.
#[derive(Debug)]
pub struct Chosen {
    /// The program sd-engine.
    pub program: PathBuf,
    /// The builds; none where the settings name the program.
    pub builds: Vec<EngineBuild>,
}

/// Returns the program that the settings name, or else the first build that works.
pub async fn choose(config: &Config) -> anyhow::Result<Chosen> {
    if let Some(program) = config.named_sd_engine()? {
        return Ok(Chosen { program, builds: Vec::new() });
    }
    let trial = async |build: &Build, depth: Depth| {
        let settings = config.sd_engine(build.program.clone());
        sd::try_out(&settings, depth).await.map_err(|error| error.to_string())
    };
    let choice = config.search().choose(trial).await.map_err(|error| match error {
        builds::Error::Missing { .. } => anyhow::Error::from(Error::unusable(
            "sd_engine",
            format_args!(
                "is empty, and {error} in engines_dir, beside this program or in PATH; build it with `cargo xtask engines`, \
                 or set ATELIER_ENGINE=scripted to paint test cards without a model"
            ),
        )),
        builds::Error::NoneWorks { .. } => anyhow::anyhow!(
            "{error}; mend what is named there, build one for this machine with `cargo xtask engines`, or set \
             ATELIER_ENGINE=scripted to paint test cards without a model"
        ),
    })?;
    Ok(Chosen { program: choice.program, builds: choice.builds })
}
