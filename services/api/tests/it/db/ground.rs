//! A database of a test's own, of either kind, and a way around our code into it.

use api::db::Db;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use tempfile::TempDir;
use testkit::postgres::TestPostgres;

/// A database that goes away with this value.
pub(crate) struct Ground {
    pub(crate) db: Db,
    pub(crate) url: String,
    around: Around,
}

enum Around {
    Sqlite { pool: SqlitePool, _folder: TempDir },
    Postgres { pool: PgPool, _server: TestPostgres },
}

impl Ground {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("atelier.db").display());
        let db = Db::open(&url).await.unwrap();
        let pool = SqlitePool::connect(&url).await.unwrap();
        Self { db, url, around: Around::Sqlite { pool, _folder: folder } }
    }

    pub(crate) async fn postgres() -> Self {
        let server = TestPostgres::start().unwrap();
        let url = server.url().to_owned();
        let db = Db::open(&url).await.unwrap();
        let pool = PgPool::connect(&url).await.unwrap();
        Self { db, url, around: Around::Postgres { pool, _server: server } }
    }

    /// Runs a statement that our code would not.
    pub(crate) async fn run(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.around {
            Around::Sqlite { pool, .. } => sqlx::query(sql).execute(pool).await.map(|done| done.rows_affected()),
            Around::Postgres { pool, .. } => sqlx::query(sql).execute(pool).await.map(|done| done.rows_affected()),
        }
    }

    /// Returns a number that a statement selects.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.around {
            Around::Sqlite { pool, .. } => sqlx::query_scalar(sql).fetch_one(pool).await,
            Around::Postgres { pool, .. } => sqlx::query_scalar(sql).fetch_one(pool).await,
        }
        .unwrap()
    }
}

/// Makes two tests of each function: `sqlite::…` and `postgres::…`.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::db::ground::Ground::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::db::ground::Ground::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;
