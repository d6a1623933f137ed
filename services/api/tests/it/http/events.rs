//! Server-sent events: the last state first, everything once, nothing lost over a reconnection.

use std::collections::VecDeque;

use contract::{
    JobId,
    event::{JobChange, JobEvent, Phase, Progress},
    job::Job,
};
use reqwest::{Method, Response, StatusCode};
use tokio::time::timeout;

use super::house::{House, PATIENCE, next_job, send, succeed};
use crate::sample::{file, result};

pub(crate) fn progress(step: u32, steps: u32) -> Progress {
    let fraction = f64::from(step) / f64::from(steps);
    Progress {
        phase: Phase::Sampling,
        step,
        steps,
        seconds_per_step: None,
        remaining_s: None,
        fraction,
        waits_for: None,
    }
}

/// A stream of events, as a browser reads it.
struct Stream {
    response: Response,
    unread: Vec<u8>,
    waiting: VecDeque<String>,
    last_id: String,
}

impl Stream {
    async fn open(house: &House, path: &str, last_id: Option<&str>) -> Self {
        let request = house.request(Method::GET, path);
        let request = last_id.into_iter().fold(request, |request, id| request.header("last-event-id", id));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, unread: Vec::new(), waiting: VecDeque::new(), last_id: String::new() }
    }

    /// Returns the next block of lines; none at the end of the stream.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(block) = self.waiting.pop_front() {
                return Some(block);
            }
            let piece = timeout(PATIENCE, self.response.chunk()).await.expect("something comes in time").unwrap()?;
            self.unread.extend_from_slice(&piece);
            while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                self.waiting.push_back(String::from_utf8(block).unwrap());
            }
        }
    }

    /// Returns the next event, or the name of one that is no `JobEvent`.
    async fn next(&mut self) -> Option<Result<JobEvent, String>> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let Some(id) = field("id: ") {
                self.last_id = id;
            }
            match (field("event: "), field("data: ")) {
                (Some(name), _) => return Some(Err(name)),
                (None, Some(data)) => return Some(Ok(serde_json::from_str(&data).unwrap())),
                (None, None) => {}
            }
        }
    }

    async fn change(&mut self) -> JobChange {
        self.next().await.expect("the stream goes on").expect("a job event").change
    }
}

fn path(job: &Job) -> String {
    format!("/api/jobs/{}/events", job.id)
}

#[tokio::test]
async fn whoever_watches_a_job_hears_its_state_then_all_that_happens_and_then_the_end() {
    let house = House::open().await;
    let job = house.submit("x").await;
    let mut stream = Stream::open(&house, &path(&job), None).await;
    assert_eq!(stream.change().await, JobChange::Queued);
    let mut worker = house.worker().await;
    let lease = next_job(&mut worker).await;
    assert!(matches!(stream.change().await, JobChange::Running { attempt: 1, .. }));
    lease.report(progress(3, 20));
    assert_eq!(stream.change().await, JobChange::Progress(progress(3, 20)));
    // Whoever comes now sees at once how far it is.
    let mut late = Stream::open(&house, &path(&job), None).await;
    assert!(matches!(late.change().await, JobChange::Running { .. }));
    assert_eq!(late.change().await, JobChange::Progress(progress(3, 20)));
    let made = result(vec![file('a')]);
    succeed(lease, &made).await;
    for stream in [&mut stream, &mut late] {
        assert_eq!(stream.change().await, JobChange::Succeeded { result: made.clone() });
        assert!(stream.next().await.is_none(), "the stream is over");
    }
    // Whoever comes after the end sees the end.
    let mut after = Stream::open(&house, &path(&job), None).await;
    assert_eq!(after.change().await, JobChange::Succeeded { result: made });
    assert!(after.next().await.is_none());
}

#[tokio::test]
async fn a_stream_goes_on_where_it_broke_off() {
    let house = House::open().await;
    let (mut worker, job) = (house.worker().await, house.submit("x").await);
    let mut stream = Stream::open(&house, &path(&job), None).await;
    stream.change().await;
    let lease = next_job(&mut worker).await;
    while !matches!(stream.change().await, JobChange::Running { .. }) {}
    let last_id = stream.last_id.clone();
    drop(stream);
    let made = result(vec![file('a')]);
    succeed(lease, &made).await;
    house.wait_for(&format!("/api/jobs/{}", job.id), "state", "succeeded").await;

    let missed = send(house.request(Method::GET, &path(&job)).header("last-event-id", &last_id)).await;
    assert_eq!(missed.status, StatusCode::OK, "{}", missed.text());
    assert!(missed.text().contains("\"succeeded\"") && !missed.text().contains("\"running\""), "{}", missed.text());
    let end_id = missed.text().lines().find_map(|line| line.strip_prefix("id: ").map(str::to_owned)).unwrap();
    // Who has seen the end is told to stay away.
    let again = send(house.request(Method::GET, &path(&job)).header("last-event-id", end_id)).await;
    assert_eq!(again.status, StatusCode::NO_CONTENT);
    let nonsense = send(house.request(Method::GET, &path(&job)).header("last-event-id", "yesterday")).await;
    assert_eq!(nonsense.problem().errors[0].pointer, "Last-Event-ID");
}

#[tokio::test]
async fn what_has_fallen_out_of_memory_is_made_good_by_the_last_states() {
    let house = House::open().await;
    let job = house.submit("x").await;
    let mut stream = Stream::open(&house, "/api/events", Some("1-0")).await;
    assert_eq!(stream.next().await, Some(Err("resync".to_owned())));
    let event = stream.next().await.unwrap().unwrap();
    assert_eq!((event.job_id, event.change), (job.id, JobChange::Queued));
    let future = format!("{}-0", u64::MAX);
    let mut stream = Stream::open(&house, "/api/events", Some(&future)).await;
    assert_eq!(stream.next().await, Some(Err("resync".to_owned())));
}

#[tokio::test]
async fn whoever_watches_all_jobs_hears_of_each_exactly_once_over_reconnections() {
    let house = House::open().await;
    let mut stream = Stream::open(&house, "/api/events", None).await;
    let first = house.submit("first").await;
    assert_eq!(stream.next().await.unwrap().unwrap().job_id, first.id);
    let mut heard: Vec<JobId> = Vec::new();
    let mut submitted = Vec::new();
    for round in 0..5 {
        let last_id = stream.last_id.clone();
        for number in 0..10 {
            submitted.push(house.submit(&format!("{round} {number}")).await.id);
        }
        stream = Stream::open(&house, "/api/events", Some(&last_id)).await;
        submitted.push(house.submit("live").await.id);
        while heard.len() < submitted.len() {
            let event = stream.next().await.unwrap().unwrap();
            assert_eq!(event.change, JobChange::Queued);
            heard.push(event.job_id);
        }
    }
    assert_eq!(heard, submitted);
}

#[tokio::test]
async fn a_silent_stream_says_from_time_to_time_that_it_lives() {
    let house = House::open().await;
    let mut stream = Stream::open(&house, "/api/events", None).await;
    assert_eq!(stream.block().await.unwrap(), "retry: 2000\n\n");
    assert!(stream.block().await.unwrap().starts_with("id: "));
    assert_eq!(stream.block().await.unwrap(), ": keep-alive\n\n");
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let house = House::open().await;
    let mut stream = Stream::open(&house, "/api/events", None).await;
    stream.block().await;
    house.begin_to_stop();
    while stream.block().await.is_some() {}
    house.stop().await;
}
