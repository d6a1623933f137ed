//! API keys: made of 32 random bytes, shown once, kept only as a hash.
//!
//! A plain hash is enough because nobody can guess 256 random bits; passwords would need a slow one.

use anyhow::Context as _;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::{
    KeyId,
    key::{ApiKey, CreatedKey, NewKey},
};
use time::OffsetDateTime;

use crate::db::Db;

/// What every secret begins with, so that scanners of leaked secrets can know it.
const PREFIX: &str = "atl_";

/// Makes a key and puts its hash on record. The answer is the only place where the secret ever stands.
pub async fn create_key(db: &Db, new: NewKey, now: OffsetDateTime) -> anyhow::Result<CreatedKey> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(anyhow::Error::from).context("could not ask the system for random bytes")?;
    let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let key = ApiKey { id: KeyId::new(), name: new.name, scope: new.scope, created_at: now, last_used_at: None };
    db.insert_key(&key, &hash(&secret)).await?;
    Ok(CreatedKey { key, secret })
}

/// Returns what is stored of a secret.
pub(crate) fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}
