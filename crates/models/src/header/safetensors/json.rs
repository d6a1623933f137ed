//! Reads the JSON of the header as it comes, keeping only what has to be compared later.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use crate::header::{family::Marks, names::Names};

/// The entry that is no tensor.
const METADATA: &str = "__metadata__";
const MOST_DIMENSIONS: usize = 8;
const LONGEST_DIMENSION: u64 = 1 << 40;
/// Tensors that only language models have under these names; in a picture model's own encoder a prefix stands before them.
const OF_LANGUAGE_MODELS: &[&str] = &[
    "model.embed_tokens.weight",
    "model.language_model.embed_tokens.weight",
    "lm_head.weight",
    "transformer.wte.weight",
];

/// What the header says, as far as it matters here.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) places: Vec<Place>,
    pub(super) is_language_model: bool,
    pub(super) marks: Marks,
    names: Names,
}

/// Where a tensor lies, counted from the end of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Reads the object into what was collected so far.
pub(super) struct Header<'a>(pub(super) &'a mut Collected);

impl<'de> DeserializeSeed<'de> for Header<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Header<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a tensor for each name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == METADATA {
                map.next_value::<Metadata>()?;
            } else {
                let tensor: Tensor = map.next_value()?;
                let place = tensor
                    .place()
                    .ok_or_else(|| Error::custom(format!("the tensor {name} is not as large as its place")))?;
                self.0.places.push(place);
                self.0.marks.see(&name, tensor.shape.last);
                self.0.is_language_model |= OF_LANGUAGE_MODELS.contains(&name.as_str());
            }
            self.0.names.add(name).map_err(Error::custom)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Tensor {
    dtype: NumberType,
    shape: Shape,
    data_offsets: (u64, u64),
}

impl Tensor {
    /// Returns where the tensor lies; none if it is not as large as its shape says.
    fn place(&self) -> Option<Place> {
        let (start, end) = self.data_offsets;
        let bits = self.shape.numbers.checked_mul(self.dtype.bits())?;
        (end.checked_sub(start)?.checked_mul(8)? == bits).then_some(Place { start, end })
    }
}

#[derive(Deserialize)]
#[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "the names are those in the file")]
enum NumberType {
    BOOL,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    BF16,
    F32,
    F64,
    C64,
    F8_E4M3,
    F8_E5M2,
    F8_E8M0,
    F8_E4M3FNUZ,
    F8_E5M2FNUZ,
    F6_E2M3,
    F6_E3M2,
    F4,
}

impl NumberType {
    fn bits(&self) -> u64 {
        match self {
            Self::F4 => 4,
            Self::F6_E2M3 | Self::F6_E3M2 => 6,
            Self::BOOL
            | Self::U8
            | Self::I8
            | Self::F8_E4M3
            | Self::F8_E5M2
            | Self::F8_E8M0
            | Self::F8_E4M3FNUZ
            | Self::F8_E5M2FNUZ => 8,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 16,
            Self::U32 | Self::I32 | Self::F32 => 32,
            Self::U64 | Self::I64 | Self::F64 | Self::C64 => 64,
        }
    }
}

/// A shape, of which only the product is kept, and the length of a row.
struct Shape {
    numbers: u64,
    last: u64,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lengths of a tensor")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut lengths: A) -> Result<Shape, A::Error> {
        let (mut numbers, mut last, mut dimensions) = (1_u64, 1, 0);
        while let Some(length) = lengths.next_element::<u64>()? {
            dimensions += 1;
            last = length;
            if dimensions > MOST_DIMENSIONS || length > LONGEST_DIMENSION {
                return Err(Error::custom("the shape of a tensor makes no sense"));
            }
            numbers = numbers.checked_mul(length).ok_or_else(|| Error::custom("a tensor is too large"))?;
        }
        Ok(Shape { numbers, last })
    }
}

/// Texts by name, of which nothing is kept.
struct Metadata;

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut names = Names::default();
        while let Some((name, AnyText)) = map.next_entry::<String, AnyText>()? {
            names.add(name).map_err(Error::custom)?;
        }
        Ok(Metadata)
    }
}

/// A text that is not kept: some carry whole pictures.
struct AnyText;

impl<'de> Deserialize<'de> for AnyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyTextVisitor;
        impl Visitor<'_> for AnyTextVisitor {
            type Value = AnyText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E: Error>(self, _: &str) -> Result<AnyText, E> {
                Ok(AnyText)
            }
        }
        deserializer.deserialize_str(AnyTextVisitor)
    }
}
