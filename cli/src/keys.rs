//! `atelier keys`: makes, lists and revokes API keys.

use contract::{
    KeyId,
    key::{ApiKey, CreatedKey, NewKey, Scope},
    page::Page,
};
use reqwest::Method;
use serde_json::json;

use crate::{client::Client, failure::Failure, table, words};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Makes a key. Its secret is shown once.
    Create {
        /// What to call it, for example the program that will use it.
        name: String,
        /// What it allows: see, submit as well, or everything.
        #[arg(long, value_enum, default_value_t = ScopeName::Submit)]
        scope: ScopeName,
    },
    /// Lists the keys, without their secrets.
    List,
    /// Revokes a key, at once.
    Revoke {
        /// Which key, from `atelier keys list`.
        id: KeyId,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum ScopeName {
    Read,
    Submit,
    Admin,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Submit => Self::Submit,
            ScopeName::Admin => Self::Admin,
        }
    }
}

/// Runs one of the commands.
pub(crate) async fn run(client: &Client, command: Command, json: bool) -> Result<(), Failure> {
    match command {
        Command::Create { name, scope } => {
            let created: CreatedKey = client.post("/api/keys", &NewKey { name, scope: scope.into() }).await?;
            if json {
                println!("{}", json!(created));
            } else {
                println!("{}", created.secret);
                eprintln!("This is key {}. Keep it: it is not shown again.", created.key.id);
            }
        }
        Command::List => {
            let page: Page<ApiKey> = client.get("/api/keys").await?;
            if json {
                println!("{}", json!(page));
            } else {
                table::print(["key", "name", "scope", "last used (UTC)"], &page.data.iter().map(row).collect::<Vec<_>>());
            }
        }
        Command::Revoke { id } => {
            client.send(client.request(Method::DELETE, &format!("/api/keys/{id}"))).await?;
            if !json {
                println!("{id}  revoked");
            }
        }
    }
    Ok(())
}

fn row(key: &ApiKey) -> [String; 4] {
    let scope = json!(key.scope).as_str().unwrap_or_default().to_owned();
    let last_used = key.last_used_at.map_or_else(|| "never".to_owned(), words::moment);
    [key.id.to_string(), key.name.clone(), scope, last_used]
}
