//! Headers that were changed at random: whatever they say, nothing panics, and what is taken is consistent.

use models::header;
use proptest::prelude::*;

use crate::build::{Gguf, language_model, read, safetensors};

/// Numbers at which arithmetic breaks.
const EDGES: [u64; 10] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, 1 << 62, i64::MAX as u64, u64::MAX];

#[derive(Debug, Clone)]
enum Change {
    Byte(usize, u8),
    Number(usize, u64),
    Insert(usize, u8),
    Remove(usize),
    CutAt(usize),
    Append(Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0_usize..600;
    prop_oneof![
        4 => (at.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        4 => (at.clone(), prop::sample::select(EDGES.to_vec())).prop_map(|(at, number)| Change::Number(at, number)),
        1 => (at.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        1 => at.clone().prop_map(Change::Remove),
        1 => at.prop_map(Change::CutAt),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Change::Append),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: Change) {
    let inside = |at: usize, length: usize| at % length.max(1);
    match change {
        Change::Byte(at, byte) => {
            let at = inside(at, bytes.len());
            bytes[at] = byte;
        }
        Change::Number(at, number) => {
            let at = inside(at, bytes.len().saturating_sub(8));
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        Change::Insert(at, byte) => bytes.insert(inside(at, bytes.len()), byte),
        Change::Remove(at) => {
            bytes.remove(inside(at, bytes.len()));
        }
        // Enough is left for the next change.
        Change::CutAt(at) => bytes.truncate(at.max(16)),
        Change::Append(more) => bytes.extend(more),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn changed_headers_never_panic_and_are_taken_only_if_all_their_tensors_are_there(
        original in prop::sample::select(vec![safetensors(), Gguf::new().bytes(), language_model()]),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut bytes = original;
        for change in changes {
            apply(&mut bytes, change);
        }
        if let Ok(header) = read(&bytes) {
            prop_assert_eq!(header.size_bytes, bytes.len() as u64);
            prop_assert!(header.tensors > 0);
            // A byte less, and the last tensor is not whole; GGUF may have up to an alignment of filling behind it.
            let missing = match header.format {
                contract::model::ModelFormat::Gguf => bytes.len(),
                _ => 1,
            };
            prop_assert!(read(&bytes[..bytes.len() - missing]).is_err());
        }
    }

    #[test]
    fn a_file_that_is_shorter_than_its_size_said_is_refused(
        original in prop::sample::select(vec![safetensors(), Gguf::new().bytes()]),
        length in 0_usize..200,
    ) {
        // Somebody cuts the file between the look at its size and the look at its content.
        prop_assert!(header::read(&original[..length.min(100)], original.len() as u64).is_err());
    }

    #[test]
    fn pure_noise_behind_a_true_beginning_never_panics(
        start in prop::sample::select(vec![&b""[..], b"GGUF\x03\0\0\0", b"\x40\0\0\0\0\0\0\0{", b"\x80\x02", b"PK\x03\x04"]),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = read(&[start, &noise].concat());
    }
}
