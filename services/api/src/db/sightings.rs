//! What the events tell of published jobs: a worker took one, or gave it back.
//!
//! Each event is applied once, in order, over restarts and by any number of API instances: the place in the stream moves
//! in the same transaction as what the events change.

use contract::JobId;

use super::{
    Db, Error,
    connection::{Writing, values},
};

const POSITION: &str = "event_position";

/// A published job was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) job_id: JobId,
    pub(crate) at: i64,
    pub(crate) seen: Seen,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A worker took it.
    Taken { worker: String, attempt: u32 },
    /// Its worker gave it back without using up the attempt, or it never had one.
    Released,
    /// It waits although a worker had it: nobody saw what became of that attempt.
    Lost,
}

impl Db {
    /// Returns the place in the event stream up to which all is applied.
    pub(crate) async fn event_position(&self) -> Result<Option<String>, Error> {
        let sql = "SELECT value FROM settings WHERE name = $1";
        let row = self.fetch_optional::<(String,)>("find the place in the events", sql, values![POSITION]).await?;
        Ok(row.map(|(value,)| value))
    }

    /// Applies what was seen between two places of the stream; false if somebody else has moved the place meanwhile.
    pub(crate) async fn apply_events(
        &self,
        from: Option<&str>,
        to: &str,
        sightings: &[Sighting],
    ) -> Result<bool, Error> {
        let mut tx = self.begin("record what the events tell").await?;
        let moved = match from {
            Some(from) => {
                let sql = "UPDATE settings SET value = $3 WHERE name = $1 AND value = $2";
                tx.execute(sql, values![POSITION, from, to]).await?
            }
            None => {
                let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
                tx.execute(sql, values![POSITION, to]).await?
            }
        };
        if moved == 0 {
            return Ok(false);
        }
        apply_all(&mut tx, sightings).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Applies what the queue itself knows of jobs, where events were missed.
    pub(crate) async fn apply_sightings(&self, sightings: &[Sighting]) -> Result<(), Error> {
        let mut tx = self.begin("record what the queue knows").await?;
        apply_all(&mut tx, sightings).await?;
        tx.commit().await
    }
}

async fn apply_all(tx: &mut Writing, sightings: &[Sighting]) -> Result<(), Error> {
    let mut sightings: Vec<&Sighting> = sightings.iter().collect();
    // What happened to one job stays in order. Jobs go by their ids, as wherever several are written in one
    // transaction, so that two instances cannot wait for each other.
    sightings.sort_by_key(|sighting| sighting.job_id);
    for sighting in sightings {
        apply(tx, sighting).await?;
    }
    Ok(())
}

async fn apply(tx: &mut Writing, sighting: &Sighting) -> Result<(), Error> {
    let id = sighting.job_id.0;
    let outcome = match &sighting.seen {
        Seen::Taken { worker, attempt } => return taken(tx, sighting, worker, *attempt).await,
        Seen::Released => "released",
        Seen::Lost => "lost",
    };
    let used_up = i64::from(sighting.seen == Seen::Released);
    let sql = "UPDATE jobs SET is_running = FALSE, attempts = attempts - $2 \
               WHERE id = $1 AND state = 'published' AND is_running";
    if tx.execute(sql, values![id, used_up]).await? > 0 {
        let sql = "UPDATE attempts SET ended_at = $2, outcome = $3 WHERE job_id = $1 AND ended_at IS NULL";
        tx.execute(sql, values![id, sighting.at, outcome]).await?;
    }
    Ok(())
}

async fn taken(tx: &mut Writing, sighting: &Sighting, worker: &str, attempt: u32) -> Result<(), Error> {
    let id = sighting.job_id.0;
    let sql = "UPDATE jobs SET is_running = TRUE, started_at = COALESCE(started_at, $2), \
                  attempts = CASE WHEN attempts < $3 THEN $3 ELSE attempts END \
               WHERE id = $1 AND state = 'published' RETURNING generation";
    let row = tx.fetch_optional::<(i64,)>(sql, values![id, sighting.at, attempt]).await?;
    let Some((generation,)) = row else { return Ok(()) };
    // Whoever had it before has lost it: there is one holder at a time.
    let sql = "UPDATE attempts SET ended_at = $2, outcome = 'lost' WHERE job_id = $1 AND ended_at IS NULL \
               AND NOT (generation = $3 AND number = $4 AND worker = $5)";
    tx.execute(sql, values![id, sighting.at, generation, attempt, worker]).await?;
    let sql = "INSERT INTO attempts (job_id, generation, number, worker, started_at) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (job_id, generation, number, worker) DO NOTHING";
    tx.execute(sql, values![id, generation, attempt, worker, sighting.at]).await.map(drop)
}
