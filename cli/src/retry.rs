//! `atelier retry`: puts ended jobs back into the queue.

use contract::{JobId, job::Job};
use reqwest::Method;
use serde_json::json;

use crate::{client::Client, failure::Failure, show};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which jobs.
    #[arg(required = true)]
    ids: Vec<JobId>,
}

/// Gives each job its attempts again. Stops at the first that is refused.
pub(crate) async fn run(client: &Client, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    for id in &arguments.ids {
        let job: Job = client.receive(client.request(Method::POST, &format!("/api/jobs/{id}/retry"))).await?;
        if json {
            println!("{}", json!(job));
        } else {
            println!("{id}  {}", show::sentence(&job));
        }
    }
    Ok(())
}
