//! API keys, by the hash of their secret.

use contract::{
    KeyId,
    key::{ApiKey, Scope},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Db, Error,
    connection::values,
    row::{from_json, from_micros, micros, to_json},
};

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: Uuid,
    name: String,
    scope: String,
    created_at: i64,
    last_used_at: Option<i64>,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = Error;
    fn try_from(row: KeyRow) -> Result<Self, Error> {
        Ok(Self {
            id: KeyId(row.id),
            name: row.name,
            scope: from_json::<Scope>("the scope of a key", &row.scope)?,
            created_at: from_micros(row.created_at)?,
            last_used_at: row.last_used_at.map(from_micros).transpose()?,
        })
    }
}

impl Db {
    /// Stores a key under the hash of its secret.
    pub async fn insert_key(&self, key: &ApiKey, secret_hash: &str) -> Result<(), Error> {
        let sql = "INSERT INTO keys (id, name, scope, secret_hash, created_at) VALUES ($1, $2, $3, $4, $5)";
        let scope = to_json("the scope of a key", &key.scope)?;
        let values = values![key.id.0, &key.name, &scope, secret_hash, micros(key.created_at)];
        self.execute("store a key", sql, values).await.map(drop)
    }

    /// Returns the key whose secret has this hash.
    pub async fn find_key_by_hash(&self, secret_hash: &str) -> Result<Option<ApiKey>, Error> {
        let sql = "SELECT id, name, scope, created_at, last_used_at FROM keys WHERE secret_hash = $1";
        let row = self.fetch_optional::<KeyRow>("find a key", sql, values![secret_hash]).await?;
        row.map(ApiKey::try_from).transpose()
    }

    /// Lists all keys, oldest first.
    pub async fn list_keys(&self) -> Result<Vec<ApiKey>, Error> {
        let sql = "SELECT id, name, scope, created_at, last_used_at FROM keys ORDER BY created_at, id";
        let rows: Vec<KeyRow> = self.fetch_all("list the keys", sql, &[]).await?;
        rows.into_iter().map(ApiKey::try_from).collect()
    }

    /// Deletes a key; false if there is none.
    pub async fn delete_key(&self, id: KeyId) -> Result<bool, Error> {
        Ok(self.execute("delete a key", "DELETE FROM keys WHERE id = $1", values![id.0]).await? > 0)
    }

    /// Notes that a key was used. It is enough to call this when the last use on record is a minute old.
    pub async fn touch_key(&self, id: KeyId, at: OffsetDateTime) -> Result<(), Error> {
        let sql = "UPDATE keys SET last_used_at = $2 WHERE id = $1";
        self.execute("note the use of a key", sql, values![id.0, micros(at)]).await.map(drop)
    }

    /// Counts the keys.
    pub async fn count_keys(&self) -> Result<u64, Error> {
        let row = self.fetch_optional::<(i64,)>("count the keys", "SELECT COUNT(*) FROM keys", &[]).await?;
        Ok(row.map_or(0, |(count,)| u64::try_from(count).unwrap_or(0)))
    }
}
