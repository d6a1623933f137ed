//! The contact sheet of a group: which pictures stand where, and what stands beside them.

use contract::{
    AssetId,
    group::GroupAxis,
    spec::{ContactSheet, Output},
};

use super::Shape;

/// How wide and high a sheet is at most, as far as the size of its cells decides it.
const MOST_SHEET_PX: usize = 8192;
const LARGEST_CELL_PX: usize = 256;
const SMALLEST_CELL_PX: usize = 32;
/// A sheet of fewer pictures shows nothing that the picture itself does not.
const FEWEST_PICTURES: usize = 2;

/// Returns the sheet of a group whose cells made these files; none if too few made one.
pub(crate) fn contact_sheet(title: &str, axes: &[GroupAxis], cells: Vec<Option<AssetId>>) -> Option<ContactSheet> {
    if cells.iter().flatten().count() < FEWEST_PICTURES {
        return None;
    }
    let shape = Shape::of(axes);
    let labels = |axis: usize, at: usize| axes.get(axis).and_then(|axis| axis.labels.get(at)).cloned();
    let column_labels = (0..shape.columns()).filter_map(|column| labels(0, column)).collect();
    let row_labels = (0..shape.all_rows()).filter_map(|row| {
        let [_, y, z] = shape.place(row * shape.columns());
        let words: Vec<String> = [labels(2, z), labels(1, y)].into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(" · "))
    });
    let longest_side = shape.columns().max(shape.all_rows()).max(1);
    let cell_px = (MOST_SHEET_PX / longest_side).clamp(SMALLEST_CELL_PX, LARGEST_CELL_PX);
    Some(ContactSheet {
        cells,
        columns: u32::try_from(shape.columns()).unwrap_or(u32::MAX),
        column_labels,
        row_labels: row_labels.collect(),
        title: title.to_owned(),
        cell_px: u32::try_from(cell_px).unwrap_or(u32::MAX),
        output: Output::default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn axis(field: &str, labels: &[&str]) -> GroupAxis {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        GroupAxis { field: field.to_owned(), values: vec![json!(0); labels.len()], labels, search: None }
    }

    #[test]
    fn the_third_axis_stands_before_the_second_on_every_row() {
        let axes = [axis("seed", &["1", "2", "3"]), axis("steps", &["10", "20"]), axis("prompt", &["dawn", "dusk"])];
        let sheet = contact_sheet("mills", &axes, vec![Some(AssetId::new()); 12]).unwrap();
        assert_eq!((sheet.columns, sheet.cell_px), (3, 256));
        assert_eq!(sheet.column_labels, ["1", "2", "3"]);
        assert_eq!(sheet.row_labels, ["dawn · 10", "dawn · 20", "dusk · 10", "dusk · 20"]);
    }

    #[test]
    fn a_single_axis_is_one_row_without_a_label() {
        let labels: Vec<String> = (0..64).map(|seed| seed.to_string()).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let sheet = contact_sheet("", &[axis("seed", &labels)], vec![Some(AssetId::new()); 64]).unwrap();
        assert_eq!((sheet.row_labels.len(), sheet.columns, sheet.cell_px), (0, 64, 128));
    }

    #[test]
    fn one_picture_needs_no_sheet() {
        let axes = [axis("seed", &["1", "2"])];
        assert!(contact_sheet("", &axes, vec![Some(AssetId::new()), None]).is_none());
    }
}
