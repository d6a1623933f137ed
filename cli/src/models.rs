//! `atelier models`: what the server can paint with.

use contract::{model::Model, page::Page};
use serde_json::json;

use crate::{client::Client, failure::Failure, table, words};

/// Prints the models.
pub(crate) async fn run(client: &Client, json: bool) -> Result<(), Failure> {
    let page: Page<Model> = client.get("/api/models").await?;
    if json {
        println!("{}", json!(page));
        return Ok(());
    }
    if page.data.is_empty() {
        eprintln!("no models. Put a .safetensors or .gguf file into the folder `checkpoints` of the server's models folder.");
        return Ok(());
    }
    let rows: Vec<_> = page
        .data
        .iter()
        .map(|model| {
            let state = model.problem.clone().unwrap_or_else(|| "ready".to_owned());
            [model.id.clone(), words::size(model.size_bytes), state]
        })
        .collect();
    table::print(["model", "size", "state"], &rows);
    Ok(())
}
