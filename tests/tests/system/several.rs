//! More than one of everything: two APIs on one PostgreSQL, and two workers.

use std::{collections::BTreeSet, time::Duration};

use contract::{
    job::{Job, JobState},
    page::Page,
    socket::{ClientMessage, ServerMessage, Watched},
};
use reqwest::StatusCode;
use testkit::postgres::TestPostgres;
use tests::{
    plan::{Engine, Plan},
    socket::{Heard, Socket, is_end},
};

use crate::{LIMIT, pictures::picture};

#[tokio::test]
async fn two_apis_on_one_postgresql_share_the_work_of_two_workers() {
    let postgres = TestPostgres::start().unwrap();
    let plan = Plan::new().apis(2).workers(2).database_url(postgres.url());
    let mut system =
        plan.engine(Engine::Scripted(Duration::from_millis(5))).set("lease_ms", &1500).start().await.unwrap();
    let (one, other) = (system.client_of(0), system.client_of(1));
    let mut socket = Socket::connect(&one).await.unwrap();
    socket.say(&ClientMessage::Subscribe { jobs: Watched::All }).await.unwrap();

    let mut open = BTreeSet::new();
    for number in 0..10 {
        open.insert(one.submit(&picture(&format!("one {number}"), 3)).await.unwrap().id);
        open.insert(other.submit(&picture(&format!("other {number}"), 3)).await.unwrap().id);
    }
    // Whoever watches at one API hears of the jobs of both, each end once.
    let everything = socket.until(LIMIT, "all ends", |heard| {
        let Heard::Message(message) = heard else { return None };
        if let ServerMessage::Event(event) = *message
            && is_end(&event.change)
        {
            assert!(open.remove(&event.job_id), "job {} ended twice", event.job_id);
        }
        open.is_empty().then_some(())
    });
    everything.await.unwrap();
    for client in [&one, &other] {
        let page: Page<Job> = client.get_json("/api/jobs?state=succeeded").await.unwrap();
        assert_eq!(page.data.len(), 20);
    }

    // One of them dies; the other goes on with the work of both, and a job can be cancelled anywhere.
    let job = one.submit(&picture("[scripted: steps_ms=100]", 150)).await.unwrap();
    system.apis[0].kill();
    other.until_state(job.id, JobState::Running, LIMIT).await.unwrap();
    assert_eq!(other.cancel(job.id).await.unwrap().status(), StatusCode::ACCEPTED);
    other.until_state(job.id, JobState::Cancelled, LIMIT).await.unwrap();
}
