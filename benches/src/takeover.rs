//! Row: from `kill -9` of a worker until its job runs elsewhere.

use std::time::{Duration, Instant};

use contract::{event::JobChange, socket::ServerMessage};
use serde_json::json;
use tests::{
    plan::{Engine, Plan},
    socket::{Heard, Socket},
};

use crate::row::{Row, Target};

/// The lease that Atelier is delivered with.
const LEASE: Duration = Duration::from_secs(15);
const ALLOWED_BEYOND_LEASE: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_secs(60);

/// Measures the worst of three.
pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let mut worst_s = 0.0_f64;
    for _ in 0..ROUNDS {
        worst_s = worst_s.max(once().await?);
    }
    let allowed_s = (LEASE + ALLOWED_BEYOND_LEASE).as_secs_f64();
    Ok(vec![Row::limit("kill -9 of a worker to elsewhere", "s", worst_s, Target::AtMost(allowed_s))])
}

async fn once() -> anyhow::Result<f64> {
    let plan = Plan::new().workers(2).engine(Engine::Scripted(Duration::from_millis(200)));
    let mut system = plan.set("lease_ms", &LEASE.as_millis()).start().await?;
    let client = system.client();
    let mut socket = Socket::connect(&client).await?;
    socket.say_text(r#"{"type":"subscribe","jobs":"all"}"#).await?;
    client.submit(&json!({"prompt": "a long job", "steps": 150, "width": 64, "height": 64})).await?;
    let first = running_on(&mut socket).await?;
    // A worker that has just connected takes nothing over for one lease; a fair measurement is beyond that.
    tokio::time::sleep(LEASE).await;
    let killed = Instant::now();
    for worker in &mut system.workers {
        if worker.log().contains(&first) {
            worker.kill();
        }
    }
    loop {
        let second = running_on(&mut socket).await?;
        if second != first {
            return Ok(killed.elapsed().as_secs_f64());
        }
    }
}

/// Waits until a job is taken, and returns by whom.
async fn running_on(socket: &mut Socket) -> anyhow::Result<String> {
    socket
        .until(LIMIT, "a job to run", |heard| {
            let Heard::Message(message) = heard else { return None };
            match *message {
                ServerMessage::Event(event) if !event.id.is_empty() => match event.change {
                    JobChange::Running { worker, .. } => Some(worker),
                    _ => None,
                },
                _ => None,
            }
        })
        .await
}
