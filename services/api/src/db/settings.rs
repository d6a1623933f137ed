//! Small documents by name: what people set while the server runs, and what the API remembers over restarts.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Db, Error,
    connection::values,
    row::{from_json, to_json},
};

impl Db {
    /// Returns a document; none if it was never put.
    pub async fn find_setting<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let sql = "SELECT value FROM settings WHERE name = $1";
        let row = self.fetch_optional::<(String,)>("find a setting", sql, values![name]).await?;
        row.map(|(value,)| from_json("a setting", &value)).transpose()
    }

    /// Stores a document in the place of the one before.
    pub async fn put_setting<T: Serialize + Sync>(&self, name: &str, value: &T) -> Result<(), Error> {
        let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let value = to_json("a setting", value)?;
        self.execute("store a setting", sql, values![name, &value]).await.map(drop)
    }
}
