//! Tags new pictures while nobody needs the machine: what they show, how they are made, what one feels.
//!
//! A model that sees looks at the picture; where there is none, another reads the prompt. One picture at a time, and only
//! after it has been [`quiet`] for a while. As soon as anybody wants anything, the request is dropped, which cancels it, and the
//! picture waits as if nothing had been. What fails is tried again a few times, later each time, and then set aside.
//!
//! Which pictures wait, and whose turn it is among several instances, stands in SQL (`db/taggings.rs`).

mod metrics;
mod model;
mod quiet;
pub(crate) mod words;

use std::time::Duration;

use contract::tag::Tag;
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::{
    metrics::{Metrics, Outcome},
    model::{Found, Tagger},
    quiet::Quiet,
};
use crate::{
    assistant::{self, Assistant},
    db::{Db, Sense, TaggingTurn, duration_micros, micros},
    dispatch::{Dispatch, Trouble},
    text::{self, Texts},
};

/// How often to look whether it is quiet, and whether there is anything to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often to look for a model, and for files that have become one.
const LOOK_FOR_MODELS_EVERY: Duration = Duration::from_secs(30);
/// How often to look whether the model has come into memory, where it is not yet time to load it.
const LOOK_INTO_MEMORY_EVERY: Duration = Duration::from_secs(5);
/// How often a picture is tried before it is set aside.
const TRIES: u32 = 3;
/// Before a picture is tried again; ten times as long before the third time.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// How much longer each further wait of a picture is.
const WAIT_FACTOR: u32 = 10;
/// When one picture after the other fails, the fault is hardly theirs: the wait doubles up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);
/// How long a turn lasts unless it is renewed: so soon another instance goes on where one died.
const TURN: Duration = Duration::from_secs(60);

/// What the tagging works with.
#[derive(Clone)]
pub(crate) struct Parts {
    /// Which pictures have no tags, and who works.
    pub(crate) db: Db,
    /// Who asks for text.
    pub(crate) texts: Texts,
    /// Which jobs end.
    pub(crate) dispatch: Dispatch,
    /// Asks the model.
    pub(crate) assistant: Assistant,
    /// What time it is.
    pub(crate) clock: chassis::clock::Clock,
    /// How it works.
    pub(crate) settings: Settings,
}

/// How the tagging works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether it works at all.
    pub is_on: bool,
    /// For how long nobody must have needed the machine.
    pub idle: Duration,
    /// The same where the model is not in memory: it may have to push another one out, which somebody will want again.
    pub idle_before_loading: Duration,
}

/// Starts to tag. It ends soon after `stop` fires; no error ends it.
pub(crate) fn start(parts: Parts, stop: CancellationToken) -> JoinHandle<()> {
    let quiet = Quiet::new(&parts);
    let mut tagging =
        Tagging { parts, quiet, pause: Pause::default(), problem: None, metrics: Metrics::of_this_process() };
    tokio::spawn(async move {
        while tagging.parts.settings.is_on && !stop.is_cancelled() {
            let rest = tagging.step(&stop).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    })
}

struct Tagging {
    parts: Parts,
    quiet: Quiet,
    pause: Pause,
    /// What is wrong with the settings, as it was said last.
    problem: Option<String>,
    metrics: &'static Metrics,
}

/// Until when nothing is tried, because something went wrong or there is no model.
#[derive(Debug, Default)]
struct Pause {
    until: Option<OffsetDateTime>,
    /// How many pictures failed one after the other.
    failures: u32,
}

/// Why no tags came of it.
enum Failure {
    /// Somebody needs the machine, or the server stops.
    Interrupted,
    /// Something that has nothing to do with this picture does not work at the moment.
    NotNow(String),
    /// The model was asked in vain.
    InVain(String),
}

impl Tagging {
    /// Looks once, and tags one picture if it is time for that. Returns how long to rest.
    async fn step(&mut self, stop: &CancellationToken) -> Duration {
        match self.work(stop).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => LOOK_EVERY,
            // The dispatch reports what is away.
            Err(error) => {
                debug!("cannot tag pictures at the moment: {:#}", anyhow::Error::from(error));
                LOOK_EVERY
            }
        }
    }

    /// Returns whether there may be more to do at once.
    async fn work(&mut self, stop: &CancellationToken) -> Result<bool, Trouble> {
        let Settings { idle, idle_before_loading, .. } = self.parts.settings;
        let Some(quiet_for) = self.quiet.lasts().await? else { return Ok(false) };
        let now = self.parts.clock.now();
        if quiet_for < idle || self.pause.until.is_some_and(|until| now < until) {
            return Ok(false);
        }
        // A model that sees can tag whatever one that reads can.
        if !self.parts.db.has_untagged(Sense::Sight, micros(now)).await? {
            return Ok(false);
        }
        let Some(tagger) = self.find_tagger().await? else {
            self.pause.until = Some(now + LOOK_FOR_MODELS_EVERY);
            return Ok(false);
        };
        if !tagger.is_in_memory && quiet_for < idle_before_loading {
            self.pause.until = Some(now + (idle_before_loading - quiet_for).min(LOOK_INTO_MEMORY_EVERY));
            return Ok(false);
        }
        if tagger.sense == Sense::Reading && !self.parts.db.has_untagged(tagger.sense, micros(now)).await? {
            self.pause.until = Some(now + LOOK_FOR_MODELS_EVERY);
            return Ok(false);
        }
        let (from, until) = (micros(now), micros(now + TURN));
        let Some(turn) = self.parts.db.take_tagging_turn(tagger.sense, from, until).await? else { return Ok(false) };
        let tagged = self.tag(&turn, &tagger, stop).await;
        self.conclude(&turn, tagged).await?;
        Ok(true)
    }

    /// Returns the model that tags. Where the settings name one that cannot, that is said once.
    async fn find_tagger(&mut self) -> Result<Option<Tagger>, Trouble> {
        let (tagger, problem) = match model::find(&self.parts.assistant).await? {
            Found::Tagger(tagger) => (Some(tagger), None),
            Found::Nothing => (None, None),
            Found::Misnamed(problem) => (None, Some(problem)),
        };
        if let Some(problem) = problem.as_ref().filter(|problem| self.problem.as_ref() != Some(problem)) {
            warn!("pictures are not tagged: {problem}");
        }
        self.problem = problem;
        Ok(tagger)
    }

    /// Asks the model, as long as nobody needs the machine.
    async fn tag(
        &mut self,
        turn: &TaggingTurn,
        tagger: &Tagger,
        stop: &CancellationToken,
    ) -> Result<Vec<Tag>, Failure> {
        // Perhaps the picture is what the model cannot bear: the last time it reads, if there is anything to read.
        let is_last = turn.failures + 1 >= TRIES;
        let sense = if is_last && turn.prompt.is_some() { Sense::Reading } else { tagger.sense };
        let question = words::question(turn, sense, &tagger.model);
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(Failure::Interrupted),
            () = self.quiet.until_disturbed() => Err(Failure::Interrupted),
            () = keep(&self.parts, turn) => Err(Failure::Interrupted),
            tags = words::ask(&self.parts.assistant, question, sense) => {
                let now = self.parts.clock.now();
                tags.map(|said| words::tags(said, now)).map_err(failure)
            }
        }
    }

    async fn conclude(&mut self, turn: &TaggingTurn, tagged: Result<Vec<Tag>, Failure>) -> Result<(), Trouble> {
        let (db, now, id) = (&self.parts.db, self.parts.clock.now(), turn.picture.id);
        let outcome = match tagged {
            Ok(tags) => {
                self.pause = Pause::default();
                debug!(asset.id = %id, "picture {id} has {} tags", tags.len());
                if !db.put_tags(turn, &tags).await? {
                    return Ok(());
                }
                Outcome::Tagged
            }
            Err(Failure::Interrupted) => {
                db.give_tagging_turn_back(turn).await?;
                Outcome::Interrupted
            }
            Err(Failure::NotNow(reason)) => {
                debug!("cannot tag pictures at the moment: {reason}");
                self.pause.until = Some(now + LOOK_FOR_MODELS_EVERY);
                db.give_tagging_turn_back(turn).await?;
                Outcome::Interrupted
            }
            Err(Failure::InVain(reason)) => {
                self.pause.until = Some(now + pause(self.pause.failures));
                self.pause.failures += 1;
                let wait = FIRST_WAIT * WAIT_FACTOR.pow(turn.failures.min(TRIES));
                let try_at = (turn.failures + 1 < TRIES).then(|| micros(now).saturating_add(duration_micros(wait)));
                if !db.note_tagging_failure(turn, &reason, try_at).await? {
                    return Ok(());
                }
                // The reason may quote what the model made of a prompt, which is for no log.
                if try_at.is_none() {
                    warn!(asset.id = %id, "picture {id} is set aside without tags; GET /api/assets/{id}/tags says why");
                }
                if try_at.is_some() { Outcome::Failed } else { Outcome::SetAside }
            }
        };
        self.metrics.count(outcome);
        Ok(())
    }
}

/// Returns how long nothing is tried after so many failures one after the other, and one more.
fn pause(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE)
}

/// Renews the turn as long as it lasts; returns when it was lost.
async fn keep(parts: &Parts, turn: &TaggingTurn) {
    loop {
        tokio::time::sleep(TURN / 3).await;
        let until = micros(parts.clock.now() + TURN);
        match parts.db.keep_tagging_turn(turn, until).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => debug!("cannot renew the turn to tag: {:#}", anyhow::Error::from(error)),
        }
    }
}

/// Returns whether it was the picture, or the model with it, that failed.
fn failure(error: assistant::Error) -> Failure {
    use assistant::Error as E;
    let words = |error: E| format!("{:#}", anyhow::Error::from(error));
    match error {
        E::Model(_) | E::Setting { .. } | E::Unfit { .. } | E::Text(text::Error::Full(_)) => {
            Failure::NotNow(words(error))
        }
        E::Text(text::Error::Queue(ref cause)) if cause.is_outage() => Failure::NotNow(words(error)),
        E::Failed(ref told) => Failure::InVain(match &told.remedy {
            Some(remedy) => format!("{} {remedy}", told.message),
            None => told.message.clone(),
        }),
        E::Text(_) | E::Unusable { .. } | E::Bug(_) => Failure::InVain(words(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_waits_longer_each_time_and_never_more_than_an_hour() {
        let waits: Vec<u64> = [0, 1, 2, 5, 6, 40, u32::MAX].map(pause).iter().map(Duration::as_secs).collect();
        assert_eq!(waits, [60, 120, 240, 1920, 3600, 3600, 3600]);
    }
}
