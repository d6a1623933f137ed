//! Which kinds of workers get nothing new, because somebody paused the queue. It survives restarts, and all instances see it.
//!
//! Each paused kind is a document of its own among the settings, so that two people who pause two kinds do not undo each other.

use contract::spec::WorkerKind;
use time::OffsetDateTime;

use super::{Db, Error, connection::values, row::micros};

/// What the names of these documents begin with.
const PREFIX: &str = "queue_paused:";

/// The condition in SQL that a kind of worker is paused, as a literal that constants can be built from.
macro_rules! is_paused {
    ($worker_kind:literal) => {
        concat!("EXISTS (SELECT 1 FROM settings WHERE name = 'queue_paused:' || ", $worker_kind, ")")
    };
}
pub(super) use is_paused;

impl Db {
    /// Notes that these workers get nothing new. Once more changes nothing.
    pub async fn pause(&self, kinds: &[WorkerKind], at: OffsetDateTime) -> Result<(), Error> {
        let mut tx = self.begin("pause the queue").await?;
        for kind in kinds {
            let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
            tx.execute(sql, values![&name(*kind), &micros(at).to_string()]).await?;
        }
        tx.commit().await
    }

    /// Notes that these workers get jobs again.
    pub async fn resume(&self, kinds: &[WorkerKind]) -> Result<(), Error> {
        let mut tx = self.begin("resume the queue").await?;
        for kind in kinds {
            tx.execute("DELETE FROM settings WHERE name = $1", values![&name(*kind)]).await?;
        }
        tx.commit().await
    }

    /// Lists the kinds of workers that get nothing new.
    pub async fn list_paused(&self) -> Result<Vec<WorkerKind>, Error> {
        let sql = "SELECT name FROM settings WHERE name LIKE 'queue_paused:%'";
        let names: Vec<(String,)> = self.fetch_all("look what is paused", sql, &[]).await?;
        Ok(names.iter().filter_map(|(name,)| name.strip_prefix(PREFIX)?.parse().ok()).collect())
    }
}

fn name(kind: WorkerKind) -> String {
    format!("{PREFIX}{}", kind.as_str())
}
