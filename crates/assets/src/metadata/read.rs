//! Reads back what a PNG says about itself. Strangers send these files: everything is bounded.

use std::io::Cursor;

use contract::spec::JobSpec;
use png::{Decoder, Limits};

use super::{OWN_KEYWORD, Text};

/// All texts of a file together; a workflow of hundreds of nodes takes a few hundred thousand.
const LONGEST_TEXTS_BYTES: usize = 8 << 20;
/// One text that is compressed in the file.
const LONGEST_PACKED_BYTES: usize = 2 << 20;

/// Returns the texts that stand before the pixels of a PNG; none if it is no PNG or its texts are larger than any true ones.
#[must_use]
pub fn read_texts(png: &[u8]) -> Vec<Text> {
    let decoder = Decoder::new_with_limits(Cursor::new(png), Limits { bytes: LONGEST_TEXTS_BYTES });
    let Ok(reader) = decoder.read_info() else { return Vec::new() };
    let info = reader.info();
    let plain = info.uncompressed_latin1_text.iter().map(|chunk| (&chunk.keyword, Some(chunk.text.clone())));
    let packed = info.compressed_latin1_text.iter().map(|chunk| {
        let mut chunk = chunk.clone();
        let text = chunk.decompress_text_with_limit(LONGEST_PACKED_BYTES).ok().and_then(|()| chunk.get_text().ok());
        (chunk.keyword, text)
    });
    let unicode = info.utf8_text.iter().map(|chunk| {
        let mut chunk = chunk.clone();
        let text = chunk.decompress_text_with_limit(LONGEST_PACKED_BYTES).ok().and_then(|()| chunk.get_text().ok());
        (chunk.keyword, text)
    });
    plain
        .map(|(keyword, text)| (keyword.clone(), text))
        .chain(packed)
        .chain(unicode)
        .filter_map(|(keyword, text)| Some(Text { keyword, text: text? }))
        .collect()
}

/// Returns what a picture of ours was asked for, with its own seed; none if it is not one.
#[must_use]
pub fn read_spec(png: &[u8]) -> Option<JobSpec> {
    let own = read_texts(png).into_iter().find(|text| text.keyword == OWN_KEYWORD)?;
    serde_json::from_str(&own.text).ok()
}
