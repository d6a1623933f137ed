//! A GGUF file: what it says about itself, and its tensors.

use std::path::Path;

use half::f16;

/// Tensors begin at multiples of this.
const ALIGNMENT: usize = 32;
/// The numbers by which the file names the types of values.
const U32: u32 = 4;
const I32: u32 = 5;
const F32: u32 = 6;
const BOOL: u32 = 7;
const TEXT: u32 = 8;
const ARRAY: u32 = 9;

/// A file that is being put together.
#[derive(Debug, Default)]
pub(super) struct Gguf {
    entries: u64,
    metadata: Vec<u8>,
    tensors: Vec<Tensor>,
}

#[derive(Debug)]
struct Tensor {
    name: String,
    /// In the order of the file: the length of a row first.
    shape: Vec<usize>,
    /// 0 for 32-bit numbers, 1 for 16-bit ones.
    format: u32,
    bytes: Vec<u8>,
}

impl Gguf {
    pub(super) fn set_text(&mut self, key: &str, value: &str) {
        self.add_entry(key, TEXT, &text(value));
    }

    pub(super) fn set_number(&mut self, key: &str, value: usize) {
        self.add_entry(key, U32, &(value as u32).to_le_bytes());
    }

    pub(super) fn set_real(&mut self, key: &str, value: f32) {
        self.add_entry(key, F32, &value.to_le_bytes());
    }

    pub(super) fn set_flag(&mut self, key: &str, value: bool) {
        self.add_entry(key, BOOL, &[u8::from(value)]);
    }

    pub(super) fn set_texts<'a>(&mut self, key: &str, values: impl ExactSizeIterator<Item = &'a str>) {
        let count = values.len();
        self.add_array(key, TEXT, count, values.flat_map(text));
    }

    pub(super) fn set_numbers(&mut self, key: &str, values: impl ExactSizeIterator<Item = i32>) {
        let count = values.len();
        self.add_array(key, I32, count, values.flat_map(i32::to_le_bytes));
    }

    pub(super) fn set_reals(&mut self, key: &str, values: impl ExactSizeIterator<Item = f32>) {
        let count = values.len();
        self.add_array(key, F32, count, values.flat_map(f32::to_le_bytes));
    }

    /// Adds a tensor of 16-bit numbers. The shape is given as elsewhere: the length of a row last.
    pub(super) fn add_f16(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        self.add_tensor(name.into(), shape, 1, bytes);
    }

    /// Adds a tensor of 32-bit numbers.
    pub(super) fn add_f32(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add_tensor(name.into(), shape, 0, bytes);
    }

    /// Adds a vector of 32-bit numbers that are all the same.
    pub(super) fn add_even(&mut self, name: impl Into<String>, length: usize, value: f32) {
        self.add_f32(name, &[length], &vec![value; length]);
    }

    /// Writes the file.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend(self.entries.to_le_bytes());
        bytes.extend(&self.metadata);
        let mut offset = 0;
        for tensor in &self.tensors {
            bytes.extend(text(&tensor.name));
            bytes.extend((tensor.shape.len() as u32).to_le_bytes());
            bytes.extend(tensor.shape.iter().flat_map(|length| (*length as u64).to_le_bytes()));
            bytes.extend(tensor.format.to_le_bytes());
            bytes.extend((offset as u64).to_le_bytes());
            offset += tensor.bytes.len().next_multiple_of(ALIGNMENT);
        }
        for tensor in &self.tensors {
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
            bytes.extend(&tensor.bytes);
        }
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        super::write_whole(path, &bytes)
    }

    fn add_entry(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.entries += 1;
        self.metadata.extend(text(key));
        self.metadata.extend(kind.to_le_bytes());
        self.metadata.extend(value);
    }

    fn add_array(&mut self, key: &str, kind: u32, count: usize, values: impl Iterator<Item = u8>) {
        let head = kind.to_le_bytes().into_iter().chain((count as u64).to_le_bytes());
        self.add_entry(key, ARRAY, &head.chain(values).collect::<Vec<_>>());
    }

    fn add_tensor(&mut self, name: String, shape: &[usize], format: u32, bytes: Vec<u8>) {
        self.tensors.push(Tensor { name, shape: shape.iter().rev().copied().collect(), format, bytes });
    }
}

/// Returns a text as it stands in the file: its length, its bytes.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}
