//! Rows about what the services need when nobody asks anything of them, and how soon they are there.

use std::time::{Duration, Instant};

use tests::{
    child::Child,
    plan::{Engine, Plan},
    system::System,
    usage,
};

use crate::{
    figures::median,
    row::{Row, Target},
};

const STARTS: usize = 5;
/// What a service does at its start is over by then.
const REST: Duration = Duration::from_secs(3);

/// Measures memory at rest, and the time from the start of the API to its first good answer.
pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let mut system = Plan::new().engine(Engine::StableDiffusion).text_workers(1).start().await?;
    tokio::time::sleep(REST).await;
    let api_mib = usage::memory_mib(system.apis[0].pid())?;
    let worker_mib = usage::memory_mib(system.workers[0].pid())?;
    let text_worker_mib = usage::memory_mib(system.workers[1].pid())?;
    let mut ready_ms = Vec::new();
    for _ in 0..STARTS {
        system.apis[0].stop(Duration::from_secs(30)).await?;
        ready_ms.push(start(&mut system).await?);
    }
    Ok(vec![
        Row::limit("idle memory, API", "MiB", api_mib, Target::AtMost(60.0)),
        Row::limit("idle memory, worker without engine", "MiB", worker_mib, Target::AtMost(40.0)),
        Row::limit("idle memory, text worker", "MiB", text_worker_mib, Target::AtMost(40.0)),
        Row::limit("API ready", "ms", median(&ready_ms), Target::AtMost(300.0)),
    ])
}

/// Starts the API and asks it every millisecond, without the patience of the test harness.
async fn start(system: &mut System) -> anyhow::Result<f64> {
    let folder = system.folder().join("api-0");
    // The address of the API that is gone.
    let _ = std::fs::remove_file(folder.join("api.address"));
    let settings = system.settings(&folder);
    let client = system.client();
    let begun = Instant::now();
    system.apis[0] = Child::start("api-0", &system.programs().api(), &settings, &folder)?;
    crate::rounds::within(Duration::from_secs(30), "the start of the API", async {
        while !client.is_ready().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    })
    .await?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}
