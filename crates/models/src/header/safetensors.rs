//! The header of a safetensors file: a JSON object that names each tensor, its type, its shape and its place.

mod json;

use std::io::{BufReader, Read};

use contract::model::ModelFormat;
use serde::de::DeserializeSeed as _;

use self::json::{Collected, Header as JsonHeader};
use super::{Error, Header, LONGEST_HEADER_BYTES, source::Source};

pub(super) const NAME: &str = "safetensors";

const LENGTH_BYTES: u64 = 8;

/// Returns whether a file begins like one: a length that makes sense, then the brace of the JSON.
pub(super) fn is_one(start: &[u8]) -> bool {
    let Some((length, json)) = start.split_first_chunk() else { return false };
    let length = u64::from_le_bytes(*length);
    json.first() == Some(&b'{') && (2..=LONGEST_HEADER_BYTES).contains(&length)
}

pub(super) fn read(mut source: Source<impl Read>) -> Result<Header, Error> {
    let length = source.u64()?;
    let Collected { mut places, is_language_model, marks, .. } = parse(&mut source, length)?;
    places.sort_unstable();
    let mut end = 0;
    for place in &places {
        // A gap may hide another file, an overlap confuse whoever reads it.
        if place.start != end {
            return Err(source.broken("its tensors overlap, or leave a gap"));
        }
        end = place.end;
    }
    let expected_bytes = LENGTH_BYTES.saturating_add(length).saturating_add(end);
    if expected_bytes > source.size_bytes() {
        return Err(source.truncated(expected_bytes));
    }
    if expected_bytes < source.size_bytes() {
        return Err(source.broken("the file goes on after its last tensor"));
    }
    Ok(Header {
        format: ModelFormat::Safetensors,
        size_bytes: source.size_bytes(),
        tensors: places.len() as u64,
        architecture: None,
        is_language_model,
        family: marks.family(),
        is_lora: marks.is_lora(),
        language: None,
    })
}

fn parse(source: &mut Source<impl Read>, length: u64) -> Result<Collected, Error> {
    let part = source.part(length)?;
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(part));
    let mut collected = Collected::default();
    let parsed = JsonHeader(&mut collected).deserialize(&mut json).and_then(|()| json.end());
    match parsed {
        Ok(()) if collected.places.is_empty() => Err(source.broken("it names no tensor")),
        Ok(()) => Ok(collected),
        Err(error) if error.is_io() => Err(Error::Read(error.into())),
        Err(error) => Err(source.broken(error.to_string())),
    }
}
