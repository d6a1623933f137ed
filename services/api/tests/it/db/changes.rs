//! What people change about a job, and what nobody can.

use std::time::Duration;

use api::db::{CancelRequest, MoveRequest, RetryRequest};
use contract::{
    JobId,
    job::{JobState, MoveJob, Place, Priority},
};

use super::ground::{Ground, on_both};
use crate::sample::{new_job, noon};

on_both!(
    a_waiting_job_is_cancelled_once,
    a_cancelled_job_gets_a_new_life_by_a_retry,
    an_end_never_changes_whoever_writes,
    a_moved_job_takes_its_new_priority_with_it,
    what_does_not_wait_is_not_moved,
);

async fn a_waiting_job_is_cancelled_once(ground: Ground) {
    let new = new_job("");
    ground.db.insert_job(&new).await.unwrap();
    let at = noon() + Duration::from_secs(5);
    let CancelRequest::CancelledNow(job) = ground.db.request_cancel(new.id, at).await.unwrap() else { panic!() };
    assert_eq!((job.state, job.ended_at, job.cancel_requested), (JobState::Cancelled, Some(at), true));
    let again = ground.db.request_cancel(new.id, at + Duration::from_secs(1)).await.unwrap();
    assert_eq!(again, CancelRequest::AlreadyEnded(job));
    assert_eq!(ground.db.request_cancel(JobId::new(), at).await.unwrap(), CancelRequest::Absent);
}

async fn a_cancelled_job_gets_a_new_life_by_a_retry(ground: Ground) {
    let new = new_job("");
    ground.db.insert_job(&new).await.unwrap();
    assert!(matches!(ground.db.retry_job(new.id, noon()).await.unwrap(), RetryRequest::NotRetryable(_)));
    ground.db.request_cancel(new.id, noon()).await.unwrap();
    let RetryRequest::Queued(job) = ground.db.retry_job(new.id, noon()).await.unwrap() else { panic!() };
    assert_eq!((job.state, job.ended_at, job.cancel_requested), (JobState::Queued, None, false));
    assert_eq!(ground.number("SELECT generation FROM jobs").await, 1);
    assert_eq!(ground.db.retry_job(JobId::new(), noon()).await.unwrap(), RetryRequest::Absent);
}

async fn an_end_never_changes_whoever_writes(ground: Ground) {
    let new = new_job("");
    ground.db.insert_job(&new).await.unwrap();
    ground.db.request_cancel(new.id, noon()).await.unwrap();
    for change in [
        "state = 'succeeded'",
        "state = 'queued'",
        "state = 'published', generation = generation + 1",
        "result = '{}'",
        "attempts = 7",
        "ended_at = 0",
    ] {
        let error = ground.run(&format!("UPDATE jobs SET {change}")).await.unwrap_err();
        assert!(error.to_string().contains("has ended does not change"), "{change}: {error}");
    }
    assert_eq!(ground.run("UPDATE jobs SET state = 'queued', generation = generation + 1").await.unwrap(), 1);
    ground.run("UPDATE jobs SET state = 'succeeded'").await.unwrap();
    let error = ground.run("UPDATE jobs SET state = 'queued', generation = generation + 1").await.unwrap_err();
    assert!(error.to_string().contains("has ended does not change"), "{error}");
}

async fn a_moved_job_takes_its_new_priority_with_it(ground: Ground) {
    let (new, other) = (new_job("a"), new_job("a"));
    ground.db.insert_job(&new).await.unwrap();
    ground.db.insert_job(&other).await.unwrap();
    let to = MoveJob { to: Place::Back, priority: Some(Priority::Interactive) };
    let MoveRequest::Moved(job) = ground.db.move_job(new.id, &to, noon()).await.unwrap() else { panic!() };
    assert_eq!(job.priority, Priority::Interactive);
    assert_eq!(ground.db.queue_position(new.id).await.unwrap(), Some(0));
    assert_eq!(ground.db.queue_position(other.id).await.unwrap(), Some(1));
}

async fn what_does_not_wait_is_not_moved(ground: Ground) {
    let new = new_job("");
    ground.db.insert_job(&new).await.unwrap();
    ground.db.request_cancel(new.id, noon()).await.unwrap();
    let to = MoveJob { to: Place::Front, priority: None };
    assert!(matches!(ground.db.move_job(new.id, &to, noon()).await.unwrap(), MoveRequest::NotWaiting(_)));
    assert_eq!(ground.db.move_job(JobId::new(), &to, noon()).await.unwrap(), MoveRequest::Absent);
    assert_eq!(ground.db.queue_position(new.id).await.unwrap(), None);
}
