//! Row: the list of jobs when there are a million of them.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use contract::{job::Job, page::Page};
use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tests::plan::Plan;
use uuid::Uuid;

use crate::{
    figures::percentile,
    peers,
    row::{Row, Target},
};

const ROWS: i64 = 1_000_000;
const REQUESTS: usize = 600;
const PAGE: usize = 50;
/// Named by what `insert` writes: change it together with the table of jobs or the rows.
const RECIPE: &str = "3";
const FIRST_US: i64 = 1_700_000_000_000_000;
const BETWEEN_US: i64 = 20_000_000;

/// Measures pages of the list over HTTP: the first, those behind it, and the rare states.
pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let database = prepare().await?;
    let plan = Plan::new().workers(0).database_url(&format!("sqlite://{}", database.display()));
    let system = plan.start().await?;
    let client = system.client();
    let mut latencies_ms = Vec::with_capacity(REQUESTS);
    let mut cursor: Option<String> = None;
    for number in 0..REQUESTS {
        let filter = ["", "&state=failed", "&state=succeeded", "&state=dead"][number % 4];
        let path = match &cursor {
            // Each cursor serves four requests, so that every filter is also asked for deep pages.
            Some(cursor) => format!("/api/jobs?limit={PAGE}{filter}&cursor={cursor}"),
            None => format!("/api/jobs?limit={PAGE}{filter}"),
        };
        let begun = Instant::now();
        let answer = client.get(&path).await?;
        ensure!(answer.status().is_success(), "{path} answered {}: {}", answer.status(), answer.text().await?);
        let bytes = answer.bytes().await?;
        latencies_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
        let page: Page<Job> = serde_json::from_slice(&bytes).context("reading a page")?;
        ensure!(page.data.len() == PAGE, "{path} returned {} jobs", page.data.len());
        if number % 4 == 0 {
            cursor = page.next_cursor;
        }
    }
    Ok(vec![Row::limit("job list, 1,000,000 rows, p99", "ms", percentile(&latencies_ms, 99.0), Target::AtMost(5.0))])
}

/// Returns a database with a million ended jobs, made once.
async fn prepare() -> anyhow::Result<PathBuf> {
    let folder = peers::folder("list", &[RECIPE, &ROWS.to_string()])?;
    let database = folder.join("atelier.db");
    if !database.is_file() {
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let partial = folder.join("partial.db");
        let _ = std::fs::remove_file(&partial);
        // The API itself makes the tables.
        let plan = Plan::new().workers(0).database_url(&format!("sqlite://{}", partial.display()));
        plan.start().await?.stop(Duration::from_secs(30)).await?;
        insert(&partial).await?;
        std::fs::rename(&partial, &database)?;
    }
    Ok(database)
}

async fn insert(database: &Path) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Off);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut chance = fastrand::Rng::with_seed(1);
    let mut transaction = connection.begin().await?;
    for number in 0..ROWS {
        let at_us = FIRST_US + number * BETWEEN_US;
        let id = id_at(at_us, &mut chance);
        let (state, result, failure) = match chance.u32(0..100) {
            0 => ("dead", None, Some(FAILURE)),
            1..=2 => ("failed", None, Some(FAILURE)),
            3..=5 => ("cancelled", None, None),
            _ => ("succeeded", Some(RESULT), None),
        };
        let prompt = format!("a lighthouse at dawn, oil painting, warm light on the rocks, number {number}");
        let spec = format!(
            r#"{{"kind":"text_to_image","prompt":"{prompt}","model":"smoke","width":512,"height":512,"steps":20,"cfg_scale":7.0,"distilled_guidance":3.5,"seed":{number},"batch_count":1,"clip_skip":0}}"#
        );
        sqlx::query(INSERT)
            .bind(id)
            .bind(state)
            .bind(at_us)
            .bind(&spec)
            .bind(&prompt)
            .bind(result)
            .bind(failure)
            .bind(at_us + BETWEEN_US / 2)
            .execute(&mut *transaction)
            .await
            .context("inserting a job")?;
    }
    transaction.commit().await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Returns a UUIDv7 of that time.
fn id_at(at_us: i64, chance: &mut fastrand::Rng) -> Uuid {
    let mut random = [0; 10];
    chance.fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(at_us.unsigned_abs() / 1000, &random).into_uuid()
}

const INSERT: &str = "INSERT INTO jobs (id, kind, worker_kind, state, generation, attempts, max_attempts, priority, rank, \
    position, run_at, ranked_at, owner, model, spec, search, body_hash, result, failure, submitted_at, published_at, \
    started_at, ended_at) \
    VALUES ($1, 'text_to_image', 'sd', $2, 1, 1, 3, 1, 1, $3, $3, $3, '', 'smoke', $4, $5, '', $6, $7, $3, $3, $3, $8)";

const RESULT: &str = r#"{"assets":[{"id":"0191f0a0-0000-7000-8000-000000000001","blake3":"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","media_type":"image/png","size_bytes":412345,"width":512,"height":512}],"engine":"sd-engine 0.1.20","timeline":{"leased_at":"2026-01-01T00:00:00Z","loaded_at":"2026-01-01T00:00:01Z","sampled_at":"2026-01-01T00:00:09Z","stored_at":"2026-01-01T00:00:10Z","engine_s":9.0}}"#;

const FAILURE: &str = r#"{"code":"engine","message":"the engine said no this time"}"#;
