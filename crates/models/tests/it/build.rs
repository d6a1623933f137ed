//! Small model files, right and wrong.

use std::{
    fs,
    path::{Path, PathBuf},
};

use models::{Library, header};
use tempfile::TempDir;

/// A folder of models.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file; the path is relative to the folder of models.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn library(&self) -> Library {
        Library::open(self.path())
    }

    /// Returns each model of the list as `id` or `id: problem`.
    pub(crate) fn listed(&self) -> Vec<String> {
        let line = |model: contract::model::Model| match model.problem {
            Some(problem) => format!("{}: {problem}", model.id),
            None => model.id,
        };
        self.library().list().unwrap().into_iter().map(line).collect()
    }
}

/// Returns a safetensors file with this header and this much behind it.
pub(crate) fn safetensors_of(json: &str, data_bytes: usize) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &vec![0; data_bytes]].concat()
}

/// Returns a safetensors file that is right.
pub(crate) fn safetensors() -> Vec<u8> {
    let json = r#"{"__metadata__":{"format":"pt"},
        "b":{"dtype":"F16","shape":[2,3],"data_offsets":[8,20]},
        "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
        "none":{"dtype":"I64","shape":[0,4],"data_offsets":[20,20]}}"#;
    safetensors_of(json, 20)
}

/// Builds a GGUF file.
#[derive(Clone)]
pub(crate) struct Gguf {
    pub(crate) version: u32,
    pub(crate) metadata: Vec<(String, u32, Vec<u8>)>,
    pub(crate) tensors: Vec<(String, Vec<u64>, u32, u64)>,
    pub(crate) alignment: usize,
    pub(crate) data_bytes: usize,
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

impl Gguf {
    /// Returns a picture model that is right, with a value of every kind.
    pub(crate) fn new() -> Self {
        let array =
            |kind: u32, count: u64, rest: Vec<u8>| [&kind.to_le_bytes()[..], &count.to_le_bytes(), &rest].concat();
        let metadata = vec![
            ("general.architecture".to_owned(), 8, text("flux")),
            ("small".to_owned(), 0, vec![1]),
            ("medium".to_owned(), 3, vec![1, 2]),
            ("large".to_owned(), 6, vec![0; 4]),
            ("huge".to_owned(), 12, vec![0; 8]),
            ("is".to_owned(), 7, vec![1]),
            ("numbers".to_owned(), 9, array(5, 3, vec![0; 12])),
            ("words".to_owned(), 9, array(8, 2, [text("a"), text("bc")].concat())),
        ];
        // 64 numbers of Q8_0 are two blocks of 34 bytes; the next tensor begins at the next multiple of 32.
        let tensors = vec![("first".to_owned(), vec![32, 2], 8, 0), ("second".to_owned(), vec![3], 0, 96)];
        Self { version: 3, metadata, tensors, alignment: 32, data_bytes: 96 + 32 }
    }

    pub(crate) fn with(mut self, key: &str, kind: u32, value: Vec<u8>) -> Self {
        self.metadata.push((key.to_owned(), kind, value));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, kind, value) in &self.metadata {
            bytes.extend([text(key), kind.to_le_bytes().to_vec(), value.clone()].concat());
        }
        for (name, shape, kind, offset) in &self.tensors {
            bytes.extend(text(name));
            bytes.extend((shape.len() as u32).to_le_bytes());
            bytes.extend(shape.iter().flat_map(|length| length.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(self.alignment) + self.data_bytes, 0);
        bytes
    }
}

/// Returns a GGUF as llama.cpp has them.
pub(crate) fn language_model() -> Vec<u8> {
    let mut gguf = Gguf::new();
    gguf.metadata[0].2 = text("qwen3");
    gguf.with("qwen3.context_length", 4, vec![0; 4]).bytes()
}

/// Reads a header out of memory.
pub(crate) fn read(bytes: &[u8]) -> Result<header::Header, header::Error> {
    header::read(bytes, bytes.len() as u64)
}

/// Returns why a file is refused.
pub(crate) fn refusal(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}
