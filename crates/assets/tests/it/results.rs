//! What attempts leave behind, and who may take it up.

use std::fs;

use assets::AssetStore;
use contract::{
    JobId,
    asset::AssetRef,
    result::{JobResult, Timeline},
};
use time::OffsetDateTime;

use crate::draw::{png, store};

fn result(assets: Vec<AssetRef>) -> JobResult {
    let at = OffsetDateTime::UNIX_EPOCH;
    let timeline = Timeline { leased_at: at, loaded_at: at, sampled_at: at, stored_at: at, engine_s: 1.0 };
    JobResult { assets, engine: "test 1".to_owned(), timeline, measures: Vec::new(), cost: None }
}

async fn picture(store: &AssetStore, number: u8) -> AssetRef {
    store.put("image/png", png(8, 8, number)).await.unwrap()
}

#[tokio::test]
async fn a_result_is_found_by_its_job_alone() {
    let (store, folder) = store();
    let job = JobId::new();
    assert_eq!(store.find_result(job).await.unwrap(), None);
    let made = result(vec![picture(&store, 1).await, picture(&store, 2).await]);
    store.write_result(job, "1-abc", &made).await.unwrap();
    assert_eq!(store.find_result(job).await.unwrap(), Some(made));
    assert_eq!(store.find_result(JobId::new()).await.unwrap(), None);
    assert!(folder.path().join(format!("store/outputs/{job}/1-abc/result.json")).is_file());
}

#[tokio::test]
async fn of_two_results_the_older_one_stands() {
    let (store, folder) = store();
    let job = JobId::new();
    let (first, second) = (result(vec![picture(&store, 1).await]), result(vec![picture(&store, 2).await]));
    store.write_result(job, "2-z", &first).await.unwrap();
    store.write_result(job, "1-a", &second).await.unwrap();
    let old = fs::File::open(folder.path().join(format!("store/outputs/{job}/2-z/result.json"))).unwrap();
    old.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(store.find_result(job).await.unwrap(), Some(first));
}

#[tokio::test]
async fn a_result_that_is_cut_off_or_whose_files_are_gone_or_short_is_passed_over() {
    let (store, folder) = store();
    let job = JobId::new();
    let (gone, short) = (picture(&store, 1).await, picture(&store, 2).await);
    store.write_result(job, "1", &result(vec![gone.clone()])).await.unwrap();
    store.write_result(job, "2", &result(vec![short.clone()])).await.unwrap();
    let mut nameless = picture(&store, 3).await;
    nameless.blake3 = "../../etc/passwd".to_owned();
    store.write_result(job, "3", &result(vec![nameless])).await.unwrap();
    store.write_result(job, "4", &result(vec![])).await.unwrap();
    let outputs = folder.path().join(format!("store/outputs/{job}"));
    fs::write(outputs.join("4/result.json"), "{\"assets\":").unwrap();
    fs::create_dir(outputs.join("5")).unwrap();
    store.delete_blob(&gone.blake3).await.unwrap();
    fs::write(folder.path().join("store/blobs").join(&short.blake3[..2]).join(&short.blake3), "short").unwrap();
    assert_eq!(store.find_result(job).await.unwrap(), None);

    let whole = result(vec![picture(&store, 4).await]);
    store.write_result(job, "6", &whole).await.unwrap();
    assert_eq!(store.find_result(job).await.unwrap(), Some(whole));
}

#[tokio::test]
async fn deleted_results_are_gone_and_their_pictures_stay() {
    let (store, folder) = store();
    let (one, other) = (JobId::new(), JobId::new());
    let made = picture(&store, 1).await;
    for job in [one, other] {
        store.write_result(job, "1", &result(vec![made.clone()])).await.unwrap();
    }
    let mut jobs = store.list_result_jobs().await.unwrap();
    jobs.sort_unstable();
    assert_eq!(jobs, [one, other]);
    store.delete_results(one).await.unwrap();
    store.delete_results(one).await.unwrap();
    assert_eq!(store.list_result_jobs().await.unwrap(), [other]);
    assert!(!folder.path().join(format!("store/outputs/{one}")).exists());
    assert!(store.exists(&made.blake3).await.unwrap());
}

#[tokio::test]
async fn a_token_that_is_no_plain_word_is_refused() {
    let (store, folder) = store();
    assert!(store.write_result(JobId::new(), "../x", &result(vec![])).await.is_err());
    assert!(!folder.path().join("store/outputs").exists());
    assert!(store.list_result_jobs().await.unwrap().is_empty());
}
