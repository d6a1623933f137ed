//! Small documents by name: what people set while the server runs, and what the API remembers over restarts.

use serde::{Serialize, de::DeserializeOwned};

use super::{Db, Error};

impl Db {
    /// Returns a document; none if it was never put.
    pub async fn find_setting<T: DeserializeOwned>(&self, _name: &str) -> Result<Option<T>, Error> {
        todo!()
    }

    /// Stores a document in the place of the one before.
    pub async fn put_setting<T: Serialize + Sync>(&self, _name: &str, _value: &T) -> Result<(), Error> {
        todo!()
    }
}
