//! The tags of pictures: what they show, in words, and who says so.

use std::collections::HashMap;

use contract::{
    AssetId, JobId,
    tag::{Facet, PictureTags, Tag, TagSource},
};
use sqlx::AssertSqlSafe;
use tracing::warn;
use uuid::Uuid;

use super::{
    Db, Error,
    connection::{Value, Writing, placeholders, values},
    row::{from_micros, micros},
};

/// What a whole confidence is in the table.
const SURE: f64 = 1000.0;

#[derive(sqlx::FromRow)]
struct TagRow {
    asset_id: Uuid,
    tag: String,
    facet: String,
    source: String,
    model: Option<String>,
    confidence: Option<i64>,
    tagged_at: i64,
}

impl TagRow {
    fn into_tag(self) -> Result<Tag, Error> {
        let unreadable = |what, name: &str| Error::Unreadable { what, reason: format!("{name:?} is none") };
        let model = self.model.unwrap_or_default();
        let facet = Facet::ALL.iter().copied().find(|known| known.as_str() == self.facet);
        Ok(Tag {
            facet: facet.ok_or_else(|| unreadable("the facet of a tag", &self.facet))?,
            source: match self.source.as_str() {
                "picture" => TagSource::Picture { model },
                "prompt" => TagSource::Prompt { model },
                "person" => TagSource::Person,
                other => return Err(unreadable("the source of a tag", other)),
            },
            confidence: self
                .confidence
                .and_then(|thousandths| i32::try_from(thousandths).ok())
                .map(|c| f64::from(c) / SURE),
            tagged_at: from_micros(self.tagged_at)?,
            tag: self.tag,
        })
    }
}

impl Db {
    /// Returns the tags of a file, the surest first.
    pub async fn list_tags(&self, id: AssetId) -> Result<Vec<Tag>, Error> {
        Ok(self.tags_of(&[id.0]).await?.remove(&id.0).unwrap_or_default())
    }

    /// Returns the tags of every picture of a job that has any, in the order in which the pictures were made.
    pub async fn list_tags_of_job(&self, id: JobId) -> Result<Vec<PictureTags>, Error> {
        let sql = "SELECT id FROM assets WHERE job_id = $1 ORDER BY created_at, id";
        let ids: Vec<(Uuid,)> = self.fetch_all("list the pictures of a job", sql, values![id.0]).await?;
        let ids: Vec<Uuid> = ids.into_iter().map(|(id,)| id).collect();
        let mut tags = self.tags_of(&ids).await?;
        let tagged =
            ids.into_iter().filter_map(|id| Some(PictureTags { asset_id: AssetId(id), tags: tags.remove(&id)? }));
        Ok(tagged.collect())
    }

    /// Returns the tags of those of these files that have any, the surest first.
    pub(super) async fn tags_of(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Tag>>, Error> {
        let mut tags: HashMap<Uuid, Vec<Tag>> = HashMap::new();
        if ids.is_empty() {
            return Ok(tags);
        }
        let sql = format!(
            "SELECT asset_id, tag, facet, source, model, confidence, tagged_at FROM asset_tags WHERE asset_id IN ({})",
            placeholders(1, ids.len())
        );
        let values: Vec<Value<'_>> = ids.iter().map(|id| Value::from(*id)).collect();
        let rows: Vec<TagRow> = self.fetch_all("list the tags of files", AssertSqlSafe(sql), &values).await?;
        for row in rows {
            let id = row.asset_id;
            match row.into_tag() {
                Ok(tag) => tags.entry(id).or_default().push(tag),
                // One row must not hide a whole page.
                Err(error) => warn!(asset.id = %id, "a tag of {id} is left out: {error}"),
            }
        }
        for tags in tags.values_mut() {
            tags.sort_by(|a, b| sureness(b).total_cmp(&sureness(a)).then_with(|| a.tag.cmp(&b.tag)));
        }
        Ok(tags)
    }
}

/// A person who does not say how sure they are is.
fn sureness(tag: &Tag) -> f64 {
    tag.confidence.unwrap_or(1.0)
}

/// Puts tags in the place of those that models gave before. What a person said stays as it is.
pub(super) async fn replace(tx: &mut Writing, asset: Uuid, tags: &[Tag]) -> Result<(), Error> {
    tx.execute("DELETE FROM asset_tags WHERE asset_id = $1 AND source <> 'person'", values![asset]).await?;
    for tag in tags {
        let (source, model) = match &tag.source {
            TagSource::Picture { model } => ("picture", Some(model.as_str())),
            TagSource::Prompt { model } => ("prompt", Some(model.as_str())),
            TagSource::Person => ("person", None),
        };
        let confidence = tag.confidence.map(|confidence| (confidence.clamp(0.0, 1.0) * SURE).round() as i64);
        let sql = "INSERT INTO asset_tags (asset_id, tag, facet, source, model, confidence, tagged_at, created_at) \
                   SELECT id, $2, $3, $4, $5, $6, $7, created_at FROM assets WHERE id = $1 \
                   ON CONFLICT (asset_id, tag) DO NOTHING";
        let tagged_at = micros(tag.tagged_at);
        tx.execute(sql, values![asset, &tag.tag, tag.facet.as_str(), source, model, confidence, tagged_at]).await?;
    }
    Ok(())
}
