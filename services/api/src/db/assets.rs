//! Assets: which stored files there are, which job made them, and from what.

use std::collections::HashMap;

use contract::{
    AssetId, JobId,
    asset::{Asset, AssetRef},
    page::Page,
    tag::Tag,
};
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Cursor, Db, Error,
    connection::{Value, Writing, placeholders, values},
    row::{count, from_micros, micros},
};

/// A stored file on its way into the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAsset {
    /// The file.
    pub file: AssetRef,
    /// The job that made it; none for uploads.
    pub job_id: Option<JobId>,
    /// The assets that it was made from.
    pub parents: Vec<AssetId>,
    /// Whose it is: the id of the key, or empty without keys.
    pub owner: String,
    /// When it was stored.
    pub created_at: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
struct AssetRow {
    id: Uuid,
    blake3: String,
    media_type: String,
    size_bytes: i64,
    width: Option<i64>,
    height: Option<i64>,
    job_id: Option<Uuid>,
    created_at: i64,
}

impl AssetRow {
    fn into_file(self) -> AssetRef {
        AssetRef {
            id: AssetId(self.id),
            blake3: self.blake3,
            media_type: self.media_type,
            size_bytes: u64::try_from(self.size_bytes).unwrap_or(0),
            width: self.width.map(count),
            height: self.height.map(count),
        }
    }

    fn into_asset(self, parents: Vec<AssetId>, tags: Vec<Tag>) -> Result<Asset, Error> {
        let (job_id, created_at) = (self.job_id.map(JobId), from_micros(self.created_at)?);
        Ok(Asset { file: self.into_file(), job_id, parents, tags, created_at })
    }
}

const COLUMNS: &str = "assets.id, blake3, media_type, size_bytes, width, height, assets.job_id, assets.created_at";

impl Db {
    /// Puts a file on record. Once more changes nothing.
    pub async fn insert_asset(&self, new: &NewAsset) -> Result<(), Error> {
        let mut tx = self.begin("put a file on record").await?;
        insert(&mut tx, new).await?;
        tx.commit().await
    }

    /// Returns a file's record.
    pub async fn find_asset(&self, id: AssetId) -> Result<Option<Asset>, Error> {
        let sql = AssertSqlSafe(format!("SELECT {COLUMNS} FROM assets WHERE id = $1"));
        let row = self.fetch_optional::<AssetRow>("find a file's record", sql, values![id.0]).await?;
        let Some(row) = row else { return Ok(None) };
        let parents = self.parents(&[row.id]).await?.remove(&row.id).unwrap_or_default();
        let tags = self.tags_of(&[row.id]).await?.remove(&row.id).unwrap_or_default();
        row.into_asset(parents, tags).map(Some)
    }

    /// Lists files, newest first; where a tag is named, only those that have it.
    pub async fn list_assets(
        &self,
        tag: Option<&str>,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<Asset>, Error> {
        let start = after.unwrap_or(Cursor::NEWEST);
        let mut values = values![start.at_us, start.id, i64::from(limit) + 1].to_vec();
        let sql = match tag {
            None => format!(
                "SELECT {COLUMNS} FROM assets WHERE (created_at, id) < ($1, $2) \
                 ORDER BY created_at DESC, id DESC LIMIT $3"
            ),
            // A page costs the same however rare the tag is: the index of tags has the times of the pictures, too.
            Some(tag) => {
                values.push(Value::from(tag));
                format!(
                    "SELECT {COLUMNS} FROM asset_tags JOIN assets ON assets.id = asset_tags.asset_id \
                     WHERE asset_tags.tag = $4 AND (asset_tags.created_at, asset_tags.asset_id) < ($1, $2) \
                     ORDER BY asset_tags.created_at DESC, asset_tags.asset_id DESC LIMIT $3"
                )
            }
        };
        let (sql, values) = (AssertSqlSafe(sql), values.as_slice());
        let mut rows: Vec<AssetRow> = self.fetch_all("list files", sql, values).await?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().map(|row| Cursor { at_us: row.created_at, id: row.id }.to_string());
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let (mut parents, mut tags) = (self.parents(&ids).await?, self.tags_of(&ids).await?);
        let data = rows.into_iter().map(|row| {
            let (parents, tags) = (parents.remove(&row.id), tags.remove(&row.id));
            row.into_asset(parents.unwrap_or_default(), tags.unwrap_or_default())
        });
        Ok(Page { data: data.collect::<Result<_, _>>()?, next_cursor: last.filter(|_| has_more), has_more })
    }

    /// Returns what each of these assets was made from.
    async fn parents(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<AssetId>>, Error> {
        let mut parents: HashMap<Uuid, Vec<AssetId>> = HashMap::new();
        if ids.is_empty() {
            return Ok(parents);
        }
        let sql = format!(
            "SELECT asset_id, parent_id FROM asset_parents WHERE asset_id IN ({}) ORDER BY asset_id, place",
            placeholders(1, ids.len())
        );
        let values: Vec<Value<'_>> = ids.iter().map(|id| Value::from(*id)).collect();
        let rows: Vec<(Uuid, Uuid)> = self.fetch_all("find a file's lineage", AssertSqlSafe(sql), &values).await?;
        for (asset, parent) in rows {
            parents.entry(asset).or_default().push(AssetId(parent));
        }
        Ok(parents)
    }
}

/// Returns the assets that a job takes, in the order of its spec.
pub(super) async fn inputs(tx: &mut Writing, job: Uuid) -> Result<Vec<AssetRef>, Error> {
    let sql = AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM job_inputs JOIN assets ON assets.id = job_inputs.asset_id \
         WHERE job_inputs.job_id = $1 ORDER BY job_inputs.place"
    ));
    let rows: Vec<AssetRow> = tx.fetch_all(sql, values![job]).await?;
    Ok(rows.into_iter().map(AssetRow::into_file).collect())
}

/// Returns the file of an asset as a transaction sees it.
pub(super) async fn file_of(tx: &mut Writing, id: Uuid) -> Result<Option<AssetRef>, Error> {
    let sql = AssertSqlSafe(format!("SELECT {COLUMNS} FROM assets WHERE id = $1"));
    Ok(tx.fetch_optional::<AssetRow>(sql, values![id]).await?.map(AssetRow::into_file))
}

/// Inserts the row and its lineage.
pub(super) async fn insert(tx: &mut Writing, new: &NewAsset) -> Result<(), Error> {
    let sql = "INSERT INTO assets (id, blake3, media_type, size_bytes, width, height, owner, job_id, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
    let file = &new.file;
    let values = values![
        file.id.0,
        &file.blake3,
        &file.media_type,
        i64::try_from(file.size_bytes).unwrap_or(i64::MAX),
        file.width.map(i64::from),
        file.height.map(i64::from),
        &new.owner,
        new.job_id.map(|id| id.0),
        micros(new.created_at),
    ];
    if tx.execute(sql, values).await? == 0 {
        return Ok(());
    }
    for (parent, place) in new.parents.iter().zip(0_i64..) {
        let sql = "INSERT INTO asset_parents (asset_id, parent_id, place) VALUES ($1, $2, $3)";
        tx.execute(sql, values![file.id.0, parent.0, place]).await?;
    }
    Ok(())
}
