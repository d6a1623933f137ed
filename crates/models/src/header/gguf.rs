//! The header of a GGUF file: metadata, then a line for each tensor. At least as strict as GGML's own reader, since what that one
//! refuses goes to a second reader that checks nothing.

use std::io::Read;

use contract::model::{Family, ModelFormat};

use super::{
    Error, Header,
    family::{self, Marks},
    ggml_type,
    language::{Language, Value},
    names::{LONGEST_NAME_BYTES, Names},
    source::Source,
};

pub(super) const NAME: &str = "GGUF";
pub(super) const MAGIC: &[u8] = b"GGUF";

const MOST_DIMENSIONS: u32 = 5;
const LONGEST_DIMENSION: u64 = 1 << 40;
const USUAL_ALIGNMENT: u64 = 32;
const LARGEST_ALIGNMENT: u64 = 1 << 20;
pub(super) const STRING: u32 = 8;
pub(super) const ARRAY: u32 = 9;
const U32: u32 = 4;

/// What the metadata says that matters here.
struct Metadata {
    architecture: Option<String>,
    alignment: u64,
    is_language_model: bool,
    language: Language,
}

pub(super) fn read(mut source: Source<impl Read>) -> Result<Header, Error> {
    source.array::<4>()?;
    let version = source.u32()?;
    if !matches!(version, 2 | 3) {
        return Err(source.broken(format!("it is of version {version}; 2 and 3 can be read")));
    }
    let (tensors, entries) = (source.u64()?, source.u64()?);
    if !Names::can_be(tensors) || !Names::can_be(entries) {
        return Err(source.broken(format!("{tensors} tensors and {entries} entries of metadata make no sense")));
    }
    let mut metadata = read_metadata(&mut source, entries)?;
    // Of a language model in several files the first may have words only.
    if tensors == 0 && !(metadata.is_language_model && metadata.language.begins_several_files()) {
        return Err(source.broken(format!("{tensors} tensors and {entries} entries of metadata make no sense")));
    }
    let (data_bytes, marks) = read_tensors(&mut source, tensors, &mut metadata)?;
    let data_start = source.read_bytes().next_multiple_of(metadata.alignment);
    let expected_bytes = data_start.saturating_add(data_bytes);
    if expected_bytes > source.size_bytes() {
        return Err(source.truncated(expected_bytes));
    }
    Ok(Header {
        format: ModelFormat::Gguf,
        size_bytes: source.size_bytes(),
        tensors,
        family: match (marks.family(), metadata.architecture.as_deref()) {
            (Family::Unknown, Some(architecture)) => family::of_architecture(architecture),
            (family, _) => family,
        },
        is_lora: marks.is_lora(),
        language: metadata.language.of_architecture(metadata.architecture.as_deref(), metadata.is_language_model),
        architecture: metadata.architecture,
        is_language_model: metadata.is_language_model,
    })
}

fn read_metadata(source: &mut Source<impl Read>, entries: u64) -> Result<Metadata, Error> {
    let mut metadata = Metadata {
        architecture: None,
        alignment: USUAL_ALIGNMENT,
        is_language_model: false,
        language: Language::default(),
    };
    let mut keys = Names::default();
    for _ in 0..entries {
        let key = source.text("a key", LONGEST_NAME_BYTES as u64)?;
        let kind = source.u32()?;
        match (key.as_str(), kind) {
            ("general.architecture", STRING) => {
                metadata.architecture = Some(source.text("the architecture", LONGEST_NAME_BYTES as u64)?);
            }
            ("general.alignment", U32) => metadata.alignment = read_alignment(source)?,
            ("general.architecture" | "general.alignment", _) => {
                return Err(source.broken(format!("{key} is of the wrong type")));
            }
            _ => {
                let value = Value::read(source, kind, &key)?;
                metadata.language.see(&key, value);
            }
        }
        // What reads and writes words has a vocabulary and a length of context; what paints has neither.
        metadata.is_language_model |= key.starts_with("tokenizer.ggml.") || key.ends_with(".context_length");
        keys.add(key).map_err(|problem| source.broken(problem))?;
    }
    Ok(metadata)
}

fn read_alignment(source: &mut Source<impl Read>) -> Result<u64, Error> {
    let alignment = u64::from(source.u32()?);
    if !alignment.is_power_of_two() || alignment > LARGEST_ALIGNMENT {
        return Err(source.broken(format!("the alignment {alignment} makes no sense")));
    }
    Ok(alignment)
}

pub(super) fn skip_value(source: &mut Source<impl Read>, kind: u32) -> Result<(), Error> {
    match kind {
        STRING => skip_text(source),
        ARRAY => {
            let (kind, count) = (source.u32()?, source.u64()?);
            skip_array(source, kind, count)
        }
        _ => {
            let bytes = number_bytes(source, kind)?;
            source.skip(bytes)
        }
    }
}

pub(super) fn skip_array(source: &mut Source<impl Read>, kind: u32, count: u64) -> Result<(), Error> {
    if kind == STRING {
        // Each of them takes eight bytes at least, so the end of the header bounds this.
        return (0..count).try_for_each(|_| skip_text(source));
    }
    let bytes = number_bytes(source, kind)?;
    source.skip(count.saturating_mul(bytes))
}

fn skip_text(source: &mut Source<impl Read>) -> Result<(), Error> {
    let length = source.u64()?;
    source.skip(length)
}

/// Returns whether values of this type are numbers.
pub(super) fn is_number(kind: u32) -> bool {
    bytes_of_number(kind).is_some()
}

/// Returns how many bytes a number of this type takes: everything but texts and arrays.
fn number_bytes(source: &Source<impl Read>, kind: u32) -> Result<u64, Error> {
    bytes_of_number(kind).ok_or_else(|| source.broken(format!("there are no values of type {kind}")))
}

fn bytes_of_number(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// Returns how many bytes all tensors take, and what their names say.
fn read_tensors(source: &mut Source<impl Read>, tensors: u64, metadata: &mut Metadata) -> Result<(u64, Marks), Error> {
    let (mut names, mut marks) = (Names::default(), Marks::default());
    let mut end = 0_u64;
    for _ in 0..tensors {
        let name = source.text("the name of a tensor", LONGEST_NAME_BYTES as u64)?;
        let wrong = |source: &Source<_>, problem: &str| source.broken(format!("the tensor {name} {problem}"));
        let Shape { bytes, row, numbers } =
            read_shape(source)?.ok_or_else(|| wrong(source, "has a size that makes no sense"))?;
        marks.see(&name, row);
        metadata.language.see_tensor(numbers);
        if source.u64()? != end {
            return Err(wrong(source, "does not begin where the one before it ends"));
        }
        let padded = bytes.checked_next_multiple_of(metadata.alignment);
        end = padded.and_then(|bytes| end.checked_add(bytes)).ok_or_else(|| wrong(source, "is too large"))?;
        names.add(name).map_err(|problem| source.broken(problem))?;
    }
    Ok((end, marks))
}

/// How large a tensor is.
struct Shape {
    bytes: u64,
    /// How many numbers a row has.
    row: u64,
    /// How many numbers it has.
    numbers: u64,
}

/// Returns how large a tensor is; none if nothing can have that shape.
fn read_shape(source: &mut Source<impl Read>) -> Result<Option<Shape>, Error> {
    let dimensions = source.u32()?;
    if dimensions > MOST_DIMENSIONS {
        return Ok(None);
    }
    let (mut numbers, mut row) = (Some(1_u64), 1);
    for place in 0..dimensions {
        let length = source.u64()?;
        row = if place == 0 { length } else { row };
        let is_sane = (1..=LONGEST_DIMENSION).contains(&length);
        numbers = numbers.filter(|_| is_sane).and_then(|numbers| numbers.checked_mul(length));
    }
    let block = ggml_type::find(source.u32()?).filter(|block| row % block.numbers == 0);
    Ok(numbers.zip(block).and_then(|(numbers, block)| {
        let bytes = (numbers / block.numbers).checked_mul(block.bytes)?;
        Some(Shape { bytes, row, numbers })
    }))
}
