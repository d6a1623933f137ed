//! Columns for the terminal, without frames.

/// Prints rows under a heading; every column is as wide as its widest cell, the last one is not padded.
pub(crate) fn print<const COLUMNS: usize>(heading: [&str; COLUMNS], rows: &[[String; COLUMNS]]) {
    print!("{}", render(heading, rows));
}

fn render<const COLUMNS: usize>(heading: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let mut widths = heading.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; COLUMNS]| {
        let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    std::iter::once(line(heading)).chain(rows.iter().map(|row| line(row.each_ref().map(String::as_str)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["a".to_owned(), "long cell".to_owned()], ["bcd".to_owned(), "x".to_owned()]];
        assert_eq!(render(["id", "what"], &rows), "id   what\na    long cell\nbcd  x\n");
    }
}
