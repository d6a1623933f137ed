//! A tiny font: capital letters, digits and signs, 3 by 5 dots each, for test cards and contact sheets.

/// Dots across a letter.
pub(crate) const WIDTH: u32 = 3;
/// Dots down a letter.
pub(crate) const HEIGHT: u32 = 5;

/// Returns whether a letter has a dot at a place. Unknown letters are a full block, so that they are seen.
pub(crate) fn has_dot(letter: char, x: u32, y: u32) -> bool {
    // Five octal digits from top to bottom, three bits each from left to right.
    let row = rows(letter) >> (3 * (HEIGHT - 1 - y.min(HEIGHT - 1)));
    row >> (WIDTH - 1 - x.min(WIDTH - 1)) & 1 == 1
}

fn rows(letter: char) -> u32 {
    match letter.to_ascii_uppercase() {
        'A' => 0o25755,
        'B' => 0o65656,
        'C' => 0o34443,
        'D' => 0o65556,
        'E' => 0o74647,
        'F' => 0o74644,
        'G' => 0o34553,
        'H' => 0o55755,
        'I' => 0o72227,
        'J' => 0o11152,
        'K' => 0o55655,
        'L' => 0o44447,
        'M' => 0o57755,
        'N' => 0o65555,
        'O' => 0o25552,
        'P' => 0o65644,
        'Q' => 0o25573,
        'R' => 0o65655,
        'S' => 0o34216,
        'T' => 0o72222,
        'U' => 0o55557,
        'V' => 0o55552,
        'W' => 0o55775,
        'X' => 0o55255,
        'Y' => 0o55222,
        'Z' => 0o71247,
        '0' => 0o75557,
        '1' => 0o26227,
        '2' => 0o61247,
        '3' => 0o61216,
        '4' => 0o55711,
        '5' => 0o74616,
        '6' => 0o34757,
        '7' => 0o71244,
        '8' => 0o75757,
        '9' => 0o75716,
        ' ' => 0o00000,
        '.' => 0o00002,
        ':' => 0o02020,
        '-' => 0o00700,
        '_' => 0o00007,
        '/' => 0o11244,
        ',' => 0o00024,
        ';' => 0o02024,
        '+' => 0o02720,
        '=' => 0o07070,
        '*' => 0o05250,
        '(' => 0o12221,
        ')' => 0o42224,
        '[' => 0o32223,
        ']' => 0o62226,
        '<' => 0o12421,
        '>' => 0o42124,
        '!' => 0o22202,
        '?' => 0o61202,
        '%' => 0o51245,
        '#' => 0o57575,
        '\'' => 0o22000,
        '"' => 0o55000,
        '|' => 0o22222,
        '&' => 0o25253,
        '~' => 0o03600,
        _ => 0o77777,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_look_like_themselves() {
        let drawn: Vec<String> = (0..HEIGHT)
            .map(|y| {
                "A1".chars()
                    .flat_map(|letter| (0..WIDTH).map(move |x| has_dot(letter, x, y)))
                    .map(|dot| if dot { '#' } else { '.' })
                    .collect()
            })
            .collect();
        assert_eq!(drawn, [".#..#.", "#.###.", "###.#.", "#.#.#.", "#.####"]);
    }
}
