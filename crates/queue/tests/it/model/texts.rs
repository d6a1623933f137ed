//! Text jobs: no row in SQL stands behind them, and whoever asked hears of their end once.

use std::collections::BTreeMap;

use contract::JobId;
use futures::StreamExt;
use proptest::sample::Index;
use queue::Cancelled;
use redis::aio::PubSub;

use super::{
    facts::Facts,
    operation::NewJob,
    world::{World, lane_of_model},
};

/// The channel of the API instance that asks.
const CHANNEL: &str = "{test}:reply:a1";
/// A wait that never ends within a series.
const LONG_WAIT_MS: u64 = 3_600_000;

/// What whoever asked for text knows.
pub(super) struct Asked {
    channel: PubSub,
    /// Every text job, with how often Valkey had lost data when it was published.
    pub(super) texts: BTreeMap<JobId, u32>,
    /// Ends that must have been told since the last look.
    foretold: Vec<(JobId, String)>,
    /// Ends that were told.
    told: Vec<(JobId, String)>,
    markers: u64,
}

impl Asked {
    pub(super) async fn new(url: &str) -> Self {
        let mut channel = redis::Client::open(url).unwrap().get_async_pubsub().await.unwrap();
        channel.subscribe(CHANNEL).await.unwrap();
        Self { channel, texts: BTreeMap::new(), foretold: Vec::new(), told: Vec::new(), markers: 0 }
    }
}

impl World {
    /// Forgets what an earlier series asked for.
    pub(super) async fn forget_texts(&mut self) {
        drop(self.listen().await);
        self.asked.texts.clear();
        self.asked.foretold.clear();
        self.asked.told.clear();
    }

    /// Asks for text: what a worker says goes to the channel.
    pub(super) async fn ask_text(&mut self, job: &NewJob) {
        let id = JobId::new();
        let lane = format!("sd:{}:{}", job.rank, lane_of_model(job.model));
        let keys = [
            format!("{{test}}:job:{id}"),
            format!("{{test}}:lane:{lane}"),
            "{test}:lanes:sd".to_owned(),
            "{test}:wake:sd".to_owned(),
        ];
        let arguments = [id.to_string(), "1".to_owned(), lane, job.rank.to_string(), "{}".to_owned(), "0".to_owned()];
        let more =
            ["1".to_owned(), job.lease_ms.to_string(), "0".to_owned(), "a1".to_owned(), LONG_WAIT_MS.to_string()];
        let arguments: Vec<String> = arguments.into_iter().chain(more).collect();
        let published: bool = self.call("publish", &keys, &arguments).await;
        assert!(published, "a new request was not published");
        self.asked.texts.insert(id, self.losses);
        self.tally.count("asked for text");
    }

    /// Whoever asked goes away.
    pub(super) async fn cancel_text(&mut self, ask: &Index) {
        let Some(id) = self.pick_text(ask) else { return };
        let facts = self.look().await;
        let foretold = match facts.state(id) {
            "" => Cancelled::Absent,
            "queued" => Cancelled::Cancelled,
            _ => Cancelled::Requested,
        };
        assert_eq!(self.ground.queue.cancel(id).await.unwrap(), foretold);
        let after = self.look().await;
        match foretold {
            Cancelled::Cancelled => self.assert_ended(&after, id, "cancelled"),
            Cancelled::Requested => assert!(after.state(id) == "running" && after.jobs[&id].cancel),
            _ => assert_eq!(after.jobs, facts.jobs),
        }
    }

    /// The wait of a request is over, though nobody may have looked yet.
    pub(super) async fn end_wait(&mut self, ask: &Index) {
        let Some(id) = self.pick_text(ask) else { return };
        if !self.look().await.state(id).is_empty() {
            let key = format!("{{test}}:job:{id}");
            redis::cmd("HSET").arg(key).arg("expires").arg(0).exec_async(&mut self.raw).await.unwrap();
        }
    }

    fn pick_text(&self, index: &Index) -> Option<JobId> {
        let texts = &self.asked.texts;
        (!texts.is_empty()).then(|| texts.keys().nth(index.index(texts.len())).copied()).flatten()
    }

    /// Asserts that a job has ended: one of SQL waits to be settled, a text job is gone and its end is told.
    pub(super) fn assert_ended(&mut self, after: &Facts, id: JobId, outcome: &str) {
        if self.asked.texts.contains_key(&id) {
            assert_eq!(after.state(id), "", "a text job that has ended is still there");
            self.asked.foretold.push((id, outcome.to_owned()));
            self.tally.count(match outcome {
                "dead" => "text dead",
                "expired" => "text expired",
                "cancelled" => "text cancelled",
                _ => "text finished",
            });
        } else {
            assert_eq!(after.state(id), outcome);
        }
    }

    /// Compares what was told with what was foretold, and with what is there.
    pub(super) async fn check_texts(&mut self, facts: &Facts) {
        let mut news = self.listen().await;
        let asked = &mut self.asked;
        let mut foretold = std::mem::take(&mut asked.foretold);
        foretold.sort();
        news.sort();
        assert_eq!(news, foretold, "whoever asked was told of other ends");
        asked.told.extend(news);
        for (id, published_in) in &asked.texts {
            let ends = asked.told.iter().filter(|(told, _)| told == id).count();
            let is_there = facts.jobs.contains_key(id);
            if *published_in == self.losses {
                assert_eq!(ends, usize::from(!is_there), "{id} is there: {is_there}, and ended {ends} times");
            }
            assert!(facts.done.iter().all(|done| done.id != *id), "SQL hears of a text job");
        }
    }

    /// Hears everything that was said by now.
    async fn listen(&mut self) -> Vec<(JobId, String)> {
        self.asked.markers += 1;
        let marker = format!("marker {}", self.asked.markers);
        redis::cmd("PUBLISH").arg(CHANNEL).arg(&marker).exec_async(&mut self.raw).await.unwrap();
        let mut messages = self.asked.channel.on_message();
        let mut told = Vec::new();
        loop {
            let text: String = messages.next().await.expect("the channel is open").get_payload().unwrap();
            if text == marker {
                break;
            }
            let mut words = text.splitn(4, ' ');
            assert_eq!(words.next(), Some("end"), "{text}");
            let (id, outcome) = (words.next().unwrap().parse().unwrap(), words.next().unwrap().to_owned());
            told.push((id, outcome));
        }
        drop(messages);
        told
    }

    /// Asserts that no event tells of a text job: the watchers would lose those of others.
    pub(super) async fn check_no_text_events(&mut self) {
        let events = self.ground.events().await;
        let of_text = events.iter().find(|event| self.asked.texts.contains_key(&event.job_id));
        assert_eq!(of_text, None, "an event tells of a text job");
    }
}
