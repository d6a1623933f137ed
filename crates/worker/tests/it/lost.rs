//! Another worker has the job by now.

use queue::Outcome;

use crate::scene::{Scene, job, job_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lost_its_lease_stops_and_leaves_nothing_behind() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let taken = job_of(serde_json::json!({
        "prompt": "[scripted: steps_ms=1000]", "model": "m", "seed": 7, "width": 64, "height": 64, "steps": 150
    }));
    scene.publish(&taken).await;
    scene.sampling(taken.id).await;
    scene.queue.purge(taken.id).await.unwrap();

    // That it takes the next job at all shows that it has let go of this one.
    let next = job("next");
    scene.publish(&next).await;
    let done = scene.next_done().await;
    assert_eq!((done.job_id, done.outcome), (next.id, Outcome::Succeeded));
    assert!(scene.assets.find_result(taken.id).await.unwrap().is_none());
    worker.stop().await;
}
