//! Finds the job or group of a request that came before, without writing anything.

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
        let sql = "SELECT id, owner, body_hash FROM jobs WHERE id = $1";
        let found = self.find_earlier(sql, id.map(|id| id.0), owner, idempotency_key, now).await?;
        let Some((id, first_owner, first_hash)) = found else { return Ok(None) };
        if first_owner != owner || first_hash != body_hash {
            return Ok(Some(Submitted::Mismatch));
        }
        Ok(self.find_job(JobId(id)).await?.map(Submitted::Same))
    }

    /// Returns id, owner and body hash of what has this idempotency key, or else of what `by_id` finds under this id.
    pub(super) async fn find_earlier(
        &self,
        by_id: &'static str,
        id: Option<Uuid>,
        owner: &str,
        idempotency_key: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Option<(Uuid, String, String)>, Error> {
        let action = "find an earlier request";
        if let Some(key) = idempotency_key {
            let sql = "SELECT job_id, owner, body_hash FROM idempotency \
                       WHERE owner = $1 AND key = $2 AND expires_at > $3";
            let found = self.fetch_optional(action, sql, values![owner, key, micros(now)]).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        match id {
            Some(id) => self.fetch_optional(action, by_id, values![id]).await,
            None => Ok(None),
        }
    }
}
