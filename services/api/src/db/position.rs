//! How many jobs would be served before a waiting one.

use contract::JobId;

use super::{Db, Error, connection::values};

/// Jobs that wait, in SQL or in Valkey: two indexes, so two halves.
const PEERS: &str = "SELECT peers.owner, MIN(turns.served_at) AS served_at, \
        SUM(CASE WHEN peers.rank < $2 OR peers.placed < $3 THEN 1 ELSE 0 END) AS always, \
        SUM(CASE WHEN peers.rank = $2 AND peers.placed = $3 AND (peers.position, peers.id) < ($4, $5) \
            THEN 1 ELSE 0 END) AS earlier, \
        SUM(CASE WHEN peers.rank = $2 AND peers.placed = $3 THEN 1 ELSE 0 END) AS peers \
     FROM (SELECT owner, rank, placed, position, id FROM jobs \
           WHERE state = 'queued' AND worker_kind = $1 AND rank <= $2 AND NOT paused \
           UNION ALL \
           SELECT owner, rank, placed, position, id FROM jobs \
           WHERE state = 'published' AND NOT is_running AND worker_kind = $1 AND rank <= $2 AND NOT paused) AS peers \
     LEFT JOIN turns ON turns.worker_kind = $1 AND turns.rank = $2 AND turns.owner = peers.owner \
     GROUP BY peers.owner";

#[derive(sqlx::FromRow)]
struct Mine {
    worker_kind: String,
    rank: i64,
    owner: String,
    placed: i64,
    position: i64,
}

/// What an owner has in line around the job.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Peers {
    owner: String,
    served_at: Option<i64>,
    /// Served before the job whatever happens: a more urgent rank, or moved to the front.
    always: i64,
    /// In line before the job.
    earlier: i64,
    /// In line beside the job.
    peers: i64,
}

impl Db {
    /// Returns how many jobs would be served before this one if none came in between; none if it does not wait, or is paused.
    pub async fn queue_position(&self, id: JobId) -> Result<Option<u64>, Error> {
        let action = "find a job's place in line";
        let sql = "SELECT worker_kind, rank, owner, placed, position FROM jobs WHERE id = $1 AND NOT paused \
                   AND (state = 'queued' OR (state = 'published' AND NOT is_running))";
        let Some(mine) = self.fetch_optional::<Mine>(action, sql, values![id.0]).await? else { return Ok(None) };
        let values = values![&mine.worker_kind, mine.rank, mine.placed, mine.position, id.0];
        let peers: Vec<Peers> = self.fetch_all(action, PEERS, values).await?;
        Ok(Some(u64::try_from(ahead(&mine, &peers)).unwrap_or(0)))
    }
}

/// Counts who is ahead: moved jobs go by their place, all others in turn, one job of each owner at a time.
fn ahead(mine: &Mine, peers: &[Peers]) -> i64 {
    let always: i64 = peers.iter().map(|owner| owner.always).sum();
    if mine.placed != 0 {
        return always + peers.iter().map(|owner| owner.earlier).sum::<i64>();
    }
    let own = peers.iter().find(|owner| owner.owner == mine.owner);
    let (turn, served_at) = own.map_or((0, 0), |own| (own.earlier, own.served_at.unwrap_or(0)));
    let others = peers.iter().filter(|owner| owner.owner != mine.owner).map(|owner| {
        let is_first = owner.served_at.unwrap_or(0) < served_at;
        owner.peers.min(turn + i64::from(is_first))
    });
    always + turn + others.sum::<i64>()
}
