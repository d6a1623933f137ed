//! Compares what clients were promised with what SQL, the event stream and the files say.

mod groups;

use std::collections::{BTreeSet, HashMap};

use anyhow::Context;
use contract::{JobId, result::JobResult};

use super::{
    audit::{Audit, Record},
    fleet::Fleet,
    load::{Accepted, Manner, Submission},
    report::{Finding, Wrong},
    watch::Watch,
};
use crate::client::Client;

/// The books, open at one page.
struct Pages<'a> {
    accepted: &'a Accepted,
    records: &'a [Record],
    watch: &'a Watch,
    client: Client,
}

/// Returns everything that does not agree.
pub async fn check(fleet: &Fleet, audit: &Audit, watch: &Watch, accepted: &Accepted) -> anyhow::Result<Vec<Finding>> {
    let mut findings: Vec<_> =
        accepted.doubled.iter().map(|doubled| Finding::new(Wrong::Doubled, doubled.clone())).collect();
    let integrity = audit.integrity().await?;
    if integrity != "ok" {
        findings.push(Finding::new(Wrong::Lost, format!("SQLite says of its file: {integrity}")));
    }
    let records = audit.records().await?;
    let pages = Pages { accepted, records: &records, watch, client: fleet.client() };
    findings.extend(check_jobs(&pages).await?);
    findings.extend(groups::check(&pages, &audit.groups().await?).await?);
    Ok(findings)
}

/// Returns everything that does not agree about the jobs that clients sent.
async fn check_jobs(pages: &Pages<'_>) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let by_id: HashMap<JobId, &Record> = pages.records.iter().map(|record| (record.id, record)).collect();
    let mut by_prompt: HashMap<&str, usize> = HashMap::new();
    for prompt in pages.records.iter().filter_map(|record| record.prompt.as_deref()) {
        *by_prompt.entry(prompt).or_default() += 1;
    }
    for submission in &pages.accepted.submissions {
        let id = submission.id;
        if by_prompt.get(submission.prompt.as_str()).is_some_and(|count| *count > 1) {
            findings.push(Finding::new(Wrong::Doubled, format!("{:?} is on record twice", submission.prompt)));
        }
        match by_id.get(&id) {
            Some(record) => findings.extend(check_job(pages, submission, record).await?),
            None => findings.push(Finding::new(Wrong::Lost, format!("job {id} was accepted and is not on record"))),
        }
    }
    Ok(findings)
}

/// Returns everything that does not agree about one job.
async fn check_job(pages: &Pages<'_>, submission: &Submission, record: &Record) -> anyhow::Result<Vec<Finding>> {
    let mut findings = check_record(submission, record, &pages.watch.ends(record.id));
    let has_ended = !findings.iter().any(|finding| finding.wrong == Wrong::Stuck);
    if has_ended && record.state == "succeeded" {
        findings.extend(check_result(&pages.client, submission, record).await.context("reading results")?);
    }
    Ok(findings)
}

fn check_record(submission: &Submission, record: &Record, announced: &BTreeSet<&str>) -> Vec<Finding> {
    let id = submission.id;
    let mut findings = Vec::new();
    let mut wrong = |wrong, what: String| findings.push(Finding::new(wrong, format!("job {id} {what}")));
    let state = record.state.as_str();
    if matches!(state, "queued" | "published") {
        wrong(Wrong::Stuck, format!("({:?}) is still {state}", submission.manner));
        return findings;
    }
    if record.ends != 1 || record.left_ends != 0 {
        wrong(Wrong::Doubled, format!("ended {} times and left an end {} times", record.ends, record.left_ends));
    }
    if announced.iter().any(|end| *end != state) {
        wrong(Wrong::Doubled, format!("is {state}, but was announced as {announced:?}"));
    }
    let may_be: &[&str] = match submission.manner {
        Manner::Poison => &["dead"],
        Manner::Refused => &["failed", "dead"],
        // With bad luck every attempt is hit: then it says so.
        _ => &["succeeded", "dead"],
    };
    match state {
        "cancelled" if submission.is_cancelled && record.cancel_requested => {}
        "cancelled" => wrong(Wrong::Lost, "was cancelled, and nobody had asked for it".to_owned()),
        state if may_be.contains(&state) => {}
        state => wrong(Wrong::Lost, format!("({:?}) ended as {state}: {:?}", submission.manner, record.failure)),
    }
    if matches!(state, "failed" | "dead") && record.failure.is_none() {
        wrong(Wrong::Lost, format!("is {state} without a reason"));
    }
    if state == "succeeded" && record.result.is_none() {
        wrong(Wrong::Lost, "succeeded without a result".to_owned());
    }
    if state != "succeeded" && record.assets > 0 {
        wrong(Wrong::Orphaned, format!("is {state}, but has {} assets on record", record.assets));
    }
    findings
}

/// Reads every file of a result through the front door.
async fn check_result(client: &Client, submission: &Submission, record: &Record) -> anyhow::Result<Vec<Finding>> {
    let id = submission.id;
    let mut findings = Vec::new();
    let mut wrong = |wrong, what: String| findings.push(Finding::new(wrong, format!("job {id} {what}")));
    let result: JobResult = match serde_json::from_str(record.result.as_deref().unwrap_or_default()) {
        Ok(result) => result,
        Err(error) => {
            wrong(Wrong::Lost, format!("has an unreadable result: {error}"));
            return Ok(findings);
        }
    };
    if result.assets.len() != submission.pictures {
        wrong(Wrong::Lost, format!("has {} of {} pictures", result.assets.len(), submission.pictures));
    }
    if record.assets != result.assets.len() as i64 {
        wrong(Wrong::Doubled, format!("has {} assets on record, {} in its result", record.assets, result.assets.len()));
    }
    for asset in &result.assets {
        let answer = client.get(&format!("/api/assets/{}", asset.id)).await?;
        let status = answer.status();
        let bytes = answer.bytes().await.unwrap_or_default();
        if !status.is_success() {
            wrong(Wrong::Lost, format!("has the asset {}, which the API answers with {status}", asset.id));
        } else if blake3::hash(&bytes).to_hex().as_str() != asset.blake3 {
            wrong(Wrong::Lost, format!("has the asset {} with other bytes than were stored", asset.id));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the books say of a job that is well but for one thing.
    fn found(spoil: impl FnOnce(&mut Submission, &mut Record, &mut BTreeSet<&'static str>)) -> Vec<Wrong> {
        let id = JobId::new();
        let prompt = "a lighthouse".to_owned();
        let mut submission =
            Submission { prompt: prompt.clone(), manner: Manner::Plain, pictures: 1, id, is_cancelled: false };
        let mut record = Record {
            id,
            prompt: Some(prompt),
            group: None,
            state: "succeeded".to_owned(),
            result: Some("{}".to_owned()),
            failure: None,
            cancel_requested: false,
            ends: 1,
            left_ends: 0,
            assets: 1,
        };
        let mut announced = BTreeSet::from(["succeeded"]);
        spoil(&mut submission, &mut record, &mut announced);
        check_record(&submission, &record, &announced).into_iter().map(|finding| finding.wrong).collect()
    }

    #[test]
    fn a_job_that_is_well_is_not_reported() {
        assert_eq!(found(|_, _, _| {}), []);
        let dies = |submission: &mut Submission, record: &mut Record, announced: &mut BTreeSet<_>| {
            submission.manner = Manner::Poison;
            (record.state, record.failure, record.result, record.assets) =
                ("dead".to_owned(), Some("{}".to_owned()), None, 0);
            *announced = BTreeSet::from(["dead"]);
        };
        assert_eq!(found(dies), []);
    }

    #[test]
    fn each_thing_that_can_be_wrong_is_reported_under_its_name() {
        assert_eq!(found(|_, record, _| record.state = "published".to_owned()), [Wrong::Stuck]);
        assert_eq!(found(|_, record, _| record.ends = 2), [Wrong::Doubled]);
        assert_eq!(found(|_, record, _| record.left_ends = 1), [Wrong::Doubled]);
        assert_eq!(found(|_, _, announced| announced.extend(["dead"])), [Wrong::Doubled]);
        assert_eq!(found(|_, record, _| record.result = None), [Wrong::Lost]);
        assert_eq!(found(|submission, _, _| submission.manner = Manner::Poison), [Wrong::Lost]);
        let cancelled = |record: &mut Record, announced: &mut BTreeSet<_>| {
            record.state = "cancelled".to_owned();
            announced.clear();
        };
        assert_eq!(
            found(|_, record, announced| cancelled(record, announced)),
            [Wrong::Lost, Wrong::Orphaned],
            "nobody had asked for it, and a cancelled job has no pictures"
        );
    }
}
