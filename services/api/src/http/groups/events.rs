//! Server-sent events of a group as one: its progress, until it has ended and its contact sheet is drawn.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use contract::{GroupId, group::GroupProgress, socket::Watched};
use futures::stream::unfold;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::{no_group, view};
use crate::{
    http::{
        Api,
        access::{Caller, Visit},
        events::{BEGINNING, SIGN_OF_LIFE, answer},
        id::Id,
        problem::Error,
    },
    live::{Outgoing, Watch},
};

/// Progress comes no more often than this, however many cells run.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
/// The end of a group, and what its contact sheet does, is looked for this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Follows a group as one: how far it is, then whenever that changes, until it has ended and its contact sheet is drawn.
///
/// Each event is a `GroupProgress`. The first comes at once, so that a client that connects again misses nothing.
#[utoipa::path(get, path = "/api/groups/{id}/events", tag = "events",
    params(("id" = GroupId, Path, description = "Which group.")),
    responses((status = 200, description = "The stream.", content_type = "text/event-stream", body = String)))]
pub(crate) async fn follow_group(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<GroupId>,
) -> Result<Response, Error> {
    let first = api.live.view_group(id).await?.ok_or_else(|| no_group(id))?;
    let mut watch = api.live.open();
    watch.follow(Watched::Jobs(first.cells.iter().map(|cell| cell.job_id).collect())).await?;
    let visit = Visit::new(Arc::clone(&api), caller);
    let following = Following { api, id, watch, visit, has_begun: false, told: None };
    let frames = unfold(following, |mut following| async {
        let frame = following.next().await?;
        Some((Ok::<_, Infallible>(frame), following))
    });
    Ok(answer(Body::from_stream(frames)))
}

struct Following {
    api: Arc<Api>,
    id: GroupId,
    watch: Watch,
    visit: Visit,
    has_begun: bool,
    /// What the client was told last.
    told: Option<GroupProgress>,
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Some(BEGINNING);
        }
        loop {
            if self.told.as_ref().is_some_and(is_over) {
                return None;
            }
            if self.told.is_some() {
                tokio::select! {
                    () = self.api.stop.cancelled() => return None,
                    may_stay = self.visit.look() => return may_stay.then_some(SIGN_OF_LIFE),
                    is_there = news(&mut self.watch) => if !is_there { return None },
                }
            }
            let progress = match view(&self.api, self.id).await {
                Ok(view) => view.group.progress,
                Err(error) => {
                    debug!("a stream of a group broke off: {}", error.into_words().1);
                    return None;
                }
            };
            if self.told.as_ref() != Some(&progress) {
                let data = serde_json::to_vec(&progress).unwrap_or_default();
                self.told = Some(progress);
                return Some(Bytes::from([b"data: ", data.as_slice(), b"\n\n"].concat()));
            }
        }
    }
}

/// Waits until something may have happened to the group; returns whether the client can go on following.
async fn news(watch: &mut Watch) -> bool {
    let (begun, late) = (Instant::now(), Instant::now() + LONGEST_PAUSE);
    tokio::select! {
        () = sleep_until(late) => {}
        first = watch.next() => {
            if matches!(first, Ok(Outgoing::TooSlow) | Err(_)) {
                return false;
            }
            sleep_until(begun + SHORTEST_PAUSE).await;
            while watch.take().is_some_and(|more| !matches!(more, Outgoing::TooSlow)) {}
        }
    }
    true
}

fn is_over(progress: &GroupProgress) -> bool {
    let is_drawn = progress.contact_sheet.as_ref().is_none_or(|sheet| sheet.state.is_end());
    progress.ended_at.is_some() && is_drawn
}
