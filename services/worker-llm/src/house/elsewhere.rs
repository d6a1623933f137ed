//! Follows which models an engine elsewhere has.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{endpoint::Endpoint, trouble::Trouble};

/// Between two looks while it answers.
const PAUSE: Duration = Duration::from_secs(60);
/// Between two looks while it does not.
const SHORT_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize)]
struct List {
    data: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
}

/// Looks again and again, until `stop` fires. It may come up later, and its models may change.
pub(super) async fn follow(
    endpoint: Endpoint,
    models: Arc<Mutex<Vec<String>>>,
    changed: watch::Sender<()>,
    stop: CancellationToken,
) {
    let mut said = String::new();
    loop {
        let found = tokio::select! {
            () = stop.cancelled() => return,
            found = endpoint.load::<List>("/v1/models") => found,
        };
        let (names, problem) = match found {
            Ok(list) => (list.data.into_iter().map(|model| model.id).collect(), None),
            Err(Trouble::Failed(failure)) => (Vec::new(), Some(failure.message)),
            Err(Trouble::Gone(message)) => (Vec::new(), Some(message)),
            Err(Trouble::Silent) => (Vec::new(), Some("it says nothing".to_owned())),
        };
        let pause = if problem.is_some() { SHORT_PAUSE } else { PAUSE };
        let news = match &problem {
            Some(problem) => format!("the text engine elsewhere does not list its models: {problem}"),
            None => format!("the text engine elsewhere has {}", names.join(", ")),
        };
        if news != said {
            if problem.is_some() {
                warn!("{news}");
            } else {
                info!("{news}");
            }
            said = news;
            *models.lock().unwrap_or_else(PoisonError::into_inner) = names;
            changed.send_replace(());
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
        }
    }
}
