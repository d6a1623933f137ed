//! Reads back what a file says about itself. Strangers send these files: everything is bounded.

use std::io::Cursor;

use contract::spec::JobSpec;
use png::{Decoder, Limits};

use super::{A1111_KEYWORD, OWN_KEYWORD, Text, exif, xmp};
use crate::picture::{Segments, WebpChunks, is_webp};

/// All texts of a file together; a workflow of hundreds of nodes takes a few hundred thousand.
const LONGEST_TEXTS_BYTES: usize = 8 << 20;
/// One text that is compressed in the file.
const LONGEST_PACKED_BYTES: usize = 2 << 20;
/// More texts than any true file has.
const MOST_TEXTS: usize = 64;

const JPEG_START: &[u8] = &[0xff, 0xd8, 0xff];
const JPEG_APP1: u8 = 0xe1;
const JPEG_COMMENT: u8 = 0xfe;
const JPEG_SCAN: u8 = 0xda;

/// Returns the texts of a PNG (those before its pixels), JPEG or WebP; none of another file, or if they are larger than any
/// true ones.
#[must_use]
pub fn read_texts(bytes: &[u8]) -> Vec<Text> {
    let mut texts = match bytes {
        _ if bytes.starts_with(JPEG_START) => of_jpeg(bytes),
        _ if is_webp(bytes) => of_webp(bytes),
        _ => of_png(bytes),
    };
    texts.truncate(MOST_TEXTS);
    if texts.iter().map(|text| text.text.len()).sum::<usize>() > LONGEST_TEXTS_BYTES {
        return Vec::new();
    }
    // In EXIF, A1111 has its text in the user comment.
    let has_parameters = texts.iter().any(|text| text.keyword == A1111_KEYWORD);
    if let Some(comment) = texts.iter_mut().find(|text| text.keyword == exif::USER_COMMENT && !has_parameters) {
        A1111_KEYWORD.clone_into(&mut comment.keyword);
    }
    texts
}

/// Returns what a picture of ours was asked for, with its own seed; none if it is not one.
#[must_use]
pub fn read_spec(bytes: &[u8]) -> Option<JobSpec> {
    let own = read_texts(bytes).into_iter().find(|text| text.keyword == OWN_KEYWORD)?;
    serde_json::from_str(&own.text).ok()
}

fn of_jpeg(bytes: &[u8]) -> Vec<Text> {
    let head = Segments::of(bytes).take_while(|(marker, _)| *marker != JPEG_SCAN);
    let of_segment = |(marker, content): (u8, &[u8])| match marker {
        JPEG_COMMENT => {
            vec![Text { keyword: "Comment".to_owned(), text: String::from_utf8_lossy(content).into_owned() }]
        }
        JPEG_APP1 if content.starts_with(exif::JPEG_NAME) => exif::read(content),
        JPEG_APP1 => content.strip_prefix(xmp::JPEG_NAME).map(xmp::read).unwrap_or_default(),
        _ => Vec::new(),
    };
    head.flat_map(of_segment).take(MOST_TEXTS).collect()
}

fn of_webp(bytes: &[u8]) -> Vec<Text> {
    let of_chunk = |(name, content): (&[u8; 4], &[u8])| match name {
        b"EXIF" => exif::read(content),
        b"XMP " => xmp::read(content),
        _ => Vec::new(),
    };
    WebpChunks::of(bytes).flat_map(of_chunk).take(MOST_TEXTS).collect()
}

fn of_png(png: &[u8]) -> Vec<Text> {
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
    let chunks = plain
        .map(|(keyword, text)| (keyword.clone(), text))
        .chain(packed)
        .chain(unicode)
        .filter_map(|(keyword, text)| Some(Text { keyword, text: text? }));
    let exif = info.exif_metadata.iter().flat_map(|exif| exif::read(exif));
    chunks.chain(exif).take(MOST_TEXTS).collect()
}
