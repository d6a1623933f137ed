//! How far a group is as one: SQL knows its cells, the queue knows how far the running ones are.

use contract::{
    GroupId, JobId,
    event::Progress,
    group::{Cell, CellCounts, GroupView},
    job::JobState,
};
use time::OffsetDateTime;
use tracing::debug;

use super::Live;
use crate::{
    db::{
        self,
        groups::{CellJob, add},
    },
    groups::Shape,
};

/// A cell, with its progress while it runs.
struct Standing {
    cell: CellJob,
    progress: Option<Progress>,
}

impl Live {
    /// Returns a group with its cells as they stand.
    pub(crate) async fn view_group(&self, id: GroupId) -> Result<Option<GroupView>, db::Error> {
        let parts = self.parts();
        let Some(mut group) = parts.db.find_group(id).await? else { return Ok(None) };
        let cells = self.standings(parts.db.list_cells(id).await?).await;
        let mut counts = CellCounts { cells: group.progress.counts.cells, ..CellCounts::default() };
        for standing in &cells {
            add(&mut counts, standing.cell.state, 1);
        }
        let shape = Shape::of(&group.axes);
        group.progress.counts = counts;
        group.progress.fraction = fraction(&cells, counts);
        group.progress.remaining_s = remaining_s(&cells, counts, parts.clock.now());
        let cells = cells.into_iter().map(|Standing { cell, progress }| Cell {
            index: cell.cell,
            labels: shape.labels(&group.axes, cell.cell as usize),
            job_id: cell.job_id,
            state: cell.state,
            fraction: progress.map(|progress| progress.fraction),
            asset: cell.asset,
            failure: cell.failure,
        });
        Ok(Some(GroupView { cells: cells.collect(), group }))
    }

    /// Asks the queue how far open cells are. While it does not answer, they have no progress.
    async fn standings(&self, cells: Vec<CellJob>) -> Vec<Standing> {
        let mut cells: Vec<Standing> = cells.into_iter().map(|cell| Standing { cell, progress: None }).collect();
        let open: Vec<&mut Standing> = cells.iter_mut().filter(|standing| !standing.cell.state.is_end()).collect();
        let ids: Vec<JobId> = open.iter().map(|standing| standing.cell.job_id).collect();
        if ids.is_empty() {
            return cells;
        }
        match self.parts().queue.snapshots(&ids).await {
            Ok(snapshots) => {
                for (standing, snapshot) in open.into_iter().zip(snapshots) {
                    let Some(snapshot) = snapshot.filter(|snapshot| snapshot.is_running) else { continue };
                    standing.cell.state = JobState::Running;
                    standing.progress = snapshot.progress;
                }
            }
            Err(error) => debug!("a group is shown without progress: {:#}", anyhow::Error::from(error)),
        }
        cells
    }
}

/// Returns the done share of all cells. Whatever has ended, one way or the other, is done; so is what was cleared away.
fn fraction(cells: &[Standing], counts: CellCounts) -> f64 {
    let left: f64 = cells
        .iter()
        .filter(|standing| !standing.cell.state.is_end())
        .map(|standing| 1.0 - standing.progress.as_ref().map_or(0.0, |progress| progress.fraction))
        .sum();
    (1.0 - left / f64::from(counts.cells.max(1))).clamp(0.0, 1.0)
}

/// Estimates when the last cell ends: as many as run now go on to run at once, each as long as those before.
fn remaining_s(cells: &[Standing], counts: CellCounts, now: OffsetDateTime) -> Option<f64> {
    let mut whole = Vec::new();
    let mut running = Vec::new();
    for Standing { cell, progress } in cells {
        let remaining = progress.as_ref().and_then(|progress| progress.remaining_s);
        match (cell.state, cell.started_at, cell.ended_at) {
            (JobState::Succeeded, Some(start), Some(end)) => whole.push((end - start).as_seconds_f64()),
            (JobState::Running, Some(start), _) => {
                running.push((progress.as_ref().map_or(0.0, |progress| progress.fraction), remaining));
                whole.extend(remaining.map(|remaining| (now - start).as_seconds_f64() + remaining));
            }
            (JobState::Running, ..) => running.push((0.0, remaining)),
            _ => {}
        }
    }
    if counts.queued + counts.running == 0 || whole.is_empty() {
        return None;
    }
    let mean = (whole.iter().sum::<f64>() / whole.len() as f64).max(0.0);
    let begun: f64 = running.iter().map(|(done, remaining)| remaining.unwrap_or(mean * (1.0 - done))).sum();
    let hands = running.len().max(1) as f64;
    Some((begun + f64::from(counts.queued) * mean) / hands)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::event::Phase;

    use super::*;

    fn cell(state: JobState, seconds: Option<u64>, progress: Option<(f64, f64)>) -> Standing {
        let start = OffsetDateTime::UNIX_EPOCH;
        let progress = progress.map(|(fraction, remaining_s)| Progress {
            phase: Phase::Sampling,
            step: 1,
            steps: 2,
            seconds_per_step: None,
            remaining_s: Some(remaining_s),
            fraction,
            waits_for: None,
        });
        let cell = CellJob {
            cell: 0,
            job_id: JobId::new(),
            state,
            started_at: Some(start),
            ended_at: seconds.map(|seconds| start + Duration::from_secs(seconds)),
            asset: None,
            failure: None,
        };
        Standing { cell, progress }
    }

    fn told(cells: &[Standing]) -> (f64, Option<f64>) {
        let mut counts = CellCounts { cells: cells.len() as u32, ..CellCounts::default() };
        cells.iter().for_each(|standing| add(&mut counts, standing.cell.state, 1));
        let now = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(6);
        (fraction(cells, counts), remaining_s(cells, counts, now))
    }

    #[test]
    fn progress_is_the_mean_of_the_cells_and_what_waits_takes_as_long_as_what_was() {
        let cells = [
            cell(JobState::Succeeded, Some(10), None),
            cell(JobState::Failed, Some(1), None),
            cell(JobState::Running, None, Some((0.5, 4.0))),
            cell(JobState::Queued, None, None),
        ];
        assert_eq!(told(&cells), (0.625, Some(14.0)));
    }

    #[test]
    fn nothing_is_estimated_before_anything_is_known_or_behind_the_end() {
        assert_eq!(told(&[cell(JobState::Queued, None, None)]), (0.0, None));
        assert_eq!(told(&[cell(JobState::Succeeded, Some(3), None)]), (1.0, None));
    }
}
