//! Writes on a picture with the tiny font.

use assets::picture::Pixels;

use crate::font;

const INK: u8 = 0;
/// What stands for the rest of a text that has no room.
const CUT: &str = "...";

/// Where the lines of a text stand in their width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Centre,
    Right,
}

/// Letters of a size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lettering {
    /// Pixels of a dot.
    dot: u32,
}

impl Lettering {
    pub(super) fn new(dot: u32) -> Self {
        Self { dot }
    }

    /// Returns how wide a line is.
    pub(super) fn width(self, line: &str) -> u32 {
        u32::try_from(line.chars().count()).unwrap_or(u32::MAX).saturating_mul(self.letter_width())
    }

    /// Returns how high so many lines are.
    pub(super) fn height(self, lines: usize) -> u32 {
        u32::try_from(lines).unwrap_or(u32::MAX).saturating_mul(self.line_height())
    }

    /// Returns how many lines fit into a height.
    pub(super) fn lines_in(self, height: u32) -> usize {
        (height / self.line_height()) as usize
    }

    /// Breaks a text into lines of a width: between words, or within one that is too long. What has no room is cut off.
    pub(super) fn wrap(self, text: &str, width: u32, most_lines: usize) -> Vec<String> {
        let room = (width / self.letter_width()).max(1) as usize;
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            let letters: Vec<char> = word.chars().collect();
            for piece in letters.chunks(room) {
                let length = lines.last().map_or(room, |line| line.chars().count());
                match lines.last_mut() {
                    Some(line) if length + 1 + piece.len() <= room => {
                        line.push(' ');
                        line.extend(piece);
                    }
                    _ => lines.push(piece.iter().collect()),
                }
            }
        }
        if lines.len() > most_lines {
            lines.truncate(most_lines);
            if let Some(last) = lines.last_mut() {
                *last = last.chars().take(room.saturating_sub(CUT.len())).chain(CUT.chars()).take(room).collect();
            }
        }
        lines
    }

    /// Writes lines below each other from a place (x, y) on, within a width.
    pub(super) fn write(self, paper: &mut Pixels, lines: &[String], (left, top): (u32, u32), width: u32, align: Align) {
        for (line, number) in lines.iter().zip(0..) {
            let room = width.saturating_sub(self.width(line));
            let left = match align {
                Align::Centre => left + room / 2,
                Align::Right => left + room,
            };
            for (letter, place) in line.chars().zip(0..) {
                self.draw(paper, letter, left + place * self.letter_width(), top + number * self.line_height());
            }
        }
    }

    fn draw(self, paper: &mut Pixels, letter: char, left: u32, top: u32) {
        for (x, y) in (0..font::HEIGHT * self.dot).flat_map(|y| (0..font::WIDTH * self.dot).map(move |x| (x, y))) {
            let is_on_paper = left + x < paper.width && top + y < paper.height;
            if is_on_paper && font::has_dot(letter, x / self.dot, y / self.dot) {
                let at = ((top + y) as usize * paper.width as usize + (left + x) as usize) * 3;
                if let Some(place) = paper.rgb.get_mut(at..at + 3) {
                    place.fill(INK);
                }
            }
        }
    }

    fn letter_width(self) -> u32 {
        (font::WIDTH + 1) * self.dot
    }

    fn line_height(self) -> u32 {
        (font::HEIGHT + 2) * self.dot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_between_words_and_cut_where_there_is_no_room() {
        let wrap = |text, letters: u32, lines| Lettering::new(1).wrap(text, letters * 4, lines);
        assert_eq!(wrap("one two three", 7, 9), ["one two", "three"]);
        assert_eq!(wrap("lighthouses", 5, 9), ["light", "house", "s"]);
        assert_eq!(wrap("a b c d e f", 3, 2), ["a b", "..."]);
        assert_eq!(wrap("abcdefgh ijk", 8, 1), ["abcde..."]);
        assert!(wrap("  ", 8, 3).is_empty());
        assert_eq!(wrap("ab", 0, 1).len(), 1);
    }
}
