//! Takes a group in: all of its cells, or none.

use chassis::telemetry::current_traceparent;
use contract::{
    GroupId, JobId,
    event::JobChange,
    group::{GroupAxis, NewGroup, ParentCell},
    spec::JobSpec,
};
use serde_json::{Map, Value};
use tokio::time::timeout;
use tracing::debug;

use super::{ANNOUNCE_WITHIN, Asked, Error, Reception};
use crate::db::{self, Membership, NewJob, SubmittedGroup};

/// After so many cells that cannot be taken in, the others are not looked at: they are wrong in the same ways.
const MOST_REFUSED: usize = 50;

/// A group that somebody asks for.
#[derive(Debug)]
pub(crate) struct GroupRequest {
    /// The client's choice, if it has made one.
    pub(crate) id: Option<GroupId>,
    /// What the client wrote, to recognise a repetition.
    pub(crate) asked: NewGroup,
    /// What all cells have in common, complete.
    pub(crate) base: Map<String, Value>,
    pub(crate) axes: Vec<GroupAxis>,
    /// The cells, in their order.
    pub(crate) cells: Vec<Asked>,
    pub(crate) parent: Option<ParentCell>,
    pub(crate) owner: String,
    pub(crate) idempotency_key: Option<String>,
}

/// Why a group was not taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GroupError {
    /// Something is wrong with the group as one.
    #[error(transparent)]
    Whole(#[from] Error),
    /// These cells could not be taken in as jobs.
    #[error("{} cells cannot be taken in", .0.len())]
    Cells(Vec<(usize, Error)>),
}

impl From<db::Error> for GroupError {
    fn from(error: db::Error) -> Self {
        Self::Whole(error.into())
    }
}

impl Reception {
    /// Takes a group in with all its cells, or refuses it and leaves nothing. The same request again finds the first group.
    pub(crate) async fn submit_group(&self, request: GroupRequest) -> Result<GroupId, GroupError> {
        let GroupRequest { id, asked, base, axes, cells, parent, owner, idempotency_key } = request;
        let written = serde_json::to_vec(&("group", &asked, parent)).map_err(Error::Encode)?;
        let body_hash = blake3::hash(&written).to_hex().to_string();
        let key = idempotency_key.as_deref();
        let earlier = self.db.find_submitted_group(id, &owner, key, &body_hash, self.clock.now()).await?;
        match earlier {
            None => {}
            Some(SubmittedGroup::New(id) | SubmittedGroup::Same(id)) => return Ok(id),
            Some(SubmittedGroup::Mismatch) => return Err(Error::Mismatch.into()),
        }
        let room = self.queue_limit.saturating_sub(self.db.count_open().await?);
        if cells.len() as u64 > room {
            return Err(Error::QueueFull(self.queue_limit).into());
        }
        let cells = self.complete_all(cells, &owner).await?;
        let id = id.unwrap_or_else(GroupId::new);
        let (now, traceparent) = (self.clock.now(), current_traceparent());
        let cells = (0..).zip(cells).map(|(cell, spec)| NewJob {
            id: JobId::new(),
            spec,
            priority: asked.priority,
            owner: owner.clone(),
            max_attempts: self.max_attempts,
            idempotency_key: None,
            body_hash: body_hash.clone(),
            traceparent: traceparent.clone(),
            submitted_at: now,
            group: Some(Membership { id, cell: Some(cell) }),
        });
        let new = db::NewGroup {
            id,
            owner: owner.clone(),
            title: asked.title,
            base,
            axes,
            priority: asked.priority,
            max_attempts: self.max_attempts,
            wants_sheet: asked.contact_sheet,
            parent,
            idempotency_key,
            body_hash: body_hash.clone(),
            created_at: now,
            cells: cells.collect(),
        };
        match self.db.insert_group(&new).await? {
            SubmittedGroup::New(id) => {
                self.announce_cells(&new.cells).await;
                self.dispatch.nudge();
                Ok(id)
            }
            SubmittedGroup::Same(id) => Ok(id),
            SubmittedGroup::Mismatch => Err(Error::Mismatch.into()),
        }
    }

    /// Checks and completes every cell as if it were submitted alone.
    async fn complete_all(&self, cells: Vec<Asked>, owner: &str) -> Result<Vec<JobSpec>, GroupError> {
        let (mut refused, mut complete) = (Vec::new(), Vec::with_capacity(cells.len()));
        for (cell, mut asked) in cells.into_iter().enumerate() {
            let completed = async {
                let (sizes, pictures) = self.find_pictures(&mut asked).await?;
                Ok::<_, Error>((self.complete(asked.spec, asked.written, &sizes).await?, pictures))
            };
            match completed.await {
                Ok(whole) => complete.push(whole),
                Err(error @ Error::Db(_)) => return Err(error.into()),
                Err(error) => refused.push((cell, error)),
            }
            if refused.len() == MOST_REFUSED {
                break;
            }
        }
        if !refused.is_empty() {
            return Err(GroupError::Cells(refused));
        }
        let mut specs = Vec::with_capacity(complete.len());
        for (mut spec, pictures) in complete {
            self.store_pictures(&mut spec, pictures, owner).await?;
            specs.push(spec);
        }
        Ok(specs)
    }

    /// Tells those who watch that the cells wait.
    async fn announce_cells(&self, cells: &[NewJob]) {
        if self.dispatch.queue_away_for().is_some() {
            return;
        }
        let changes: Vec<(JobId, &JobChange)> = cells.iter().map(|cell| (cell.id, &JobChange::Queued)).collect();
        match timeout(ANNOUNCE_WITHIN, self.queue.announce_all(&changes)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!("nobody heard of the cells of a group: {:#}", anyhow::Error::from(error)),
            Err(_) => debug!("nobody heard of the cells of a group: Valkey was too slow"),
        }
    }
}
