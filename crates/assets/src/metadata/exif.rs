//! EXIF: writes the user comment that A1111 reads, and reads the fields in which programs leave texts.
//!
//! ```text
//! MM\0*  offset of the first directory
//! directory: count, entries of 12 bytes (tag, type, count, value or its offset), offset of the next
//! ```

use super::{A1111_KEYWORD, Text};

/// What EXIF begins with in a JPEG. In a WebP it may begin so, too.
pub(crate) const JPEG_NAME: &[u8] = b"Exif\0\0";
/// The keyword under which a user comment is read.
pub(crate) const USER_COMMENT: &str = "UserComment";

const USER_COMMENT_TAG: u16 = 0x9286;
/// The entry that leads to the directory of EXIF itself.
const EXIF_TAG: u16 = 0x8769;
/// The fields that hold texts, with the keyword under which they are read. ComfyUI writes into make, model and description.
const TEXTS: &[(u16, &str)] = &[
    (0x010e, "ImageDescription"),
    (0x010f, "Make"),
    (0x0110, "Model"),
    (0x0131, "Software"),
    (0x9c9c, "XPComment"),
    (0x927c, "MakerNote"),
    (USER_COMMENT_TAG, USER_COMMENT),
];
/// More entries than any true directory has.
const MOST_ENTRIES: u16 = 200;
/// The words before the text of a user comment.
const UNICODE: &[u8] = b"UNICODE\0";
const CHARSET_BYTES: usize = 8;
const UNDEFINED: u16 = 7;
const LONG: u16 = 4;

/// Returns EXIF with the `parameters` as its user comment, in the way of A1111; none if there are none.
pub(crate) fn write(texts: &[Text]) -> Option<Vec<u8>> {
    let parameters = texts.iter().find(|text| text.keyword == A1111_KEYWORD)?;
    let comment: Vec<u8> =
        UNICODE.iter().copied().chain(parameters.text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    let directory = |tag: u16, kind: u16, count: u32, value: u32| {
        [&1_u16.to_be_bytes()[..], &tag.to_be_bytes(), &kind.to_be_bytes(), &count.to_be_bytes(), &value.to_be_bytes()]
            .into_iter()
            .chain([&[0; 4][..]])
            .flatten()
            .copied()
            .collect::<Vec<u8>>()
    };
    // A directory of one entry has 18 bytes: the first lies at 8, the second at 26, the text at 44.
    let length = u32::try_from(comment.len()).ok()?;
    let first = directory(EXIF_TAG, LONG, 1, 26);
    let second = directory(USER_COMMENT_TAG, UNDEFINED, length, 44);
    Some([b"MM\0*\0\0\0\x08", &first[..], &second, &comment].concat())
}

/// Returns the texts of EXIF. Strangers wrote it: what leads nowhere is passed over.
pub(crate) fn read(exif: &[u8]) -> Vec<Text> {
    let tiff = Tiff(exif.strip_prefix(JPEG_NAME).unwrap_or(exif));
    let first = tiff.u32(4).unwrap_or_default();
    let mut texts = Vec::new();
    let inner = tiff.read_directory(first, &mut texts);
    if let Some(inner) = inner.filter(|inner| *inner != first) {
        tiff.read_directory(inner, &mut texts);
    }
    texts
}

/// The whole of it, in which all offsets count.
struct Tiff<'a>(&'a [u8]);

impl Tiff<'_> {
    /// Takes the texts of a directory, and returns where that of EXIF lies.
    fn read_directory(&self, at: u32, texts: &mut Vec<Text>) -> Option<u32> {
        let at = usize::try_from(at).ok()?;
        let count = self.u16(at)?.min(MOST_ENTRIES);
        let mut inner = None;
        for entry in (0..usize::from(count)).map_while(|number| at.checked_add(2 + number * 12)) {
            let Some(tag) = self.u16(entry) else { break };
            if tag == EXIF_TAG {
                inner = self.u32(entry + 8);
            }
            let Some((_, keyword)) = TEXTS.iter().find(|(known, _)| *known == tag) else { continue };
            let Some(text) = self.bytes(entry).and_then(|bytes| text(tag, bytes)) else { continue };
            texts.push(Text { keyword: (*keyword).to_owned(), text });
        }
        inner
    }

    /// Returns the bytes that an entry has or points to.
    fn bytes(&self, entry: usize) -> Option<&[u8]> {
        // 1, 2 and 7 are bytes, text and what is up to the program: one byte a piece.
        if !matches!(self.u16(entry + 2)?, 1 | 2 | UNDEFINED) {
            return None;
        }
        let length = usize::try_from(self.u32(entry + 4)?).ok()?;
        let at = if length <= 4 { entry + 8 } else { usize::try_from(self.u32(entry + 8)?).ok()? };
        self.0.get(at..at.checked_add(length)?)
    }

    fn is_little(&self) -> bool {
        self.0.starts_with(b"II")
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.0.get(at..)?.first_chunk()?;
        Some(if self.is_little() { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.0.get(at..)?.first_chunk()?;
        Some(if self.is_little() { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}

fn text(tag: u16, bytes: &[u8]) -> Option<String> {
    let text = match bytes.strip_prefix(UNICODE) {
        Some(wide) => utf16(wide),
        None if tag == 0x9c9c => utf16_of(bytes, u16::from_le_bytes),
        None if tag == USER_COMMENT_TAG => {
            String::from_utf8_lossy(bytes.get(CHARSET_BYTES..).unwrap_or_default()).into_owned()
        }
        None => String::from_utf8_lossy(bytes).into_owned(),
    };
    let text = text.trim_matches('\0');
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// Reads UTF-16 of either order. Programs do not agree on it; whichever gives more plain letters is right.
fn utf16(bytes: &[u8]) -> String {
    let plain = |text: &str| text.bytes().filter(|byte| matches!(byte, b'\n' | b' '..=b'~')).count();
    let (big, little) = (utf16_of(bytes, u16::from_be_bytes), utf16_of(bytes, u16::from_le_bytes));
    if plain(&little) > plain(&big) { little } else { big }
}

fn utf16_of(bytes: &[u8], number: fn([u8; 2]) -> u16) -> String {
    let numbers = bytes.as_chunks().0.iter().map(|pair| number(*pair));
    char::decode_utf16(numbers).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Vec<Text> {
        vec![Text { keyword: A1111_KEYWORD.to_owned(), text: text.to_owned() }]
    }

    #[test]
    fn the_parameters_are_the_user_comment_in_utf_16() {
        let exif = write(&parameters("a ü")).expect("there is a text");
        assert!(exif.ends_with(b"UNICODE\0\0a\0 \0\xfc"));
        for text in ["plain\nSteps: 20", "日本 – 🎨", "x"] {
            let read = read(&write(&parameters(text)).expect("there is a text"));
            assert_eq!(read, [Text { keyword: USER_COMMENT.to_owned(), text: text.to_owned() }]);
        }
        assert_eq!(write(&[]), None);
    }

    #[test]
    fn either_order_of_bytes_and_either_charset_is_read() {
        let comment = |content: &[u8]| {
            let mut tiff = b"II*\0\x08\0\0\0\x01\0\x86\x92\x07\0".to_vec();
            tiff.extend((content.len() as u32).to_le_bytes());
            tiff.extend([26, 0, 0, 0, 0, 0, 0, 0]);
            tiff.extend(content);
            read(&tiff)
        };
        for content in [&b"UNICODE\0S\0t\0e\0p\0s\0"[..], b"UNICODE\0\0S\0t\0e\0p\0s", b"ASCII\0\0\0Steps\0"] {
            assert_eq!(comment(content)[0].text, "Steps");
        }
        assert!(comment(b"UNICODE\0").is_empty());
    }

    #[test]
    fn what_is_cut_off_or_leads_in_circles_ends() {
        let whole = [JPEG_NAME, &write(&parameters("a cat")).expect("there is a text")].concat();
        for end in 0..whole.len() {
            let _ = read(&whole[..end]);
        }
        // The directory of EXIF is the first one again.
        assert!(read(b"MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\0").is_empty());
        assert!(read(b"MM\0*\xff\xff\xff\xff").is_empty());
    }
}
