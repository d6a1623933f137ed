//! `atelier keys`: makes, lists and revokes API keys.

use clap::{Subcommand, ValueEnum};
use contract::{
    KeyId,
    key::{ApiKey, CreatedKey, NewKey, Scope},
};
use serde_json::json;

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
    words,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a key and shows its secret, this once.
    Create {
        /// What to call it.
        name: String,
        /// What it allows; each includes the ones before it.
        #[arg(long, value_enum, default_value_t = Allowed::Submit)]
        scope: Allowed,
    },
    /// Lists the keys, without their secrets.
    List,
    /// Takes a key back, at once.
    Revoke {
        /// Which key.
        id: KeyId,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Allowed {
    /// See jobs, pictures, models, workers.
    Read,
    /// Submit and change jobs, upload pictures.
    Submit,
    /// Keys and everything else.
    Admin,
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

pub(crate) async fn keys(client: &Client, command: Command, output: Output) -> Result<Exit, Error> {
    match command {
        Command::Create { name, scope } => {
            let created = client.create_key(&NewKey { name, scope: scope.into() }).await?;
            output.result(&created, secret);
        }
        Command::List => {
            let keys = client.list_keys().await?;
            output.result(&keys, |keys| keys.data.iter().map(row).collect::<Vec<_>>().join("\n"));
        }
        Command::Revoke { id } => {
            client.revoke_key(id).await?;
            output.result(&json!({ "revoked": id }), |_| format!("revoked {id}"));
        }
    }
    Ok(Exit::Done)
}

fn secret(created: &CreatedKey) -> String {
    format!(
        "{}\n\n  This is shown once. Use it as ATELIER_KEY, or in the header `Authorization: Bearer …`.\n  Revoke it: atelier keys revoke {}",
        created.secret, created.key.id
    )
}

fn row(key: &ApiKey) -> String {
    let used = key.last_used_at.map_or_else(|| "never used".into(), |at| format!("last used {}", words::moment(at)));
    format!("{}  {:<8} {:<24} {used}", key.id, format!("{:?}", key.scope).to_lowercase(), key.name)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn key() -> ApiKey {
        ApiKey {
            id: KeyId::new(),
            name: "laptop".into(),
            scope: Scope::Submit,
            created_at: datetime!(2026-01-02 03:04:05 UTC),
            last_used_at: None,
        }
    }

    #[test]
    fn the_secret_stands_alone_on_the_first_line() {
        let text = secret(&CreatedKey { key: key(), secret: "at_123".into() });
        assert_eq!(text.lines().next(), Some("at_123"));
    }

    #[test]
    fn a_key_that_nobody_used_says_so() {
        let row = row(&key());
        assert!(row.contains("submit   laptop") && row.ends_with("never used"), "{row}");
    }
}
