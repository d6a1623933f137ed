//! Values of the metadata of a GGUF, of which little is kept.

use std::io::Read;

use crate::header::{
    Error,
    gguf::{self, ARRAY, STRING},
    source::Source,
};

/// No true model has more layers.
const MOST_LAYERS: u64 = 4096;
/// No name of a model is kept that is longer, in bytes.
const LONGEST_TEXT_BYTES: u64 = 1024;

/// A value of the metadata, as far as anything of it is kept.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::header) enum Value {
    Number(u64),
    Text(String),
    /// An array of numbers that is not longer than a model has layers.
    Numbers(Vec<u64>),
    /// An array of which only the length is kept.
    Long(u64),
    /// Of no interest.
    Other,
}

impl Value {
    /// Reads a value, and keeps what may be of interest of it.
    pub(in crate::header) fn read(source: &mut Source<impl Read>, kind: u32, key: &str) -> Result<Self, Error> {
        match kind {
            // A template may have a hundred thousand bytes, and nobody here reads it.
            STRING if !is_wanted(key) => gguf::skip_value(source, kind).map(|()| Self::Other),
            STRING => {
                let length = source.u64()?;
                if length > LONGEST_TEXT_BYTES {
                    return source.skip(length).map(|()| Self::Other);
                }
                // What is not Unicode is no name.
                Ok(String::from_utf8(source.bytes(length)?).map_or(Self::Other, Self::Text))
            }
            ARRAY => Self::read_array(source),
            _ => Ok(read_number(source, kind)?.map_or(Self::Other, Self::Number)),
        }
    }

    fn read_array(source: &mut Source<impl Read>) -> Result<Self, Error> {
        let (kind, count) = (source.u32()?, source.u64()?);
        if count > MOST_LAYERS || !gguf::is_number(kind) {
            return gguf::skip_array(source, kind, count).map(|()| Self::Long(count));
        }
        let numbers: Vec<_> = (0..count).map(|_| read_number(source, kind)).collect::<Result<_, _>>()?;
        let whole: Option<Vec<_>> = numbers.into_iter().collect();
        Ok(whole.map_or(Self::Long(count), Self::Numbers))
    }
}

fn is_wanted(key: &str) -> bool {
    matches!(key, "general.name" | "clip.projector_type")
}

/// Reads a number; none if it is no whole one, or negative.
fn read_number(source: &mut Source<impl Read>, kind: u32) -> Result<Option<u64>, Error> {
    let number = match kind {
        0 | 7 => Some(u64::from(u8::from_le_bytes(source.array()?))),
        1 => u64::try_from(i8::from_le_bytes(source.array()?)).ok(),
        2 => Some(u64::from(u16::from_le_bytes(source.array()?))),
        3 => u64::try_from(i16::from_le_bytes(source.array()?)).ok(),
        4 => Some(u64::from(source.u32()?)),
        5 => u64::try_from(i32::from_le_bytes(source.array()?)).ok(),
        10 => Some(source.u64()?),
        11 => u64::try_from(i64::from_le_bytes(source.array()?)).ok(),
        _ => return gguf::skip_value(source, kind).map(|()| None),
    };
    Ok(number)
}
