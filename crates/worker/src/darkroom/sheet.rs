//! Draws contact sheets: cells in rows and columns, with what stands above and beside them.

mod text;

use assets::picture::{Pixels, resample};
use contract::spec::ContactSheet;

use self::text::{Align, Lettering};
use crate::{
    engine::EngineError,
    prepare::{Unprepared, check_format, limits, refused},
};

const PAPER: u8 = 255;
/// One letter dot for so many pixels of a cell, so that words of a dozen letters fit above it.
const CELL_PX_A_DOT: u32 = 80;
/// Lines of the title and of a label, at most.
const MOST_LINES: usize = 6;

/// A sheet on which pictures are laid, row by row.
#[derive(Debug)]
pub(super) struct Sheet {
    wanted: ContactSheet,
    cells: Vec<Option<Pixels>>,
}

impl Sheet {
    /// Begins a sheet, if it can be drawn.
    pub(super) fn begin(wanted: ContactSheet) -> Result<Self, EngineError> {
        let sheet = Self { cells: Vec::new(), wanted };
        let layout = sheet.layout(sheet.wanted.cell_px, sheet.wanted.cell_px);
        let (width, height) = (layout.width, layout.height);
        let limit = limits().pixels;
        let checked = if u64::from(width) * u64::from(height) > limit {
            Err(refused(
                format!("the sheet would have up to {width} × {height} pixels, and the limit is {limit}"),
                "make cell_px smaller, or lay fewer pictures on it",
            ))
        } else {
            check_format(sheet.wanted.output.format, width, height)
        };
        match checked {
            Ok(()) => Ok(sheet),
            Err(Unprepared::Refused(error)) => Err(error),
            Err(Unprepared::Store(error)) => Err(EngineError::Engine { message: format!("{error:#}") }),
        }
    }

    /// Lays a picture into the next cell, shrunk until it fits.
    pub(super) fn take(&mut self, picture: &Pixels) {
        let cell_px = f64::from(self.wanted.cell_px);
        let (wide, high) = (f64::from(picture.width.max(1)), f64::from(picture.height.max(1)));
        let scale = (cell_px / wide.max(high)).min(1.0);
        self.cells.push(Some(resample(picture, rounded(wide * scale), rounded(high * scale))));
    }

    /// Leaves the next cell empty.
    pub(super) fn skip(&mut self) {
        self.cells.push(None);
    }

    /// Returns the sheet. Cells are as large as the largest picture.
    pub(super) fn draw(self) -> Pixels {
        let pictures = self.cells.iter().flatten();
        let (cell_width, cell_height) =
            pictures.fold((0, 0), |(wide, high), cell| (cell.width.max(wide), cell.height.max(high)));
        let is_empty = cell_width == 0;
        let cell_px = self.wanted.cell_px;
        let layout = if is_empty { self.layout(cell_px, cell_px) } else { self.layout(cell_width, cell_height) };
        let mut paper = Pixels {
            width: layout.width,
            height: layout.height,
            rgb: vec![PAPER; layout.width as usize * layout.height as usize * 3],
        };
        let Layout { ref lettering, gap, .. } = layout;
        lettering.write(&mut paper, &layout.title, (gap, gap), layout.width.saturating_sub(2 * gap), Align::Centre);
        for (label, column) in layout.columns.iter().zip(0..) {
            // They stand on the pictures, however many lines the others have.
            let top = layout.top - gap - lettering.height(label.len());
            lettering.write(&mut paper, label, (layout.column(column), top), layout.cell_width, Align::Centre);
        }
        for (label, row) in layout.rows.iter().zip(0..) {
            let room = layout.cell_height.saturating_sub(lettering.height(label.len()));
            let place = (gap, layout.row(row) + room / 2);
            lettering.write(&mut paper, label, place, layout.left.saturating_sub(2 * gap), Align::Right);
        }
        for (cell, number) in self.cells.iter().zip(0..) {
            let Some(cell) = cell else { continue };
            let (column, row) = (number % layout.across, number / layout.across);
            let left = layout.column(column) + (layout.cell_width - cell.width.min(layout.cell_width)) / 2;
            let top = layout.row(row) + (layout.cell_height - cell.height.min(layout.cell_height)) / 2;
            lay(&mut paper, cell, left, top);
        }
        paper
    }

    fn layout(&self, cell_width: u32, cell_height: u32) -> Layout {
        let wanted = &self.wanted;
        let count = u32::try_from(wanted.cells.len()).unwrap_or(u32::MAX);
        let across = wanted.columns.clamp(1, count.max(1));
        let down = count.div_ceil(across);
        let lettering = Lettering::new((wanted.cell_px / CELL_PX_A_DOT).clamp(2, 10));
        let gap = (wanted.cell_px / 32).max(4);
        let lines = |text: &String, width: u32, most: usize| lettering.wrap(text, width, most);
        let columns: Vec<_> = (wanted.column_labels.iter().take(across as usize))
            .map(|label| lines(label, cell_width, MOST_LINES))
            .collect();
        let most_lines = lettering.lines_in(cell_height).clamp(1, MOST_LINES);
        let rows: Vec<_> =
            (wanted.row_labels.iter().take(down as usize)).map(|label| lines(label, cell_width, most_lines)).collect();
        let beside = rows.iter().flatten().map(|line| lettering.width(line)).max().unwrap_or(0);
        let left = if beside > 0 { gap + beside + gap } else { gap };
        let width = left + across * (cell_width + gap);
        let title = lines(&wanted.title, width.saturating_sub(2 * gap), MOST_LINES);
        let above = columns.iter().map(Vec::len).max().unwrap_or(0);
        let block = |lines: usize| if lines > 0 { lettering.height(lines) + gap } else { 0 };
        let top = gap + block(title.len()) + block(above);
        let height = top + down * (cell_height + gap);
        Layout { width, height, left, top, gap, across, cell_width, cell_height, title, columns, rows, lettering }
    }
}

/// Where everything stands.
struct Layout {
    width: u32,
    height: u32,
    /// Where the first column begins.
    left: u32,
    /// Where the first row begins.
    top: u32,
    gap: u32,
    /// How many cells a row has.
    across: u32,
    cell_width: u32,
    cell_height: u32,
    title: Vec<String>,
    columns: Vec<Vec<String>>,
    rows: Vec<Vec<String>>,
    lettering: Lettering,
}

impl Layout {
    fn column(&self, number: u32) -> u32 {
        self.left + number * (self.cell_width + self.gap)
    }

    fn row(&self, number: u32) -> u32 {
        self.top + number * (self.cell_height + self.gap)
    }
}

fn lay(paper: &mut Pixels, picture: &Pixels, left: u32, top: u32) {
    let stride = (picture.width as usize * 3).max(1);
    for (row, y) in picture.rgb.chunks_exact(stride).zip(top..) {
        let at = (y as usize * paper.width as usize + left as usize) * 3;
        if let Some(place) = paper.rgb.get_mut(at..at + stride) {
            place.copy_from_slice(row);
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the side of a cell")]
fn rounded(side: f64) -> u32 {
    side.round().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sheet(more: &Value) -> Sheet {
        let mut spec = json!({"columns": 3, "cell_px": 64, "cells": [null, null, null, null]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Sheet::begin(serde_json::from_value(spec).unwrap()).unwrap()
    }

    fn plain(width: u32, height: u32, colour: [u8; 3]) -> Pixels {
        Pixels { width, height, rgb: colour.repeat((width * height) as usize) }
    }

    fn colour(pixels: &Pixels, x: u32, y: u32) -> &[u8] {
        &pixels.rgb[((y * pixels.width + x) * 3) as usize..][..3]
    }

    #[test]
    fn cells_lie_in_rows_and_columns_shrunk_but_never_enlarged() {
        let mut sheet = sheet(&json!({}));
        sheet.take(&plain(640, 320, [200, 0, 0]));
        sheet.skip();
        sheet.take(&plain(10, 10, [0, 200, 0]));
        sheet.take(&plain(64, 32, [0, 0, 200]));
        let drawn = sheet.draw();
        // Three cells of 64 × 32 in each of two rows, and 4 between and around them.
        assert_eq!((drawn.width, drawn.height), (4 + 3 * 68, 4 + 2 * 36));
        assert_eq!(drawn.rgb.len(), (drawn.width * drawn.height * 3) as usize);
        assert_eq!(colour(&drawn, 4, 4), [200, 0, 0]);
        assert_eq!(colour(&drawn, 67, 35), [200, 0, 0]);
        assert_eq!(colour(&drawn, 68, 20), [255; 3]);
        assert_eq!(colour(&drawn, 72 + 32, 20), [255; 3]);
        assert_eq!(colour(&drawn, 140 + 32, 4 + 16), [0, 200, 0]);
        assert_eq!(colour(&drawn, 140 + 10, 4 + 16), [255; 3]);
        assert_eq!(colour(&drawn, 4, 40), [0, 0, 200]);
    }

    #[test]
    fn title_and_labels_have_room_of_their_own() {
        let mut bare = sheet(&json!({}));
        let mut labelled = sheet(&json!({
            "title": "a title", "column_labels": ["cfg 1", "cfg 2", "cfg 3"], "row_labels": ["seed 1", "seed 2"],
        }));
        for sheet in [&mut bare, &mut labelled] {
            (0..4).for_each(|_| sheet.take(&plain(64, 64, [9, 9, 200])));
        }
        let (bare, labelled) = (bare.draw(), labelled.draw());
        assert!(labelled.width > bare.width && labelled.height > bare.height + 20);
        let count = |pixels: &Pixels, wanted: [u8; 3]| pixels.rgb.chunks(3).filter(|pixel| **pixel == wanted).count();
        assert!(count(&labelled, [0; 3]) > 200, "the letters are there");
        assert_eq!(count(&labelled, [9, 9, 200]), 4 * 64 * 64, "nothing is written over the pictures");
    }

    #[test]
    fn a_sheet_that_would_be_too_large_is_refused() {
        let cells = vec![Value::Null; 400];
        let spec = json!({"columns": 20, "cell_px": 1024, "cells": cells});
        let refused = Sheet::begin(serde_json::from_value(spec).unwrap()).unwrap_err();
        assert!(refused.to_string().contains("the limit is 64000000"), "{refused}");
    }
}
