//! Connections: two native pools behind one handle, and statements that run on either.

use std::{str::FromStr, time::Duration};

use sqlx::{
    FromRow, PgPool, Postgres, SqlSafeStr, Sqlite, SqlitePool, Transaction,
    postgres::{PgPoolOptions, PgRow},
    query::Query,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use uuid::Uuid;

use super::Error;

/// How long a statement may wait for a free connection or for another process's lock.
const PATIENCE: Duration = Duration::from_secs(10);
/// SQLite readers: lists and single rows take well under a millisecond, so a few serve many clients.
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 12;

/// A handle on the database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pools: Pools,
}

#[derive(Clone, Debug)]
enum Pools {
    /// SQLite takes one writer at a time; who waits for it here waits in order, and never sees "database is locked".
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// A row type that both databases can fill.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{
}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static {}

/// A value for a `$n` of a statement.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Id(Option<Uuid>),
    Integer(Option<i64>),
    Text(Option<&'a str>),
    Flag(bool),
}

impl From<Uuid> for Value<'_> {
    fn from(id: Uuid) -> Self {
        Self::Id(Some(id))
    }
}
impl From<Option<Uuid>> for Value<'_> {
    fn from(id: Option<Uuid>) -> Self {
        Self::Id(id)
    }
}
impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}
impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(Some(i64::from(number)))
    }
}
impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}
impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}
impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}
impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}
impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// Lists the values of a statement in the order of its `$n`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::db::connection::Value::from($value)),*] };
}
pub(super) use values;

/// Returns `$first, $first+1, …` for a list of `count` values.
pub(super) fn placeholders(first: usize, count: usize) -> String {
    let names: Vec<String> = (first..first + count).map(|number| format!("${number}")).collect();
    names.join(", ")
}

macro_rules! bind {
    ($name:ident, $database:ty) => {
        fn $name<'a>(
            sql: impl SqlSafeStr,
            values: &[Value<'a>],
        ) -> Query<'a, $database, <$database as sqlx::Database>::Arguments> {
            values.iter().fold(sqlx::query(sql), |query, value| match value {
                Value::Id(id) => query.bind(*id),
                Value::Integer(number) => query.bind(*number),
                Value::Text(text) => query.bind(*text),
                Value::Flag(flag) => query.bind(*flag),
            })
        }
    };
}
bind!(for_sqlite, Sqlite);
bind!(for_postgres, Postgres);

macro_rules! read_rows {
    ($rows:expr) => {
        $rows?.iter().map(|row| R::from_row(row)).collect()
    };
}

impl Db {
    /// Opens `sqlite://path` or `postgres://…` and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let address = without_password(url);
        let open = |source| Error::Open { address: address.clone(), source };
        let pools = if url.starts_with("sqlite:") {
            open_sqlite(url).await.map_err(open)?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).acquire_timeout(PATIENCE);
            Pools::Postgres(options.connect(url).await.map_err(open)?)
        } else {
            return Err(Error::Address { address });
        };
        match &pools {
            Pools::Sqlite { writer, .. } => sqlx::migrate!("./migrations/sqlite").run(writer).await,
            Pools::Postgres(pool) => sqlx::migrate!("./migrations/postgres").run(pool).await,
        }
        .map_err(|source| Error::Migrate { address, source })?;
        Ok(Self { pools })
    }

    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<(), Error> {
        self.fetch_all::<(i64,)>("ask the database for a sign of life", "SELECT CAST(1 AS BIGINT)", &[]).await.map(drop)
    }

    /// Closes all connections, so that SQLite folds its log back into the file.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Reads rows outside a transaction.
    pub(super) async fn fetch_all<R: Row>(
        &self,
        action: &'static str,
        sql: impl SqlSafeStr,
        values: &[Value<'_>],
    ) -> Result<Vec<R>, Error> {
        let rows: Result<Vec<R>, sqlx::Error> = async {
            match &self.pools {
                Pools::Sqlite { readers, .. } => read_rows!(for_sqlite(sql, values).fetch_all(readers).await),
                Pools::Postgres(pool) => read_rows!(for_postgres(sql, values).fetch_all(pool).await),
            }
        }
        .await;
        rows.map_err(|source| Error::Query { action, source })
    }

    /// Reads the first row, if there is one, outside a transaction.
    pub(super) async fn fetch_optional<R: Row>(
        &self,
        action: &'static str,
        sql: impl SqlSafeStr,
        values: &[Value<'_>],
    ) -> Result<Option<R>, Error> {
        Ok(self.fetch_all(action, sql, values).await?.into_iter().next())
    }

    /// Begins a transaction that may write. Dropped without a commit, it leaves nothing behind.
    pub(super) async fn begin(&self, action: &'static str) -> Result<Writing, Error> {
        let transaction: Result<Either, sqlx::Error> = async {
            Ok(match &self.pools {
                // Without IMMEDIATE a transaction that reads first could lose its turn to write to another process.
                Pools::Sqlite { writer, .. } => Either::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
                Pools::Postgres(pool) => Either::Postgres(pool.begin().await?),
            })
        }
        .await;
        let transaction = transaction.map_err(|source| Error::Query { action, source })?;
        Ok(Writing { action, transaction })
    }

    /// Runs one statement in a transaction of its own and returns how many rows it changed.
    pub(super) async fn execute(
        &self,
        action: &'static str,
        sql: impl SqlSafeStr,
        values: &[Value<'_>],
    ) -> Result<u64, Error> {
        let changed: Result<u64, sqlx::Error> = async {
            Ok(match &self.pools {
                Pools::Sqlite { writer, .. } => for_sqlite(sql, values).execute(writer).await?.rows_affected(),
                Pools::Postgres(pool) => for_postgres(sql, values).execute(pool).await?.rows_affected(),
            })
        }
        .await;
        changed.map_err(|source| Error::Query { action, source })
    }
}

/// A transaction that may write.
pub(super) struct Writing {
    action: &'static str,
    transaction: Either,
}

enum Either {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Writing {
    /// Runs a statement and returns how many rows it changed.
    pub(super) async fn execute(&mut self, sql: impl SqlSafeStr, values: &[Value<'_>]) -> Result<u64, Error> {
        let changed: Result<u64, sqlx::Error> = async {
            Ok(match &mut self.transaction {
                Either::Sqlite(tx) => for_sqlite(sql, values).execute(&mut **tx).await?.rows_affected(),
                Either::Postgres(tx) => for_postgres(sql, values).execute(&mut **tx).await?.rows_affected(),
            })
        }
        .await;
        changed.map_err(|source| Error::Query { action: self.action, source })
    }

    /// Reads rows, or those that a statement with RETURNING changed.
    pub(super) async fn fetch_all<R: Row>(
        &mut self,
        sql: impl SqlSafeStr,
        values: &[Value<'_>],
    ) -> Result<Vec<R>, Error> {
        let rows: Result<Vec<R>, sqlx::Error> = async {
            match &mut self.transaction {
                Either::Sqlite(tx) => read_rows!(for_sqlite(sql, values).fetch_all(&mut **tx).await),
                Either::Postgres(tx) => read_rows!(for_postgres(sql, values).fetch_all(&mut **tx).await),
            }
        }
        .await;
        rows.map_err(|source| Error::Query { action: self.action, source })
    }

    /// Reads the first row, if there is one.
    pub(super) async fn fetch_optional<R: Row>(
        &mut self,
        sql: impl SqlSafeStr,
        values: &[Value<'_>],
    ) -> Result<Option<R>, Error> {
        Ok(self.fetch_all(sql, values).await?.into_iter().next())
    }

    /// Makes it durable.
    pub(super) async fn commit(self) -> Result<(), Error> {
        match self.transaction {
            Either::Sqlite(transaction) => transaction.commit().await,
            Either::Postgres(transaction) => transaction.commit().await,
        }
        .map_err(|source| Error::Query { action: self.action, source })
    }
}

async fn open_sqlite(url: &str) -> Result<Pools, sqlx::Error> {
    let options = SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A 202 promises that the job survives a power cut; NORMAL would not keep that promise.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .pragma("temp_store", "memory");
    let writer = SqlitePoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
    let writer = writer.connect_with(options.clone()).await?;
    let readers = SqlitePoolOptions::new().max_connections(SQLITE_READERS).acquire_timeout(PATIENCE);
    let readers = readers.connect_with(options.pragma("query_only", "true")).await?;
    Ok(Pools::Sqlite { writer, readers })
}

/// Returns an address that may stand in a log.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(no address)".to_owned() };
    let rest = rest.split('?').next().unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((login, place)) => format!("{scheme}://{}@{place}", login.split(':').next().unwrap_or_default()),
        None => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_reaches_an_error() {
        for (url, shown) in [
            ("postgres://me:se@cret@host/db", "postgres://me@host/db"),
            ("postgres://host/db?password=secret", "postgres://host/db"),
            ("sqlite://data/atelier.db", "sqlite://data/atelier.db"),
            ("secret", "(no address)"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    async fn open(folder: &tempfile::TempDir) -> Db {
        Db::open(&format!("sqlite://{}", folder.path().join("atelier.db").display())).await.unwrap()
    }

    #[tokio::test]
    async fn sqlite_writes_survive_a_power_cut() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder).await;
        let mut tx = db.begin("look").await.unwrap();
        let modes: Vec<(String,)> = tx.fetch_all("PRAGMA journal_mode", &[]).await.unwrap();
        let levels: Vec<(i64,)> = tx.fetch_all("PRAGMA synchronous", &[]).await.unwrap();
        assert_eq!((modes[0].0.as_str(), levels[0].0), ("wal", 2));
    }

    #[tokio::test]
    async fn a_full_disk_is_called_by_its_name_and_is_no_end() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder).await;
        let fill = "INSERT INTO settings (name, value) VALUES ('filler', CAST(zeroblob(1000000) AS TEXT))";
        db.execute("fill the disk", "PRAGMA max_page_count = 1", &[]).await.unwrap();
        let error = db.execute("fill the disk", fill, &[]).await.unwrap_err();
        assert!(error.is_disk_full(), "{error:?}");
        db.ping().await.unwrap();
        db.execute("make room", "PRAGMA max_page_count = 1000000", &[]).await.unwrap();
        assert_eq!(db.execute("fill the disk", fill, &[]).await.unwrap(), 1);
    }
}
