//! `atelier retry`: gives jobs that failed, died or were cancelled another life.

use clap::Args;
use contract::{
    JobId,
    control::{ChangedJobs, RetryJobs},
};

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Which jobs.
    #[arg(required_unless_present = "failed")]
    ids: Vec<JobId>,
    /// All that failed or died.
    #[arg(long, conflicts_with = "ids")]
    failed: bool,
}

pub(crate) async fn retry(client: &Client, options: &Options, output: Output) -> Result<Exit, Error> {
    if options.failed {
        return retry_failed(client, output).await;
    }
    let mut jobs = Vec::new();
    for id in &options.ids {
        jobs.push(client.retry_job(*id).await?);
    }
    output.result(&jobs, |jobs| {
        jobs.iter().map(|job| format!("{} {}", job.state.as_str(), job.id)).collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Done)
}

/// Asks once only: what fails again in the meantime would be tried for ever.
async fn retry_failed(client: &Client, output: Output) -> Result<Exit, Error> {
    let changed = client.retry_jobs(&RetryJobs::default()).await?;
    output.result(&changed, describe);
    Ok(Exit::Done)
}

fn describe(changed: &ChangedJobs) -> String {
    let count = match changed.count {
        0 => return "there was nothing to retry".into(),
        1 => "1 job waits again".to_owned(),
        count => format!("{count} jobs wait again"),
    };
    if changed.has_more { format!("{count}; there are more than fit into the queue at once") } else { count }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    #[test]
    fn either_some_jobs_are_named_or_all_that_failed_are_meant() {
        let id = "01980000-0000-7000-8000-000000000001";
        let parses =
            |arguments: &[&str]| Arguments::try_parse_from([&["atelier", "retry"], arguments].concat()).is_ok();
        assert!(parses(&[id]) && parses(&["--failed"]));
        assert!(!parses(&[]) && !parses(&["--failed", id]));
    }

    #[test]
    fn what_did_not_fit_is_mentioned() {
        assert_eq!(describe(&ChangedJobs { count: 2, has_more: false }), "2 jobs wait again");
        assert!(describe(&ChangedJobs { count: 1, has_more: true }).starts_with("1 job waits again; there are more"));
    }
}
