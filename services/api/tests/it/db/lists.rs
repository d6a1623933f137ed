//! Lists of jobs.

use std::time::Duration;

use api::db::{Cursor, JobFilter, NewJob};
use contract::{
    JobId,
    job::{Job, JobState},
    page::Page,
    spec::JobKind,
};

use super::ground::{Ground, on_both};
use crate::sample::{new_job, noon, spec};

on_both!(
    a_list_shows_the_newest_first_and_every_job_once,
    jobs_of_the_same_moment_are_on_one_page_each,
    a_filter_by_state_shows_only_these,
    a_filter_by_text_passes_over_case_and_takes_signs_literally,
    a_row_of_a_newer_version_does_not_hide_the_others,
    a_rare_word_among_many_jobs_gives_short_pages_and_an_end,
);

async fn submit(ground: &Ground, prompt: &str, seconds: u64) -> JobId {
    let submitted_at = noon() + Duration::from_secs(seconds);
    let new = NewJob { spec: spec(prompt), submitted_at, ..new_job("") };
    ground.db.insert_job(&new).await.unwrap();
    new.id
}

fn cursor(page: &Page<Job>) -> Option<Cursor> {
    assert_eq!(page.has_more, page.next_cursor.is_some());
    page.next_cursor.as_ref().map(|text| text.parse().unwrap())
}

/// Walks through all pages; returns the ids, and how many pages there were.
async fn all(ground: &Ground, filter: &JobFilter, limit: u32) -> (Vec<JobId>, usize) {
    let (mut ids, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let page = ground.db.list_jobs(filter, after, limit).await.unwrap();
        assert!(page.data.len() <= limit as usize);
        pages += 1;
        after = cursor(&page);
        ids.extend(page.data.into_iter().map(|job| job.id));
        if after.is_none() {
            return (ids, pages);
        }
    }
}

fn by_text(text: &str) -> JobFilter {
    JobFilter { text: Some(text.to_owned()), ..JobFilter::default() }
}

fn by_state(states: &[JobState]) -> JobFilter {
    JobFilter { states: states.to_vec(), ..JobFilter::default() }
}

async fn a_list_shows_the_newest_first_and_every_job_once(ground: Ground) {
    let mut ids = Vec::new();
    for second in 0..25 {
        ids.push(submit(&ground, "x", second).await);
    }
    ids.reverse();
    assert_eq!(all(&ground, &JobFilter::default(), 7).await, (ids.clone(), 4));
    assert_eq!(all(&ground, &JobFilter::default(), 25).await, (ids.clone(), 1));
    let by_kind = JobFilter { kinds: JobKind::ALL.to_vec(), ..JobFilter::default() };
    assert_eq!(all(&ground, &by_kind, 24).await, (ids, 2));
}

async fn jobs_of_the_same_moment_are_on_one_page_each(ground: Ground) {
    let mut ids = Vec::new();
    for _ in 0..9 {
        ids.push(submit(&ground, "x", 0).await);
    }
    ids.reverse();
    assert_eq!(all(&ground, &JobFilter::default(), 2).await, (ids, 5));
}

async fn a_filter_by_state_shows_only_these(ground: Ground) {
    let (mut waiting, mut cancelled) = (Vec::new(), Vec::new());
    for second in 0..12 {
        let id = submit(&ground, "x", second).await;
        if second % 3 == 0 {
            ground.db.request_cancel(id, noon()).await.unwrap();
            cancelled.insert(0, id);
        } else {
            waiting.insert(0, id);
        }
    }
    assert_eq!(all(&ground, &by_state(&[JobState::Cancelled]), 3).await.0, cancelled);
    assert_eq!(all(&ground, &by_state(&[JobState::Queued]), 3).await.0, waiting);
    assert_eq!(all(&ground, &by_state(&[JobState::Running, JobState::Dead]), 3).await.0, []);
    let both = by_state(&[JobState::Cancelled, JobState::Queued]);
    assert_eq!(all(&ground, &both, 5).await, all(&ground, &JobFilter::default(), 5).await);
}

async fn a_filter_by_text_passes_over_case_and_takes_signs_literally(ground: Ground) {
    let tower = submit(&ground, "Ein großer LEUCHTTURM, 50% Nebel", 0).await;
    let sea = submit(&ground, "a_sea, 50 waves", 1).await;
    for (text, found) in [
        ("leuchtturm", vec![tower]),
        ("GROSSER", vec![]),
        ("Großer", vec![tower]),
        ("50%", vec![tower]),
        ("50", vec![sea, tower]),
        ("a_s", vec![sea]),
        ("a%s", vec![]),
        ("\\", vec![]),
        ("zero\0", vec![]),
        ("", vec![sea, tower]),
    ] {
        assert_eq!(all(&ground, &by_text(text), 10).await.0, found, "{text:?}");
    }
    ground.db.request_cancel(tower, noon()).await.unwrap();
    let filter = JobFilter { states: vec![JobState::Cancelled], ..by_text("50") };
    assert_eq!(all(&ground, &filter, 10).await.0, [tower]);
}

async fn a_row_of_a_newer_version_does_not_hide_the_others(ground: Ground) {
    let old = submit(&ground, "x", 0).await;
    submit(&ground, "y", 1).await;
    ground.run(r#"UPDATE jobs SET spec = '{"kind":"hologram"}' WHERE search = 'y'"#).await.unwrap();
    assert_eq!(all(&ground, &JobFilter::default(), 1).await, (vec![old], 2));
}

async fn a_rare_word_among_many_jobs_gives_short_pages_and_an_end(ground: Ground) {
    let rare = submit(&ground, "needle", 0).await;
    // 12,000 jobs after it; a page looks at 5,000.
    let many = "INSERT INTO jobs (id, kind, worker_kind, state, max_attempts, priority, rank, position, run_at, \
                    ranked_at, owner, model, spec, search, body_hash, submitted_at) \
                SELECT ID, kind, worker_kind, 'failed', max_attempts, priority, rank, position, run_at, \
                    ranked_at, owner, model, spec, 'hay', body_hash, submitted_at + n \
                FROM jobs CROSS JOIN (WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers \
                    WHERE n < 12000) SELECT n FROM numbers) AS numbers";
    let id = if ground.url.starts_with("sqlite") { "randomblob(16)" } else { "gen_random_uuid()" };
    ground.run(&many.replace("ID", id)).await.unwrap();
    assert_eq!(all(&ground, &by_text("needle"), 10).await, (vec![rare], 3));
}
