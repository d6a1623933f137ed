//! What lies in model folders and is no model that may be loaded.

use super::Error;

/// How much of a file is looked at to recognise it.
pub(super) const START_BYTES: u64 = 512;

const AGAIN: &str = "download it again";
const CONVERT: &str = "download the .safetensors or .gguf form of the model: a checkpoint of this kind is a program, and \
                       loading it would run it";
const OTHER: &str = "put a .safetensors or .gguf file in its place";

const PICKLE: &str = "a PyTorch checkpoint (a pickle), which may contain a program";

/// How files begin, what they are, and what to do.
const BEGINNINGS: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a ZIP archive, as PyTorch checkpoints are, which may contain a program", CONVERT),
    (b"PK\x05\x06", "an empty ZIP archive", OTHER),
    (b"\x80\x02", PICKLE, CONVERT),
    (b"\x80\x03", PICKLE, CONVERT),
    (b"\x80\x04", PICKLE, CONVERT),
    (b"\x80\x05", PICKLE, CONVERT),
    (b"FUGG", "a GGUF file for machines of the other byte order", "download it for this machine"),
    (b"ggml", "an old GGML file", CONVERT),
    (b"tjgg", "an old GGML file", CONVERT),
    (b"lmgg", "an old GGML file", CONVERT),
    (b"\x89HDF", "a Keras model (HDF5)", CONVERT),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file", "run `git lfs pull` in its folder"),
    (b"{", "JSON", OTHER),
];

/// Returns why a file that is neither safetensors nor GGUF is refused.
pub(super) fn recognise(start: &[u8]) -> Error {
    if start.is_empty() {
        return Error::Foreign { found: "empty", remedy: AGAIN };
    }
    if let Some((_, found, remedy)) = BEGINNINGS.iter().find(|(beginning, ..)| start.starts_with(beginning)) {
        return Error::Foreign { found, remedy };
    }
    if start.trim_ascii_start().starts_with(b"<") {
        let remedy = "download it again; where a site wants a login, with its token";
        return Error::Foreign { found: "a web page in place of the model", remedy };
    }
    if start.iter().all(|byte| *byte == 0) {
        return Error::Foreign { found: "nothing but zeros", remedy: AGAIN };
    }
    Error::Foreign { found: "neither safetensors nor GGUF", remedy: OTHER }
}
