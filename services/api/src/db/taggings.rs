//! How far the tagging of pictures is, and whose turn it is to tag.
//!
//! ```text
//! waiting ──tags──▶ tagged
//!    │ ▲ ▲              │
//!    │ │ └──────────────┴── a person asks for another try
//!    │ └── came to nothing: again, later
//!    └──── came to nothing too often ──▶ set_aside
//! ```
//!
//! One picture is tagged at a time, however many instances of the API there are: whoever tags has the turn, which lapses
//! unless it is renewed. A turn that was lost writes nothing any more.

use contract::{
    AssetId,
    asset::AssetRef,
    spec::JobSpec,
    tag::{Tag, Tagging, TaggingState},
};
use uuid::Uuid;

use super::{
    Db, Error,
    assets::file_of,
    connection::{Writing, values},
    row::{count, from_json},
    tags,
};

/// What is written down of every picture that a job made. The migration says the same of those from before.
const EXPECT: &str = "INSERT INTO taggings (asset_id, created_at, needs_vision) \
    SELECT assets.id, assets.created_at, jobs.search = '' FROM assets JOIN jobs ON jobs.id = assets.job_id \
    WHERE jobs.id = $1 AND jobs.kind <> 'contact_sheet' AND assets.media_type LIKE 'image/%' \
    ON CONFLICT (asset_id) DO NOTHING";
/// How many pictures without a prompt one claim passes over before it lets others write.
const PASSED_OVER: u32 = 100;

/// What the model that tags can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    /// It looks at pictures.
    Sight,
    /// It reads prompts.
    Reading,
}

/// A picture that is tagged now, by whoever holds this.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggingTurn {
    /// The picture.
    pub picture: AssetRef,
    /// What it was made from, where that is known and not empty.
    pub prompt: Option<String>,
    /// How often it came to nothing.
    pub failures: u32,
    holder: String,
}

/// What became of the wish to have a picture tagged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaggingRetry {
    /// There is no such file.
    Absent,
    /// It is no picture that a job made.
    NotTaggable,
    /// It waits.
    Waiting,
}

#[derive(sqlx::FromRow)]
struct NextRow {
    asset_id: Uuid,
    failures: i64,
    spec: Option<String>,
}

impl NextRow {
    /// Returns the prompt; none where there is none, or where its job was cleared away.
    fn prompt(&self) -> Result<Option<String>, Error> {
        let spec: Option<JobSpec> =
            self.spec.as_deref().map(|spec| from_json("the request of a job", spec)).transpose()?;
        let prompt = spec.as_ref().and_then(JobSpec::painting).map(|painting| painting.prompt.trim().to_owned());
        Ok(prompt.filter(|prompt| !prompt.is_empty()))
    }
}

impl Sense {
    /// Returns the statement that finds the next picture: the newest that may be tried now.
    fn next(self) -> &'static str {
        macro_rules! next {
            ($more:literal) => {
                concat!(
                    "SELECT taggings.asset_id, taggings.failures, jobs.spec FROM taggings \
                     JOIN assets ON assets.id = taggings.asset_id LEFT JOIN jobs ON jobs.id = assets.job_id \
                     WHERE taggings.state = 'waiting' AND taggings.try_at <= $1",
                    $more,
                    " ORDER BY taggings.created_at DESC, taggings.asset_id DESC LIMIT 1"
                )
            };
        }
        match self {
            Self::Sight => next!(""),
            Self::Reading => next!(" AND NOT taggings.needs_vision"),
        }
    }
}

impl Db {
    /// Returns whether a picture may be tagged now, by a model that can do this.
    pub async fn has_untagged(&self, sense: Sense, now: i64) -> Result<bool, Error> {
        Ok(self
            .fetch_optional::<NextRow>("look for pictures without tags", sense.next(), values![now])
            .await?
            .is_some())
    }

    /// Takes the turn for the next picture, until it lapses; none where another has the turn, or nothing waits.
    pub async fn take_tagging_turn(&self, sense: Sense, now: i64, until: i64) -> Result<Option<TaggingTurn>, Error> {
        let mut tx = self.begin("choose a picture to tag").await?;
        let holder = Uuid::now_v7().to_string();
        // Whoever comes second waits here for the first to commit, and then finds the turn taken.
        let sql = "UPDATE tagging_turn SET holder = $1, until_us = $2 WHERE until_us <= $3";
        if tx.execute(sql, values![&holder, until, now]).await? == 0 {
            return Ok(None);
        }
        for _ in 0..PASSED_OVER {
            let Some(row) = tx.fetch_optional::<NextRow>(sense.next(), values![now]).await? else { break };
            // What cannot be read has no prompt for this version; it can still be looked at.
            let prompt = row.prompt().unwrap_or_default();
            if prompt.is_none() && sense == Sense::Reading {
                let sql = "UPDATE taggings SET needs_vision = TRUE WHERE asset_id = $1";
                tx.execute(sql, values![row.asset_id]).await?;
                continue;
            }
            let Some(picture) = file_of(&mut tx, row.asset_id).await? else { break };
            tx.commit().await?;
            return Ok(Some(TaggingTurn { picture, prompt, failures: count(row.failures), holder }));
        }
        // Nothing to do: the turn is free again, and what was passed over stays so.
        free(&mut tx, &holder).await?;
        tx.commit().await?;
        Ok(None)
    }

    /// Keeps the turn until then; false where it was lost.
    pub async fn keep_tagging_turn(&self, turn: &TaggingTurn, until: i64) -> Result<bool, Error> {
        let sql = "UPDATE tagging_turn SET until_us = $2 WHERE holder = $1";
        Ok(self.execute("go on tagging a picture", sql, values![&turn.holder, until]).await? > 0)
    }

    /// Gives the turn back; the picture waits as before.
    pub async fn give_tagging_turn_back(&self, turn: &TaggingTurn) -> Result<(), Error> {
        let mut tx = self.begin("put a picture back that was to be tagged").await?;
        free(&mut tx, &turn.holder).await?;
        tx.commit().await
    }

    /// Writes the tags of the picture down and ends the turn; false, and nothing is written, where the turn was lost.
    pub async fn put_tags(&self, turn: &TaggingTurn, tags: &[Tag]) -> Result<bool, Error> {
        let mut tx = self.begin("write down the tags of a picture").await?;
        let sql = "UPDATE taggings SET state = 'tagged', reason = NULL WHERE asset_id = $1 AND state = 'waiting'";
        if !free(&mut tx, &turn.holder).await? || tx.execute(sql, values![turn.picture.id.0]).await? == 0 {
            return Ok(false);
        }
        tags::replace(&mut tx, turn.picture.id.0, tags).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Notes that no tags came of it, and ends the turn. The picture may be tried again at `try_at`; without one it is set
    /// aside. False, and nothing is written, where the turn was lost.
    pub async fn note_tagging_failure(
        &self,
        turn: &TaggingTurn,
        reason: &str,
        try_at: Option<i64>,
    ) -> Result<bool, Error> {
        let mut tx = self.begin("note why a picture has no tags").await?;
        if !free(&mut tx, &turn.holder).await? {
            return Ok(false);
        }
        let sql = "UPDATE taggings SET failures = failures + 1, reason = $2, try_at = COALESCE($3, try_at), \
                      state = CASE WHEN $4 THEN 'set_aside' ELSE state END \
                   WHERE asset_id = $1 AND state = 'waiting'";
        // PostgreSQL stores no zero character.
        let reason = reason.replace('\0', " ");
        tx.execute(sql, values![turn.picture.id.0, &reason, try_at, try_at.is_none()]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Returns how far the tagging of a file is; none where there is no such file.
    pub async fn find_tagging(&self, id: AssetId) -> Result<Option<Tagging>, Error> {
        let sql = "SELECT taggings.state, COALESCE(taggings.failures, 0), taggings.reason FROM assets \
                   LEFT JOIN taggings ON taggings.asset_id = assets.id WHERE assets.id = $1";
        let action = "look how far the tagging of a picture is";
        let row = self.fetch_optional::<(Option<String>, i64, Option<String>)>(action, sql, values![id.0]).await?;
        let Some((state, failures, reason)) = row else { return Ok(None) };
        let state = state.map(|state| known(&state)).transpose()?;
        Ok(Some(Tagging { asset_id: id, state, failures: count(failures), reason, tags: self.list_tags(id).await? }))
    }

    /// Has a picture tagged again, as if it were new. The tags that it has stay until others come.
    pub async fn retry_tagging(&self, id: AssetId) -> Result<TaggingRetry, Error> {
        let mut tx = self.begin("have a picture tagged again").await?;
        let sql = "UPDATE taggings SET state = 'waiting', failures = 0, try_at = 0, reason = NULL WHERE asset_id = $1";
        if tx.execute(sql, values![id.0]).await? > 0 {
            tx.commit().await?;
            return Ok(TaggingRetry::Waiting);
        }
        Ok(file_of(&mut tx, id.0).await?.map_or(TaggingRetry::Absent, |_| TaggingRetry::NotTaggable))
    }

    /// Counts the pictures that wait to be tagged, and those that were set aside.
    pub async fn count_taggings(&self) -> Result<(u64, u64), Error> {
        let sql = "SELECT (SELECT COUNT(*) FROM taggings WHERE state = 'waiting'), \
                          (SELECT COUNT(*) FROM taggings WHERE state = 'set_aside')";
        let row = self.fetch_optional::<(i64, i64)>("count the pictures without tags", sql, &[]).await?;
        let (waiting, set_aside) = row.unwrap_or_default();
        Ok((u64::try_from(waiting).unwrap_or(0), u64::try_from(set_aside).unwrap_or(0)))
    }
}

/// Writes down that the pictures of a job wait to be tagged.
pub(super) async fn expect(tx: &mut Writing, job: Uuid) -> Result<(), Error> {
    tx.execute(EXPECT, values![job]).await.map(drop)
}

/// Ends a turn; false where it was lost.
async fn free(tx: &mut Writing, holder: &str) -> Result<bool, Error> {
    let sql = "UPDATE tagging_turn SET holder = '', until_us = 0 WHERE holder = $1";
    Ok(tx.execute(sql, values![holder]).await? > 0)
}

fn known(state: &str) -> Result<TaggingState, Error> {
    let unreadable = || Error::Unreadable { what: "how far a tagging is", reason: format!("{state:?} is none") };
    TaggingState::ALL.iter().copied().find(|known| known.as_str() == state).ok_or_else(unreadable)
}
