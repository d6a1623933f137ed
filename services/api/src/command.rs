//! The small jobs of an administrator, which work on the database without a running server.

use std::{io::Write as _, path::PathBuf};

use anyhow::Context as _;
use chassis::{Secret, clock::Clock};
use clap::{Parser, Subcommand, ValueEnum};
use contract::{
    KeyId,
    key::{NewKey, Scope},
};
use serde::Deserialize;

use crate::{db::Db, http::document::openapi_json, keys::create_key, server::make_folder};

/// The API of Atelier. Without a command it serves; its settings are in atelier.toml and ATELIER_* variables.
#[derive(Debug, Parser)]
#[command(name = "api", version)]
pub struct Arguments {
    /// A small job in place of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A small job.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints the OpenAPI document.
    Openapi,
    /// Prints every setting with its default and its meaning, in Markdown.
    Configuration,
    /// Makes, lists and revokes API keys.
    #[command(subcommand)]
    Keys(Keys),
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Makes a key and prints its secret, which is shown only this once.
    Create {
        /// What to call it.
        #[arg(long)]
        name: String,
        /// What it allows.
        #[arg(long, value_enum, default_value = "admin")]
        scope: Allowed,
    },
    /// Lists the keys.
    List,
    /// Revokes a key.
    Delete {
        /// Its id.
        id: KeyId,
    },
}

/// What a key allows.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Allowed {
    /// See jobs, assets, models, workers.
    Read,
    /// Submit and change jobs, upload assets.
    Submit,
    /// Keys and everything else.
    Admin,
}

/// The settings that these jobs need.
#[derive(Deserialize)]
struct Settings {
    data_dir: PathBuf,
    database_url: Secret,
}

/// Does a small job.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let keys = match command {
        Command::Openapi => return print(&openapi_json()),
        Command::Configuration => return print(&chassis::settings::markdown()),
        Command::Keys(keys) => keys,
    };
    let settings: Settings = chassis::load()?;
    make_folder(&settings.data_dir)?;
    let db = Db::open(settings.database_url.expose()).await?;
    let done = change(&db, keys).await;
    db.close().await;
    done
}

async fn change(db: &Db, keys: Keys) -> anyhow::Result<()> {
    match keys {
        Keys::Create { name, scope } => {
            let length = name.chars().count();
            anyhow::ensure!((1..=100).contains(&length) && !name.contains('\0'), "a name has 1 to 100 characters");
            let created = create_key(db, NewKey { name, scope: scope.into() }, Clock::system().now()).await?;
            print(&format!("{}\n", created.secret))
        }
        Keys::List => {
            for key in db.list_keys().await? {
                let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
                print(&format!("{}  {:?}  {}  {used}\n", key.id, key.scope, key.name))?;
            }
            Ok(())
        }
        Keys::Delete { id } => {
            anyhow::ensure!(db.delete_key(id).await?, "there is no key {id}");
            Ok(())
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("could not write to standard output")
}

impl From<Allowed> for Scope {
    fn from(allowed: Allowed) -> Self {
        match allowed {
            Allowed::Read => Self::Read,
            Allowed::Submit => Self::Submit,
            Allowed::Admin => Self::Admin,
        }
    }
}
