//! What can go wrong between the API and its database.

/// Why the database could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is neither of the two that we speak.
    #[error("{address:?} is no address of a database; write sqlite://path/to/atelier.db or postgres://user@host/name")]
    Address {
        /// What was given, without its password.
        address: String,
    },
    /// The database could not be opened.
    #[error(
        "could not open the database {address}; check ATELIER_DATABASE_URL, that its folder exists and may be written"
    )]
    Open {
        /// What was given, without its password.
        address: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The tables could not be brought up to date.
    #[error("could not bring the tables of {address} up to date")]
    Migrate {
        /// What was given, without its password.
        address: String,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// A statement failed.
    #[error("could not {action}")]
    Query {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
    /// A row holds what this version cannot read. What stands there is not shown: it may be a prompt.
    #[error("could not read {what} in the database ({reason}); a newer version of Atelier may have written it")]
    Unreadable {
        /// Which value.
        what: &'static str,
        /// What class of fault it is, and where.
        reason: String,
    },
    /// Something could not be written as JSON.
    #[error("could not write {what} as JSON: this is a bug")]
    Encode {
        /// What it is.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

impl Error {
    /// Returns whether the disk below the database is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let Self::Query { source: sqlx::Error::Database(error), .. } = self else { return false };
        // 13 is SQLITE_FULL, 53100 is PostgreSQL's disk_full.
        error.code().is_some_and(|code| code == "13" || code == "53100")
    }
}
