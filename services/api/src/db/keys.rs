//! API keys, by the hash of their secret.

use contract::{KeyId, key::ApiKey};
use time::OffsetDateTime;

use super::{Db, Error};

impl Db {
    /// Stores a key under the hash of its secret.
    pub async fn insert_key(&self, _key: &ApiKey, _secret_hash: &str) -> Result<(), Error> {
        todo!()
    }

    /// Returns the key whose secret has this hash.
    pub async fn find_key_by_hash(&self, _secret_hash: &str) -> Result<Option<ApiKey>, Error> {
        todo!()
    }

    /// Lists all keys, oldest first.
    pub async fn list_keys(&self) -> Result<Vec<ApiKey>, Error> {
        todo!()
    }

    /// Deletes a key; false if there is none.
    pub async fn delete_key(&self, _id: KeyId) -> Result<bool, Error> {
        todo!()
    }

    /// Notes that a key was used.
    pub async fn touch_key(&self, _id: KeyId, _at: OffsetDateTime) -> Result<(), Error> {
        todo!()
    }

    /// Counts the keys.
    pub async fn count_keys(&self) -> Result<u64, Error> {
        todo!()
    }
}
