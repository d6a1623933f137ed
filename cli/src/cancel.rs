//! `atelier cancel`: ends jobs, waiting or running.

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

/// Asks for the end of each job. Stops at the first that is refused.
pub(crate) async fn run(client: &Client, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    for id in &arguments.ids {
        let job: Job = client.receive(client.request(Method::DELETE, &format!("/api/jobs/{id}"))).await?;
        if json {
            println!("{}", json!(job));
        } else {
            println!("{id}  {}", show::sentence(&job));
        }
    }
    Ok(())
}
