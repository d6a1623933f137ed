//! The books of groups: each has ended once, with all of its cells, and with one contact sheet if there was enough to see.

use super::{Pages, check_job};
use crate::faults::{
    audit::{GroupRecord, Record},
    load::{GroupSubmission, Manner, Submission},
    report::{Finding, Wrong},
};

/// A sheet of fewer pictures is not drawn.
const FEWEST_PICTURES: i64 = 2;

/// Returns everything that does not agree about the groups, and about the jobs in them.
pub(super) async fn check(pages: &Pages<'_>, groups: &[GroupRecord]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for submission in &pages.accepted.groups {
        let Some(group) = groups.iter().find(|group| group.id == submission.id) else {
            let what = format!("group {} was accepted and is not on record", submission.id);
            findings.push(Finding::new(Wrong::Lost, what));
            continue;
        };
        findings.extend(check_record(submission, group));
        for record in pages.records.iter().filter(|record| record.group == Some(group.id)) {
            findings.extend(check_job(pages, &member(submission, record), record).await?);
        }
    }
    let strangers = groups.iter().filter(|group| !pages.accepted.groups.iter().any(|known| known.id == group.id));
    findings.extend(
        strangers.map(|group| {
            Finding::new(Wrong::Doubled, format!("group {} is on record, and no client knows it", group.id))
        }),
    );
    Ok(findings)
}

/// Returns what a client may expect of a job in this group.
fn member(group: &GroupSubmission, record: &Record) -> Submission {
    let prompt = record.prompt.clone().unwrap_or_default();
    let manners = [Manner::Flaky, Manner::Refused];
    let manner = manners.into_iter().find(|manner| prompt.ends_with(manner.directive())).unwrap_or(Manner::Plain);
    Submission { prompt, manner, pictures: 1, id: record.id, is_cancelled: group.is_cancelled }
}

fn check_record(submission: &GroupSubmission, group: &GroupRecord) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut wrong = |wrong, what: String| findings.push(Finding::new(wrong, format!("group {} {what}", group.id)));
    if group.cells != submission.cells as i64 {
        wrong(Wrong::Lost, format!("has {} of {} cells", group.cells, submission.cells));
    }
    if !group.has_ended {
        wrong(Wrong::Stuck, format!("has not ended, and {} of its cells are open", group.open_cells));
        return findings;
    }
    if group.open_cells > 0 {
        wrong(Wrong::Stuck, format!("has ended, and {} of its cells are open", group.open_cells));
    }
    if group.ends != 1 {
        wrong(Wrong::Doubled, format!("ended {} times", group.ends));
    }
    let sheets = match (submission.is_cancelled, group.pictures >= FEWEST_PICTURES) {
        // It depends on when the wish came.
        (true, true) => group.sheets.min(1),
        (false, true) => 1,
        (_, false) => 0,
    };
    if group.sheets != sheets || group.named_sheets != sheets {
        let (found, named) = (group.sheets, group.named_sheets);
        let class = if found > sheets { Wrong::Doubled } else { Wrong::Lost };
        wrong(class, format!("has {found} contact sheets, {named} of which it names, instead of {sheets}"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use contract::GroupId;

    use super::*;

    /// What the books say of a group that is well but for one thing.
    fn found(spoil: impl FnOnce(&mut GroupSubmission, &mut GroupRecord)) -> Vec<Wrong> {
        let id = GroupId::new();
        let mut submission = GroupSubmission { id, cells: 6, is_cancelled: false };
        let (has_ended, sheets) = (true, 1);
        let mut group =
            GroupRecord { id, has_ended, ends: 1, cells: 6, open_cells: 0, pictures: 4, sheets, named_sheets: sheets };
        spoil(&mut submission, &mut group);
        check_record(&submission, &group).into_iter().map(|finding| finding.wrong).collect()
    }

    #[test]
    fn a_group_that_is_well_is_not_reported() {
        assert_eq!(found(|_, _| {}), []);
        let sheetless = |group: &mut GroupRecord| (group.sheets, group.named_sheets) = (0, 0);
        assert_eq!(
            found(|_, group| {
                group.pictures = 1;
                sheetless(group);
            }),
            []
        );
        assert_eq!(
            found(|submission, group| {
                submission.is_cancelled = true;
                sheetless(group);
            }),
            []
        );
    }

    #[test]
    fn each_thing_that_can_be_wrong_with_a_group_is_reported_under_its_name() {
        assert_eq!(found(|_, group| group.has_ended = false), [Wrong::Stuck]);
        assert_eq!(found(|_, group| group.open_cells = 1), [Wrong::Stuck]);
        assert_eq!(found(|_, group| group.ends = 2), [Wrong::Doubled]);
        assert_eq!(found(|_, group| group.cells = 3), [Wrong::Lost]);
        assert_eq!(found(|_, group| group.sheets = 2), [Wrong::Doubled]);
        assert_eq!(found(|_, group| group.sheets = 0), [Wrong::Lost]);
        assert_eq!(found(|_, group| group.named_sheets = 0), [Wrong::Lost]);
        assert_eq!(found(|_, group| group.pictures = 1), [Wrong::Doubled]);
    }
}
