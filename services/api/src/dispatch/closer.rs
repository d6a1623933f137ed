//! The closer: ends groups whose last cell has ended, and orders their contact sheets.
//!
//! It looks at what SQL says and not at who ended the last cell, so no end is missed, whoever dies in between:
//! a group and its sheet change in one transaction, and whatever was not committed is found again.

use std::{sync::Arc, time::Duration};

use contract::{JobId, event::JobChange};

use super::{
    outage::{Pause, Trouble},
    shared::Shared,
};
use crate::failpoint;

/// It looks this often without being asked: other instances end cells too.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Closes until the dispatch stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut pause = Pause::new();
    loop {
        match close(&shared).await {
            Ok(()) => pause.reset(),
            Err(error) => {
                shared.trouble("ending groups", error);
                shared.rest(&mut pause).await;
            }
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.close_soon.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn close(shared: &Shared) -> Result<(), Trouble> {
    let db = &shared.parts.db;
    let mut sheets: Vec<(JobId, JobChange)> = Vec::new();
    for group in db.list_ending_groups().await? {
        match db.end_group(group, shared.parts.clock.now()).await {
            Ok(sheet) => {
                failpoint::pass("after_group_end");
                sheets.extend(sheet.map(|sheet| (sheet, JobChange::Queued)));
            }
            // What one group holds that cannot be read must not keep the others open.
            Err(error @ crate::db::Error::Unreadable { .. }) => {
                tracing::error!(group.id = %group, "group {group} cannot be ended: {error}");
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !sheets.is_empty() {
        shared.announce(&sheets).await;
        shared.nudge.notify_one();
    }
    Ok(())
}
