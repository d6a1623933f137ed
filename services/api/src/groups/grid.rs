//! A grid: every combination of the values on its axes, each of them a job.

use contract::{
    group::{Axis, GroupAxis, MOST_CELLS},
    spec::{JobKind, schema},
};
use serde_json::{Map, Value};

use super::values::{self, Bounds};

/// Something that is wrong with a group before any of its jobs is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// JSON pointer into the body.
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

impl Mistake {
    pub(crate) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// Every combination of the values on the axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    pub(crate) axes: Vec<GroupAxis>,
    /// The jobs, column by column, then row by row.
    pub(crate) cells: Vec<Value>,
}

/// How many values each axis has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    columns: usize,
    rows: usize,
    blocks: usize,
}

impl Shape {
    pub(crate) fn of(axes: &[GroupAxis]) -> Self {
        let length = |axis: usize| axes.get(axis).map_or(1, |axis| axis.values.len().max(1));
        Self { columns: length(0), rows: length(1), blocks: length(2) }
    }

    pub(crate) fn columns(self) -> usize {
        self.columns
    }

    /// Returns how many rows all blocks have together.
    pub(crate) fn all_rows(self) -> usize {
        self.rows.saturating_mul(self.blocks)
    }

    pub(crate) fn cells(self) -> usize {
        self.columns.saturating_mul(self.all_rows())
    }

    /// Returns the place of a cell on each of the three axes.
    pub(crate) fn place(self, cell: usize) -> [usize; 3] {
        [cell % self.columns, cell / self.columns % self.rows, cell / self.columns / self.rows]
    }

    /// Returns the words for a cell, one for each axis.
    pub(crate) fn labels(self, axes: &[GroupAxis], cell: usize) -> Vec<String> {
        let named = axes.iter().zip(self.place(cell));
        named.map(|(axis, at)| axis.labels.get(at).cloned().unwrap_or_default()).collect()
    }
}

impl Grid {
    /// Lays the values of the axes into what the cells have in common. Names every axis that is wrong.
    pub(crate) fn lay_out(base: &Map<String, Value>, axes: &[Axis]) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut resolved: Vec<GroupAxis> = Vec::with_capacity(axes.len());
        for (at, axis) in axes.iter().enumerate() {
            let place = format!("/axes/{at}");
            let repeated = axes.iter().take(at).any(|earlier| writes_the_same(earlier, axis));
            if repeated {
                let detail = format!("another axis sets {} already", axis.field);
                mistakes.push(Mistake::new(format!("{place}/field"), detail));
                continue;
            }
            match values::resolve(base, axis, &bounds(base, &axis.field), &place) {
                Ok(axis) => resolved.push(axis),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let shape = Shape::of(&resolved);
        if shape.cells() > MOST_CELLS {
            let lengths: Vec<String> = resolved.iter().map(|axis| axis.values.len().to_string()).collect();
            let detail = format!(
                "{} cells ({}) are more than the {MOST_CELLS} that a group may have; leave out some values",
                shape.cells(),
                lengths.join(" × ")
            );
            return Err(vec![Mistake::new("/axes", detail)]);
        }
        let mut cells = Vec::with_capacity(shape.cells());
        for cell in 0..shape.cells() {
            cells.push(fill(base, &resolved, shape.place(cell)).map_err(|mistake| vec![mistake])?);
        }
        Ok(Self { axes: resolved, cells })
    }
}

/// Returns whether two axes would overwrite each other. Several may replace different parts of one text.
fn writes_the_same(one: &Axis, other: &Axis) -> bool {
    let replaces = |axis: &Axis| axis.replace.as_ref().map(|replace| replace.search.clone());
    let same_field = segments(&one.field).eq(segments(&other.field));
    match (replaces(one), replaces(other)) {
        (Some(one), Some(other)) => same_field && one == other,
        // A replacement works on what the axis before it has set.
        (None, Some(_)) => false,
        _ => same_field,
    }
}

/// Returns one cell of the grid.
fn fill(base: &Map<String, Value>, axes: &[GroupAxis], place: [usize; 3]) -> Result<Value, Mistake> {
    let mut cell = Value::Object(base.clone());
    for ((at, axis), index) in axes.iter().enumerate().zip(place) {
        let mistake = |detail: String| Mistake::new(format!("/axes/{at}/field"), detail);
        let Some(mut value) = axis.values.get(index).cloned() else { continue };
        if let (Some(search), Some(with)) = (&axis.search, value.as_str()) {
            let text = find(&cell, &axis.field).and_then(Value::as_str).unwrap_or_default();
            value = Value::from(text.replace(search, with));
        }
        set(&mut cell, &axis.field, value).map_err(mistake)?;
    }
    Ok(cell)
}

/// Returns the parts of the way to a field. A slash at its beginning is allowed, as in JSON pointers.
pub(super) fn segments(field: &str) -> impl Iterator<Item = &str> {
    field.strip_prefix('/').unwrap_or(field).split('/')
}

/// Returns the value of a field, where there is one.
pub(super) fn find<'a>(spec: &'a Value, field: &str) -> Option<&'a Value> {
    segments(field).try_fold(spec, |value, segment| match value {
        Value::Array(list) => list.get(segment.parse::<usize>().ok()?),
        other => other.get(segment),
    })
}

/// Sets a field. Objects on the way are made, lists are not.
fn set(spec: &mut Value, field: &str, new: Value) -> Result<(), String> {
    let mut place = spec;
    for segment in segments(field) {
        if place.is_null() {
            if segment.parse::<usize>().is_ok() {
                return Err(format!("{field} leads to nothing: base has no list for {segment} to count in"));
            }
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(map) => map.entry(segment).or_insert(Value::Null),
            Value::Array(list) => {
                let length = list.len();
                let at = segment.parse::<usize>().ok().and_then(|at| list.get_mut(at));
                at.ok_or_else(|| format!("{field} leads to nothing: base has {length} there, counted from 0"))?
            }
            _ => return Err(format!("{field} leads to nothing: what stands before {segment} has no fields")),
        };
    }
    *place = new;
    Ok(())
}

/// Returns what the schema says about the numbers of a field.
fn bounds(base: &Map<String, Value>, field: &str) -> Bounds {
    let kind = base.get("kind").and_then(Value::as_str).and_then(|kind| kind.parse::<JobKind>().ok());
    let Some(kind) = kind else { return Bounds::default() };
    let components = schema::components();
    let mut rule = schema::fields(kind);
    for segment in segments(field) {
        let whole = schema::resolved(not_null(&rule), &components).clone();
        rule = match whole["properties"].get(segment) {
            Some(rule) => rule.clone(),
            None => whole["items"].clone(),
        };
    }
    Bounds::of(schema::resolved(not_null(&rule), &components))
}

/// Returns the rule without the branch that allows null.
fn not_null(rule: &Value) -> &Value {
    let branches = rule.get("oneOf").or_else(|| rule.get("anyOf")).and_then(Value::as_array);
    branches.and_then(|branches| branches.iter().find(|branch| branch["type"] != "null")).unwrap_or(rule)
}

/// Returns what the cells of a group share: a seed too, so that they differ in nothing but the axes.
pub(crate) fn with_seed(mut base: Map<String, Value>, seed: u32) -> Map<String, Value> {
    let kind = base.get("kind").and_then(Value::as_str).and_then(|kind| kind.parse::<JobKind>().ok());
    let is_painted = kind.is_some_and(|kind| schema::fields(kind)["properties"].get("seed").is_some());
    if is_painted && base.get("seed").is_none_or(Value::is_null) {
        base.insert("seed".to_owned(), Value::from(seed));
    }
    base
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn base() -> Map<String, Value> {
        let base = json!({ "kind": "text_to_image", "prompt": "a mill at dawn", "loras": [{ "name": "ink" }] });
        base.as_object().unwrap().clone()
    }

    fn axes(axes: Value) -> Vec<Axis> {
        serde_json::from_value(axes).unwrap()
    }

    fn lay_out(list: Value) -> Result<Grid, Vec<Mistake>> {
        Grid::lay_out(&base(), &axes(list))
    }

    #[test]
    fn the_first_axis_runs_along_the_columns_and_the_third_repeats_the_rows() {
        let grid = lay_out(json!([
            { "field": "seed", "values": [1, 2, 3] },
            { "field": "loras/0/weight", "values": [0.5, 1] },
            { "field": "prompt", "replace": { "search": "dawn", "with": ["dawn", "dusk"] } },
        ]))
        .unwrap();
        assert_eq!(grid.cells.len(), 12);
        let told = |cell: usize| {
            let cell = &grid.cells[cell];
            (cell["seed"].clone(), cell["loras"][0]["weight"].clone(), cell["prompt"].clone())
        };
        assert_eq!(told(0), (json!(1), json!(0.5), json!("a mill at dawn")));
        assert_eq!(told(1), (json!(2), json!(0.5), json!("a mill at dawn")));
        assert_eq!(told(3), (json!(1), json!(1), json!("a mill at dawn")));
        assert_eq!(told(11), (json!(3), json!(1), json!("a mill at dusk")));
        let labels = Shape::of(&grid.axes).labels(&grid.axes, 11);
        assert_eq!(labels, ["seed: 3", "loras/0/weight: 1", "dusk"]);
    }

    #[test]
    fn two_parts_of_a_prompt_vary_side_by_side() {
        let grid = lay_out(json!([
            { "field": "prompt", "replace": { "search": "mill", "with": ["mill", "tower"] } },
            { "field": "prompt", "replace": { "search": "dawn", "with": ["noon"] } },
        ]));
        assert_eq!(grid.unwrap().cells[1]["prompt"], "a tower at noon");
    }

    #[test]
    fn objects_on_the_way_to_a_field_are_made_and_lists_are_not() {
        let grid = lay_out(json!([{ "field": "hires/scale", "values": [1.5] }])).unwrap();
        assert_eq!(grid.cells[0]["hires"], json!({ "scale": 1.5 }));
        for field in ["loras/1/weight", "loras/x", "prompt/0", "images/0"] {
            let mistakes = lay_out(json!([{ "field": field, "values": [1] }])).unwrap_err();
            assert_eq!(mistakes[0].pointer, "/axes/0/field", "{field}");
        }
    }

    #[test]
    fn an_axis_that_another_would_overwrite_and_a_grid_that_is_too_large_are_refused() {
        let mistakes =
            lay_out(json!([{ "field": "seed", "values": [1] }, { "field": "/seed", "random": 2 }])).unwrap_err();
        assert_eq!(mistakes[0].pointer, "/axes/1/field");
        let seeds = json!({ "field": "seed", "random": 100 });
        let steps = json!({ "field": "steps", "range": { "start": 1, "stop": 5, "step": 1 } });
        let mistakes = lay_out(json!([seeds, steps])).unwrap_err();
        assert_eq!(mistakes[0].pointer, "/axes");
        assert!(mistakes[0].detail.contains("500 cells (100 × 5)"), "{mistakes:?}");
    }

    #[test]
    fn all_cells_share_a_seed_that_nobody_has_named() {
        assert_eq!(with_seed(base(), 7)["seed"], 7);
        let named = with_seed(with_seed(base(), 7), 8);
        assert_eq!(named["seed"], 7);
        let sheet = json!({ "kind": "upscale" }).as_object().unwrap().clone();
        assert!(with_seed(sheet, 7).get("seed").is_none());
    }
}
