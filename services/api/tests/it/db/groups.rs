//! Groups: whole or not at all, ended once, with one contact sheet.

use api::db::{JobFilter, NewGroup, SubmittedGroup};
use contract::{
    GroupId, JobId,
    job::{Job, JobState},
    spec::JobSpec,
};

use super::ground::{Ground, on_both};
use crate::sample::{new_group, noon, success_of};

on_both!(
    a_group_is_on_record_with_all_of_its_cells,
    a_group_one_of_whose_cells_cannot_be_written_leaves_nothing,
    a_repetition_finds_the_first_group,
    a_group_ends_once_and_its_sheet_has_the_pictures_in_their_places,
    a_group_with_an_open_cell_does_not_end,
    a_group_with_one_picture_or_none_wanted_has_no_sheet,
    a_cancelled_group_has_no_sheet,
    a_cell_that_is_tried_again_brings_a_new_sheet,
    groups_are_listed_newest_first,
);

async fn insert(ground: &Ground, new: &NewGroup) -> GroupId {
    assert_eq!(ground.db.insert_group(new).await.unwrap(), SubmittedGroup::New(new.id));
    new.id
}

async fn jobs_of(ground: &Ground, id: GroupId) -> Vec<Job> {
    let filter = JobFilter { group: Some(id), ..JobFilter::default() };
    ground.db.list_jobs(&filter, None, 200).await.unwrap().data
}

async fn succeed(ground: &Ground, cells: &[u32]) {
    ground.run("UPDATE jobs SET state = 'published', generation = 1 WHERE state = 'queued'").await.unwrap();
    for cell in cells {
        ground.run(&success_of(*cell)).await.unwrap();
    }
}

async fn a_group_is_on_record_with_all_of_its_cells(ground: Ground) {
    let new = new_group("ann", 3);
    insert(&ground, &new).await;
    let group = ground.db.find_group(new.id).await.unwrap().unwrap();
    assert_eq!((group.title.as_deref(), &group.axes, &group.base), (Some("lighthouses"), &new.axes, &new.base));
    let counts = group.progress.counts;
    assert_eq!((counts.cells, counts.queued, group.progress.fraction), (3, 3, 0.0));
    let mut cells: Vec<_> = jobs_of(&ground, new.id).await.iter().map(|job| (job.group_id, job.cell)).collect();
    cells.sort_unstable();
    assert_eq!(cells, [0, 1, 2].map(|cell| (Some(new.id), Some(cell))));
    assert_eq!(jobs_of(&ground, GroupId::new()).await, []);
    assert_eq!(ground.db.find_group(GroupId::new()).await.unwrap(), None);
}

async fn a_group_one_of_whose_cells_cannot_be_written_leaves_nothing(ground: Ground) {
    let mut new = new_group("ann", 3);
    new.cells[2].group = new.cells[1].group;
    assert!(ground.db.insert_group(&new).await.is_err(), "two cells have one place");
    assert_eq!(ground.number("SELECT COUNT(*) FROM jobs").await, 0);
    assert_eq!(ground.number("SELECT COUNT(*) FROM job_groups").await, 0);
}

async fn a_repetition_finds_the_first_group(ground: Ground) {
    let first = NewGroup { idempotency_key: Some("key".to_owned()), ..new_group("ann", 2) };
    let id = insert(&ground, &first).await;
    let again = NewGroup { idempotency_key: Some("key".to_owned()), ..new_group("ann", 2) };
    assert_eq!(ground.db.insert_group(&again).await.unwrap(), SubmittedGroup::Same(id));
    let other = NewGroup { body_hash: "other".to_owned(), ..again };
    assert_eq!(ground.db.insert_group(&other).await.unwrap(), SubmittedGroup::Mismatch);
    let by_id = NewGroup { idempotency_key: None, ..first.clone() };
    assert_eq!(ground.db.insert_group(&by_id).await.unwrap(), SubmittedGroup::Same(id));
    let other_owner = NewGroup { owner: "bob".to_owned(), ..by_id };
    assert_eq!(ground.db.insert_group(&other_owner).await.unwrap(), SubmittedGroup::Mismatch);
    let found = ground.db.find_submitted_group(None, "ann", Some("key"), &first.body_hash, noon()).await.unwrap();
    assert_eq!(found, Some(SubmittedGroup::Same(id)));
    assert_eq!(ground.number("SELECT COUNT(*) FROM jobs").await, 2);
}

async fn a_group_ends_once_and_its_sheet_has_the_pictures_in_their_places(ground: Ground) {
    let id = insert(&ground, &new_group("ann", 3)).await;
    succeed(&ground, &[0, 2]).await;
    ground.run("UPDATE jobs SET state = 'failed', ended_at = 1 WHERE cell = 1").await.unwrap();
    assert_eq!(ground.db.list_ending_groups().await.unwrap(), [id]);
    let ends = futures::future::join_all((0..8).map(|_| ground.db.end_group(id, noon()))).await;
    let sheets: Vec<JobId> = ends.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(sheets.len(), 1, "eight instances end the group at once");
    assert_eq!(ground.db.list_ending_groups().await.unwrap(), []);

    let sheet = ground.db.find_job(sheets[0]).await.unwrap().unwrap();
    assert_eq!((sheet.group_id, sheet.cell, sheet.state), (Some(id), None, JobState::Queued));
    let JobSpec::ContactSheet(spec) = &sheet.spec else { panic!("{:?}", sheet.spec) };
    let is_there: Vec<bool> = spec.cells.iter().map(Option::is_some).collect();
    assert_eq!((is_there, spec.columns, spec.title.as_str()), (vec![true, false, true], 3, "lighthouses"));
    assert_eq!(spec.column_labels, ["seed: 0", "seed: 1", "seed: 2"]);
    let group = ground.db.find_group(id).await.unwrap().unwrap();
    assert_eq!(group.progress.contact_sheet.map(|sheet| sheet.job_id), Some(sheet.id));
    assert_eq!((group.progress.ended_at, group.progress.fraction), (Some(noon()), 1.0));
}

async fn a_group_with_an_open_cell_does_not_end(ground: Ground) {
    let id = insert(&ground, &new_group("ann", 3)).await;
    succeed(&ground, &[0, 1]).await;
    assert_eq!(ground.db.list_ending_groups().await.unwrap(), []);
    assert_eq!(ground.db.end_group(id, noon()).await.unwrap(), None);
    assert_eq!(ground.db.find_group(id).await.unwrap().unwrap().progress.ended_at, None);
}

async fn a_group_with_one_picture_or_none_wanted_has_no_sheet(ground: Ground) {
    let one = insert(&ground, &new_group("ann", 1)).await;
    succeed(&ground, &[0]).await;
    let unwanted = insert(&ground, &NewGroup { wants_sheet: false, ..new_group("ann", 3) }).await;
    ground.run("UPDATE jobs SET state = 'published', generation = 1 WHERE state = 'queued'").await.unwrap();
    for cell in [1, 2] {
        ground.run(&success_of(cell)).await.unwrap();
    }
    ground.run("UPDATE jobs SET state = 'failed', ended_at = 1 WHERE state = 'published'").await.unwrap();
    for id in [one, unwanted] {
        assert_eq!(ground.db.end_group(id, noon()).await.unwrap(), None);
        let progress = ground.db.find_group(id).await.unwrap().unwrap().progress;
        assert!(progress.ended_at.is_some() && progress.contact_sheet.is_none(), "{progress:?}");
    }
}

async fn a_cancelled_group_has_no_sheet(ground: Ground) {
    let id = insert(&ground, &new_group("ann", 4)).await;
    ground.run("UPDATE jobs SET state = 'published', generation = 1 WHERE cell < 3").await.unwrap();
    for cell in [0, 1] {
        ground.run(&success_of(cell)).await.unwrap();
    }
    let cancelled = ground.db.cancel_group(id, noon()).await.unwrap();
    assert_eq!((cancelled.ended.len(), cancelled.requested.len()), (1, 1));
    ground.run("UPDATE jobs SET state = 'cancelled', ended_at = 1 WHERE cell = 2").await.unwrap();
    assert_eq!(ground.db.end_group(id, noon()).await.unwrap(), None);
    let group = ground.db.find_group(id).await.unwrap().unwrap();
    assert!(group.cancel_requested && group.progress.ended_at.is_some(), "{group:?}");
    assert_eq!((group.progress.counts.succeeded, group.progress.counts.cancelled), (2, 2));
    assert_eq!(ground.db.cancel_group(id, noon()).await.unwrap(), Default::default());
}

async fn a_cell_that_is_tried_again_brings_a_new_sheet(ground: Ground) {
    let id = insert(&ground, &new_group("ann", 3)).await;
    succeed(&ground, &[0, 1]).await;
    ground.run("UPDATE jobs SET state = 'dead', ended_at = 1 WHERE cell = 2").await.unwrap();
    let first = ground.db.end_group(id, noon()).await.unwrap().expect("a sheet");
    let retried = ground.db.retry_group(id, noon()).await.unwrap();
    assert_eq!(retried.len(), 1);
    assert_eq!(ground.db.find_group(id).await.unwrap().unwrap().progress.ended_at, None);
    assert_eq!(ground.db.end_group(id, noon()).await.unwrap(), None, "a cell is open");
    ground.run("UPDATE jobs SET state = 'published' WHERE cell = 2").await.unwrap();
    ground.run(&success_of(2)).await.unwrap();
    let second = ground.db.end_group(id, noon()).await.unwrap().expect("another sheet");
    assert_ne!(first, second);
    assert_eq!(ground.db.retry_group(id, noon()).await.unwrap(), []);
}

async fn groups_are_listed_newest_first(ground: Ground) {
    let mut ids = Vec::new();
    for second in 0..5 {
        let created_at = noon() + std::time::Duration::from_secs(second);
        ids.push(insert(&ground, &NewGroup { created_at, ..new_group("ann", 1) }).await);
    }
    ids.reverse();
    let first = ground.db.list_groups(None, 3).await.unwrap();
    assert_eq!(first.data.iter().map(|group| group.id).collect::<Vec<_>>(), ids[..3]);
    let rest = ground.db.list_groups(first.next_cursor.map(|cursor| cursor.parse().unwrap()), 3).await.unwrap();
    assert_eq!(rest.data.iter().map(|group| group.id).collect::<Vec<_>>(), ids[3..]);
    assert!(!rest.has_more && rest.next_cursor.is_none());
}
