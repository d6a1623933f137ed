//! What jobs cost: learnt from every result, and handed to workers that have not run the model yet.

use std::collections::HashMap;

use contract::{
    cost::{Cost, Pace},
    result::MemoryStep,
};

use super::{
    Db, Error,
    connection::{Writing, values},
    row::count,
};

/// A job takes so many rows with it: enough for the usual sizes, and little beside a prompt.
const TAKEN_ALONG: u32 = 8;
/// A list of models looks at so many costs of all of them, the newest first.
const LOOKED_AT: u32 = 2000;
/// Between the names of steps.
const AND: &str = "+";

#[derive(sqlx::FromRow)]
struct CostRow {
    model: String,
    device: String,
    steps: String,
    pictures: i64,
    pixels: i64,
    peak_mib: Option<i64>,
    loading_us: Option<i64>,
    encoding_us: Option<i64>,
    step_us_per_megapixel: Option<i64>,
    decoding_us_per_megapixel: Option<i64>,
    storing_us_per_picture: Option<i64>,
}

/// Adds what a job of a model cost to what is known.
pub(super) async fn learn(tx: &mut Writing, model: &str, cost: &Cost, now: i64) -> Result<(), Error> {
    let sql = "INSERT INTO costs (model, device, steps, size_class, pictures, pixels, peak_mib, loading_us, encoding_us, \
                  step_us_per_megapixel, decoding_us_per_megapixel, storing_us_per_picture, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
               ON CONFLICT (model, device, steps, size_class, pictures) DO UPDATE SET \
                  pixels = CASE WHEN excluded.pixels > costs.pixels THEN excluded.pixels ELSE costs.pixels END, \
                  peak_mib = CASE WHEN costs.peak_mib > excluded.peak_mib THEN costs.peak_mib \
                     ELSE COALESCE(excluded.peak_mib, costs.peak_mib) END, \
                  loading_us = COALESCE((costs.loading_us + excluded.loading_us) / 2, excluded.loading_us, \
                     costs.loading_us), \
                  encoding_us = COALESCE((costs.encoding_us + excluded.encoding_us) / 2, excluded.encoding_us, \
                     costs.encoding_us), \
                  step_us_per_megapixel = COALESCE((costs.step_us_per_megapixel + excluded.step_us_per_megapixel) / 2, \
                     excluded.step_us_per_megapixel, costs.step_us_per_megapixel), \
                  decoding_us_per_megapixel = COALESCE( \
                     (costs.decoding_us_per_megapixel + excluded.decoding_us_per_megapixel) / 2, \
                     excluded.decoding_us_per_megapixel, costs.decoding_us_per_megapixel), \
                  storing_us_per_picture = COALESCE( \
                     (costs.storing_us_per_picture + excluded.storing_us_per_picture) / 2, \
                     excluded.storing_us_per_picture, costs.storing_us_per_picture), \
                  updated_at = excluded.updated_at";
    let steps = cost.steps.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(AND);
    let pixels = (cost.megapixels * 1e6).round().max(1.0);
    let pace = cost.pace;
    let values = values![
        model,
        &cost.device,
        &steps,
        (2.0 * pixels.log2()).ceil() as i64,
        cost.pictures,
        pixels as i64,
        cost.peak_mib.map(|mib| i64::try_from(mib).unwrap_or(i64::MAX)),
        pace.and_then(|pace| pace.loading_s).map(microseconds),
        pace.map(|pace| microseconds(pace.encoding_s)),
        pace.map(|pace| microseconds(pace.step_s_per_megapixel)),
        pace.map(|pace| microseconds(pace.decoding_s_per_megapixel)),
        pace.map(|pace| microseconds(pace.storing_s_per_picture)),
        now,
    ];
    tx.execute(sql, values).await.map(drop)
}

/// Returns what jobs of a model cost, the newest first.
pub(super) async fn list(tx: &mut Writing, model: &str) -> Result<Vec<Cost>, Error> {
    let sql = "SELECT model, device, steps, pictures, pixels, peak_mib, loading_us, encoding_us, step_us_per_megapixel, \
                  decoding_us_per_megapixel, storing_us_per_picture \
               FROM costs WHERE model = $1 ORDER BY updated_at DESC, device, steps, size_class, pictures LIMIT $2";
    let rows: Vec<CostRow> = tx.fetch_all(sql, values![model, TAKEN_ALONG]).await?;
    Ok(rows.into_iter().map(Cost::from).collect())
}

impl Db {
    /// Returns what jobs cost on such a device, the newest first, by model.
    pub async fn list_costs(&self, device: &str) -> Result<HashMap<String, Vec<Cost>>, Error> {
        let sql = "SELECT model, device, steps, pictures, pixels, peak_mib, loading_us, encoding_us, \
                      step_us_per_megapixel, decoding_us_per_megapixel, storing_us_per_picture \
                   FROM costs WHERE device = $1 ORDER BY updated_at DESC, model, steps, size_class, pictures LIMIT $2";
        let rows: Vec<CostRow> = self.fetch_all("list what jobs cost", sql, values![device, LOOKED_AT]).await?;
        let mut costs: HashMap<String, Vec<Cost>> = HashMap::new();
        for row in rows {
            costs.entry(row.model.clone()).or_default().push(Cost::from(row));
        }
        Ok(costs)
    }
}

impl From<CostRow> for Cost {
    fn from(row: CostRow) -> Self {
        let pace = match (
            row.encoding_us,
            row.step_us_per_megapixel,
            row.decoding_us_per_megapixel,
            row.storing_us_per_picture,
        ) {
            (Some(encoding), Some(step), Some(decoding), Some(storing)) => Some(Pace {
                loading_s: row.loading_us.map(seconds),
                encoding_s: seconds(encoding),
                step_s_per_megapixel: seconds(step),
                decoding_s_per_megapixel: seconds(decoding),
                storing_s_per_picture: seconds(storing),
            }),
            _ => None,
        };
        let named = |name: &str| MemoryStep::ALL.iter().copied().find(|step| step.as_str() == name);
        Self {
            device: row.device,
            megapixels: row.pixels as f64 / 1e6,
            pictures: count(row.pictures),
            steps: row.steps.split(AND).filter_map(named).collect(),
            peak_mib: row.peak_mib.and_then(|mib| u64::try_from(mib).ok()),
            pace,
        }
    }
}

/// A worker's figures are not to be trusted to fit.
fn microseconds(seconds: f64) -> i64 {
    // An hour for a step is no measure of anything.
    (seconds.clamp(0.0, 3600.0) * 1e6).round() as i64
}

fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}
