//! Exploring: a new grid around one cell of another. What is locked stays as it is there, the rest varies again.

use contract::group::{Around, Axis, ExploreCell, Group, GroupAxis, NewGroup, Replace};
use serde_json::{Map, Value};

use super::{
    Mistake,
    grid::{find, segments},
};

/// How many numbers there are around the one of the cell.
const NUMBERS: u32 = 5;
/// A grid has no more axes.
const MOST_AXES: usize = 3;

/// Returns the group that explores a cell, whose job is this.
pub(crate) fn explore(group: &Group, cell: Map<String, Value>, wish: ExploreCell) -> Result<NewGroup, Vec<Mistake>> {
    let ExploreCell { lock, vary, spread, title, .. } = wish;
    let names = |field: &str, other: &str| segments(field).eq(segments(other));
    let mut mistakes = Vec::new();
    for (at, field) in lock.iter().enumerate() {
        if vary.iter().any(|axis| names(&axis.field, field)) {
            let detail = format!("{field} cannot be locked and vary at once");
            mistakes.push(Mistake::new(format!("/lock/{at}"), detail));
        }
    }
    let whole = Value::Object(cell.clone());
    let mut axes: Vec<Axis> = group
        .axes
        .iter()
        .filter(|axis| !lock.iter().chain(vary.iter().map(|axis| &axis.field)).any(|field| names(field, &axis.field)))
        .map(|axis| again(axis, &whole, spread))
        .collect();
    axes.extend(vary);
    if axes.is_empty() {
        mistakes.push(Mistake::new("/lock", "every axis of the group is locked: name what to vary"));
    }
    if axes.len() > MOST_AXES {
        let detail = format!("{} fields would vary, and a group has at most {MOST_AXES} axes: lock some", axes.len());
        mistakes.push(Mistake::new("/vary", detail));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let title = title.or_else(|| group.title.clone());
    Ok(NewGroup { title, base: cell, axes, contact_sheet: group.contact_sheet, priority: group.priority })
}

/// Returns an axis that varies once more around the cell.
fn again(axis: &GroupAxis, cell: &Value, spread: f64) -> Axis {
    let mut again = Axis { field: axis.field.clone(), ..Axis::default() };
    let length = u32::try_from(axis.values.len()).unwrap_or(u32::MAX);
    match find(cell, &axis.field) {
        Some(_) if segments(&axis.field).eq(["seed"]) => again.random = Some(length),
        Some(Value::Number(number)) => {
            let by = number.as_f64().map_or(0.0, f64::abs) * spread;
            again.around = Some(Around { by: if by > 0.0 { by } else { spread }, count: NUMBERS });
        }
        // A replacement has put the whole text into the cell; what was replaced there stands in it no more.
        Some(Value::String(text)) if axis.search.is_some() => {
            let parts = axis.values.iter().filter_map(Value::as_str);
            let here =
                parts.clone().filter(|part| !part.is_empty() && text.contains(part)).max_by_key(|part| part.len());
            match here {
                Some(here) => {
                    again.replace = Some(Replace { search: here.to_owned(), with: parts.map(str::to_owned).collect() });
                }
                None => again.values = Some(vec![Value::from(text.clone())]),
            }
        }
        _ => again.values = Some(axis.values.clone()),
    }
    again
}

#[cfg(test)]
mod tests {
    use contract::{
        GroupId,
        group::{CellCounts, GroupProgress},
        job::Priority,
    };
    use serde_json::json;
    use time::OffsetDateTime;

    use super::*;

    fn axis(field: &str, values: Value, search: Option<&str>) -> GroupAxis {
        let values: Vec<Value> = serde_json::from_value(values).unwrap();
        let labels = values.iter().map(Value::to_string).collect();
        GroupAxis { field: field.to_owned(), values, labels, search: search.map(str::to_owned) }
    }

    fn explored(wish: Value) -> Result<NewGroup, Vec<Mistake>> {
        let id = GroupId::new();
        let progress = GroupProgress {
            group_id: id,
            counts: CellCounts::default(),
            fraction: 1.0,
            remaining_s: None,
            ended_at: None,
            contact_sheet: None,
        };
        let group = Group {
            id,
            title: Some("mills".to_owned()),
            base: Map::new(),
            axes: vec![
                axis("seed", json!([1, 2, 3]), None),
                axis("cfg_scale", json!([4, 8]), None),
                axis("prompt", json!(["dawn", "dusk"]), Some("dawn")),
            ],
            contact_sheet: true,
            priority: Priority::Batch,
            cancel_requested: false,
            parent: None,
            created_at: OffsetDateTime::UNIX_EPOCH,
            progress,
        };
        let cell = json!({ "kind": "text_to_image", "prompt": "a mill at dusk", "cfg_scale": 8, "seed": 2 });
        explore(&group, cell.as_object().unwrap().clone(), serde_json::from_value(wish).unwrap())
    }

    #[test]
    fn what_is_not_locked_varies_again_each_in_its_own_way() {
        let new = explored(json!({ "cell": 4 })).unwrap();
        assert_eq!((new.title.as_deref(), new.priority), (Some("mills"), Priority::Batch));
        assert_eq!(new.axes[0].random, Some(3));
        assert_eq!(new.axes[1].around, Some(Around { by: 2.0, count: 5 }));
        let with = vec!["dawn".to_owned(), "dusk".to_owned()];
        assert_eq!(new.axes[2].replace, Some(Replace { search: "dusk".to_owned(), with }));
    }

    #[test]
    fn what_is_locked_stays_and_new_fields_can_vary() {
        let vary = json!([{ "field": "steps", "values": [10, 20] }]);
        let new = explored(json!({ "cell": 4, "lock": ["/seed", "cfg_scale", "prompt"], "vary": vary })).unwrap();
        assert_eq!(new.axes.iter().map(|axis| axis.field.as_str()).collect::<Vec<_>>(), ["steps"]);
        assert_eq!(new.base["seed"], 2);
    }

    #[test]
    fn a_wish_that_leaves_nothing_or_too_much_to_vary_is_refused() {
        let pointer = |wish: Value| explored(wish).unwrap_err()[0].pointer.clone();
        assert_eq!(pointer(json!({ "cell": 0, "lock": ["seed", "cfg_scale", "prompt"] })), "/lock");
        let steps = json!([{ "field": "steps", "values": [1] }]);
        assert_eq!(pointer(json!({ "cell": 0, "vary": steps })), "/vary");
        let seed = json!([{ "field": "seed", "random": 2 }]);
        assert_eq!(pointer(json!({ "cell": 0, "lock": ["seed"], "vary": seed })), "/lock/0");
    }
}
