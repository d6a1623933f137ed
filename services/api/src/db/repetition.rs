//! Finds the job of a request that came before, without writing anything.

use contract::JobId;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Db, Error, Submitted, connection::values, row::micros};

impl Db {
    /// Returns what [`Db::insert_job`] would find under this id or idempotency key; none if the request is a new one.
    pub async fn find_submitted(
        &self,
        id: Option<JobId>,
        owner: &str,
        idempotency_key: Option<&str>,
        body_hash: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Submitted>, Error> {
        let action = "find an earlier request";
        let mut found: Option<(Uuid, String, String)> = None;
        if let Some(key) = idempotency_key {
            let sql = "SELECT job_id, owner, body_hash FROM idempotency \
                       WHERE owner = $1 AND key = $2 AND expires_at > $3";
            found = self.fetch_optional(action, sql, values![owner, key, micros(now)]).await?;
        }
        if let (None, Some(id)) = (&found, id) {
            let sql = "SELECT id, owner, body_hash FROM jobs WHERE id = $1";
            found = self.fetch_optional(action, sql, values![id.0]).await?;
        }
        let Some((id, first_owner, first_hash)) = found else { return Ok(None) };
        if first_owner != owner || first_hash != body_hash {
            return Ok(Some(Submitted::Mismatch));
        }
        Ok(self.find_job(JobId(id)).await?.map(Submitted::Same))
    }
}
