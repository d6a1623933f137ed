//! Taking a group in: every cell is read as a job of its own, and whatever is wrong is told with its axis and value.

use axum::response::Response;
use contract::{
    GroupId,
    group::{Axis, NewGroup, ParentCell},
    problem::{FieldError, ProblemCode},
};

use super::accepted;
use crate::{
    groups::{Grid, Mistake, Shape, with_seed},
    http::{Api, problem::Error, submission::refused},
    submit::group::{GroupError, GroupRequest},
};

/// More than these are not listed: nobody reads them.
const MOST_ERRORS: usize = 50;

/// A group that somebody wants.
pub(super) struct Wish {
    pub(super) id: Option<GroupId>,
    pub(super) new: NewGroup,
    pub(super) parent: Option<ParentCell>,
    pub(super) owner: String,
    pub(super) idempotency_key: Option<String>,
}

/// Takes a group in, or says everything that is wrong with it.
pub(super) async fn submit(api: &Api, wish: Wish) -> Result<Response, Error> {
    let Wish { id, new, parent, owner, idempotency_key } = wish;
    let base = with_seed(new.base.clone(), fastrand::u32(..));
    let grid = Grid::lay_out(&base, &new.axes).map_err(wrong)?;
    let shape = Shape::of(&grid.axes);
    let mut found = Found { axes: &new.axes, grid: &grid, shape, code: ProblemCode::InvalidField, errors: Vec::new() };
    let mut cells = Vec::with_capacity(grid.cells.len());
    for (place, cell) in grid.cells.iter().enumerate() {
        let body = serde_json::to_vec(cell).map_err(Error::internal)?;
        match api.schemas.read_job(&body) {
            Ok(asked) => cells.push(asked),
            Err(error) => found.add(place, error)?,
        }
    }
    found.finish()?;
    let has_own_id = id.is_some();
    let axes = grid.axes.clone();
    let request = GroupRequest { id, asked: new.clone(), base, axes, cells, parent, owner, idempotency_key };
    match api.reception.submit_group(request).await {
        Ok(id) => accepted(api, id).await,
        Err(GroupError::Whole(error)) => Err(refused(error, has_own_id)),
        Err(GroupError::Cells(cells)) => {
            let mut found =
                Found { axes: &new.axes, grid: &grid, shape, code: ProblemCode::InvalidField, errors: Vec::new() };
            for (place, error) in cells {
                found.add(place, refused(error, has_own_id))?;
            }
            found.finish()?;
            Err(Error::internal(anyhow::anyhow!("cells were refused without a reason: this is a bug")))
        }
    }
}

/// Returns the problem that a group is wrong before any of its cells is looked at.
pub(super) fn wrong(mistakes: Vec<Mistake>) -> Error {
    let errors = mistakes.into_iter().map(|Mistake { pointer, detail }| FieldError { pointer, detail });
    Error::invalid(errors.collect(), Vec::new())
}

/// What is wrong with the cells, told once for each value of an axis and not once for each cell.
struct Found<'a> {
    axes: &'a [Axis],
    grid: &'a Grid,
    shape: Shape,
    code: ProblemCode,
    errors: Vec<FieldError>,
}

impl Found<'_> {
    /// Adds what is wrong with one cell; fails with what has nothing to do with its fields.
    fn add(&mut self, cell: usize, error: Error) -> Result<(), Error> {
        let Some((code, errors)) = error.fields() else { return Err(error) };
        if self.errors.is_empty() {
            self.code = code;
        }
        for error in errors {
            let told = self.locate(cell, error.clone());
            if self.errors.len() < MOST_ERRORS && !self.errors.contains(&told) {
                self.errors.push(told);
            }
        }
        Ok(())
    }

    /// Says which axis and value a wrong field of a cell comes from; else it is what the cells have in common.
    fn locate(&self, cell: usize, FieldError { pointer, detail }: FieldError) -> FieldError {
        let named = self.axes.iter().zip(&self.grid.axes).zip(self.shape.place(cell)).enumerate().rev();
        for (at, ((asked, axis), index)) in named {
            let field = format!("/{}", axis.field.trim_start_matches('/'));
            let is_its = pointer == field || pointer.starts_with(&format!("{field}/"));
            if !is_its && !field.starts_with(&format!("{pointer}/")) {
                continue;
            }
            let source = match asked {
                Axis { values: Some(_), .. } => format!("values/{index}"),
                Axis { replace: Some(_), .. } => format!("replace/with/{index}"),
                Axis { range: Some(_), .. } => "range".to_owned(),
                Axis { around: Some(_), .. } => "around".to_owned(),
                Axis { random: Some(_), .. } => "random".to_owned(),
                _ => "field".to_owned(),
            };
            let label = axis.labels.get(index).map(String::as_str).unwrap_or_default();
            return FieldError { pointer: format!("/axes/{at}/{source}"), detail: format!("{label}: {detail}") };
        }
        FieldError { pointer: format!("/base{pointer}"), detail }
    }

    fn finish(self) -> Result<(), Error> {
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Error::invalid(self.errors, Vec::new()).of_class(self.code))
    }
}
