//! Tensors, and the safetensors file that holds them.

use std::path::Path;

use half::f16;
use serde_json::json;

/// The tensors of one file, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Tensors(Vec<Tensor>);

#[derive(Debug, Clone)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
    /// The name of the number format in the file.
    format: &'static str,
    bytes: Vec<u8>,
}

impl Tensors {
    /// Adds a tensor of 16-bit numbers.
    pub(super) fn add_f16(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        self.add(name.into(), shape, "F16", bytes);
    }

    /// Adds a tensor of 32-bit numbers.
    pub(super) fn add_f32(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(name.into(), shape, "F32", bytes);
    }

    /// Adds a vector of 32-bit numbers that are all the same: scales are 1, biases 0.
    pub(super) fn add_even(&mut self, name: impl Into<String>, length: usize, value: f32) {
        self.add_f32(name, &[length], &vec![value; length]);
    }

    /// Returns the tensors whose names do not contain `part`.
    pub(super) fn without(&self, part: &str) -> Self {
        Self(self.0.iter().filter(|tensor| !tensor.name.contains(part)).cloned().collect())
    }

    /// Writes the file: the length of the header, the header in JSON, the numbers.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        // The 32-bit numbers first, so that every tensor lies on a multiple of its own number's size.
        let in_order = || {
            let of = |format| self.0.iter().filter(move |tensor| tensor.format == format);
            of("F32").chain(of("F16"))
        };
        let mut header = String::from("{");
        let mut end = 0;
        for tensor in in_order() {
            let begin = end;
            end += tensor.bytes.len();
            let entry = json!({"dtype": tensor.format, "shape": tensor.shape, "data_offsets": [begin, end]});
            let comma = if begin == 0 { "" } else { "," };
            header.push_str(&format!("{comma}{}:{entry}", json!(tensor.name)));
        }
        header.push('}');
        let padded = header.len().next_multiple_of(8);
        let mut bytes = (padded as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(format!("{header:padded$}").as_bytes());
        in_order().for_each(|tensor| bytes.extend_from_slice(&tensor.bytes));
        super::write_whole(path, &bytes)
    }

    fn add(&mut self, name: String, shape: &[usize], format: &'static str, bytes: Vec<u8>) {
        self.0.push(Tensor { name, shape: shape.to_vec(), format, bytes });
    }
}
