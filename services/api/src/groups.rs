//! Groups of jobs, as far as they are plain rules: which cells a grid has, its contact sheet, and how a cell is explored.

mod exploration;
mod grid;
mod sheet;
mod text;
mod values;

pub(crate) use exploration::explore;
pub(crate) use grid::{Grid, Mistake, Shape, with_seed};
pub(crate) use sheet::contact_sheet;
