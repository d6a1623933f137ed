//! Who is next: the fair order among everybody who waits.
//!
//! Jobs of one kind of worker and one rank form a line. In a line, whoever moved a job to the front or the back has his way;
//! all others are served in turn, one job of each owner at a time, first whoever was served longest ago.
//! Only a window of each line is published, so that the order can still change for all the rest.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::db::window::{Turn, Waiting};

/// How many jobs of a line may be published and wait.
#[derive(Debug, Clone)]
pub(super) struct Room {
    /// In each line.
    pub(super) per_kind: u32,
    /// In each line, of each owner.
    pub(super) per_owner: u32,
    /// More in each line of a kind: its workers that have nothing to do.
    pub(super) idle_workers: HashMap<String, u32>,
}

/// What to do next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Publish these, in this order.
    pub(super) publish: Vec<Uuid>,
    /// First take these back, with their generations: they stand before somebody whose turn it is.
    pub(super) recall: Vec<(Uuid, i64)>,
}

type Line<'a> = (&'a str, i64);

impl Room {
    fn of(&self, line: Line<'_>) -> usize {
        let idle = self.idle_workers.get(line.0).copied().unwrap_or(0);
        self.per_kind.saturating_add(idle) as usize
    }
}

/// Returns the turns that may bring something to publish: there is room in the line, or the owner has nothing there.
pub(super) fn promising(window: &[Waiting], turns: Vec<Turn>, room: &Room) -> Vec<Turn> {
    let filled = Filled::of(window);
    turns
        .into_iter()
        .filter(|turn| {
            let line = (turn.worker_kind.as_str(), turn.rank);
            filled.in_line(line) < room.of(line) || filled.of_owner(line, &turn.owner) == 0
        })
        .collect()
}

/// Plans the next step from what is published, and from the heads of the lines behind it.
pub(super) fn plan(window: &[Waiting], heads: &[Waiting], turns: &[Turn], room: &Room) -> Plan {
    let filled = Filled::of(window);
    let served: HashMap<(Line<'_>, &str), i64> = turns
        .iter()
        .map(|turn| (((turn.worker_kind.as_str(), turn.rank), turn.owner.as_str()), turn.served_at))
        .collect();
    let mut lines: HashMap<Line<'_>, Vec<&Waiting>> = HashMap::new();
    for head in heads {
        lines.entry(line_of(head)).or_default().push(head);
    }
    let mut lines: Vec<(Line<'_>, Vec<&Waiting>)> = lines.into_iter().collect();
    // The most urgent first, so that a batch of publications arrives in that order.
    lines.sort_by_key(|((kind, rank), _)| (*rank, *kind));

    let mut plan = Plan::default();
    for (line, heads) in lines {
        if is_unfair(line, &heads, &filled) {
            let taken = window.iter().filter(|job| line_of(job) == line && job.placed == 0);
            plan.recall.extend(taken.map(|job| (job.id, job.generation)));
            continue;
        }
        let mut in_line = filled.in_line(line);
        let mut of_owner: HashMap<&str, usize> = HashMap::new();
        for job in in_fair_order(line, heads, &filled, &served) {
            let owned = of_owner.entry(&job.owner).or_insert_with(|| filled.of_owner(line, &job.owner));
            if in_line >= room.of(line) {
                break;
            }
            if *owned < room.per_owner as usize {
                *owned += 1;
                in_line += 1;
                plan.publish.push(job.id);
            }
        }
    }
    plan
}

fn line_of(job: &Waiting) -> Line<'_> {
    (&job.worker_kind, job.rank)
}

/// Returns whether somebody who has nothing in the window would wait behind the second job of another.
fn is_unfair(line: Line<'_>, heads: &[&Waiting], filled: &Filled<'_>) -> bool {
    heads.iter().any(|head| head.placed <= 0 && filled.of_owner(line, &head.owner) == 0)
        && filled.with_second.contains(&line)
}

fn in_fair_order<'a>(
    line: Line<'_>,
    mut heads: Vec<&'a Waiting>,
    filled: &Filled<'_>,
    served: &HashMap<(Line<'_>, &str), i64>,
) -> Vec<&'a Waiting> {
    heads.sort_by_key(|job| (job.placed, job.position, job.id));
    let mut turns: HashMap<&str, usize> = HashMap::new();
    let mut ranked: Vec<_> = heads
        .into_iter()
        .map(|job| {
            let turn = turns.entry(job.owner.as_str()).or_insert_with(|| filled.of_owner(line, &job.owner));
            let key = if job.placed == 0 {
                let served_at = served.get(&(line, job.owner.as_str())).copied().unwrap_or(0);
                (job.placed, *turn, served_at, job.position, job.id)
            } else {
                (job.placed, 0, 0, job.position, job.id)
            };
            *turn += usize::from(job.placed == 0);
            (key, job)
        })
        .collect();
    ranked.sort_by_key(|(key, _)| *key);
    ranked.into_iter().map(|(_, job)| job).collect()
}

/// How much of the window is taken, and by whom.
struct Filled<'a> {
    all: HashMap<Line<'a>, HashMap<&'a str, usize>>,
    /// Lines in which somebody has two places, without counting those that a move has given.
    with_second: HashSet<Line<'a>>,
}

impl<'a> Filled<'a> {
    fn of(window: &'a [Waiting]) -> Self {
        let mut all: HashMap<Line<'a>, HashMap<&'a str, usize>> = HashMap::new();
        let mut in_turn: HashSet<(Line<'a>, &'a str)> = HashSet::new();
        let mut with_second = HashSet::new();
        for job in window {
            *all.entry(line_of(job)).or_default().entry(&job.owner).or_default() += 1;
            if job.placed == 0 && !in_turn.insert((line_of(job), &job.owner)) {
                with_second.insert(line_of(job));
            }
        }
        Self { all, with_second }
    }

    fn in_line(&self, line: Line<'_>) -> usize {
        self.all.get(&line).map_or(0, |owners| owners.values().sum())
    }

    fn of_owner(&self, line: Line<'_>, owner: &str) -> usize {
        self.all.get(&line).and_then(|owners| owners.get(owner)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
