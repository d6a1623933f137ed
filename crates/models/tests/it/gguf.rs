//! The header of GGUF.

use contract::model::ModelFormat;
use models::header::Error;

use crate::build::{Gguf, language_model, read, refusal, text};

fn u32_bytes(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

#[test]
fn a_true_file_of_version_2_or_3_is_read() {
    for version in [2, 3] {
        let header = read(&Gguf { version, ..Gguf::new() }.bytes()).unwrap();
        assert_eq!((header.format, header.tensors), (ModelFormat::Gguf, 2));
        assert_eq!((header.architecture.as_deref(), header.is_language_model), (Some("flux"), false));
    }
    for version in [0, 1, 4, 0x0300_0000] {
        assert!(refusal(&Gguf { version, ..Gguf::new() }.bytes()).contains("is of version"));
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let whole = Gguf::new().bytes();
    for length in 4..whole.len() {
        let error = read(&whole[..length]).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{length}: {error}");
    }
}

#[test]
fn a_language_model_is_known_by_its_vocabulary_or_its_context() {
    assert!(read(&language_model()).unwrap().is_language_model);
    let words = [&u32_bytes(8)[..], &1_u64.to_le_bytes(), &text("a")].concat();
    let header = read(&Gguf::new().with("tokenizer.ggml.tokens", 9, words).bytes()).unwrap();
    assert!(header.is_language_model);
}

#[test]
fn counts_that_make_no_sense_are_refused() {
    for (place, count) in [(8, 0), (8, u64::MAX), (8, 131_073), (16, u64::MAX), (16, 131_073)] {
        let mut bytes = Gguf::new().bytes();
        bytes[place..place + 8].copy_from_slice(&u64::to_le_bytes(count));
        assert!(refusal(&bytes).contains("make no sense"), "{count}");
    }
}

#[test]
fn lengths_that_reach_beyond_the_file_are_refused() {
    for length in [1_u64 << 20, 1 << 62, u64::MAX] {
        let text = Gguf::new().with("x", 8, length.to_le_bytes().to_vec());
        let array = |kind| Gguf::new().with("x", 9, [&u32_bytes(kind)[..], &length.to_le_bytes()].concat());
        for gguf in [text, array(0), array(12), array(8)] {
            assert!(read(&gguf.bytes()).is_err(), "{length}");
        }
    }
}

#[test]
fn values_of_unknown_types_and_arrays_of_arrays_are_refused() {
    let array_of_arrays = [&u32_bytes(9)[..], &1_u64.to_le_bytes()].concat();
    for (kind, value) in [(13, vec![0; 8]), (u32::MAX, vec![0; 8]), (9, array_of_arrays)] {
        assert!(refusal(&Gguf::new().with("x", kind, value).bytes()).contains("there are no values of type"));
    }
}

#[test]
fn keys_and_tensors_stand_once() {
    assert!(refusal(&Gguf::new().with("small", 0, vec![1]).bytes()).contains("the name small stands twice"));
    let mut gguf = Gguf::new();
    gguf.tensors[1].0 = "first".to_owned();
    assert!(refusal(&gguf.bytes()).contains("the name first stands twice"));
}

#[test]
fn the_alignment_is_a_power_of_two_and_counts() {
    let mut gguf = Gguf::new().with("general.alignment", 4, u32_bytes(256));
    (gguf.alignment, gguf.tensors[1].3, gguf.data_bytes) = (256, 256, 512);
    assert!(read(&gguf.bytes()).is_ok());
    gguf.tensors[1].3 = 96;
    assert!(refusal(&gguf.bytes()).contains("does not begin where"));
    for (kind, value) in
        [(4, u32_bytes(0)), (4, u32_bytes(3)), (4, u32_bytes(1 << 21)), (10, vec![32, 0, 0, 0, 0, 0, 0, 0])]
    {
        assert!(refusal(&Gguf::new().with("general.alignment", kind, value).bytes()).contains("alignment"));
    }
}

#[test]
fn tensors_of_impossible_shape_type_or_place_are_refused() {
    let shapes: &[&[u64]] = &[
        &[0],
        &[32, u64::MAX],
        &[1 << 40, 1 << 40],
        &[1 << 40, 1 << 23, 2],
        &[32, 1 << 41],
        &[33],
        &[1, 1, 1, 1, 1, 32],
    ];
    for shape in shapes {
        let mut gguf = Gguf::new();
        gguf.tensors[0].1 = shape.to_vec();
        assert!(read(&gguf.bytes()).is_err(), "{shape:?}");
    }
    // Multiplied carelessly this is 0 numbers in 0 bytes, and everything else agrees with that.
    let mut gguf = Gguf::new();
    (gguf.tensors[0].1, gguf.tensors[1].3) = (vec![1 << 40, 1 << 24], 0);
    assert!(refusal(&gguf.bytes()).contains("has a size that makes no sense"));
    for kind in [4, 31, 42, u32::MAX] {
        let mut gguf = Gguf::new();
        gguf.tensors[1].2 = kind;
        assert!(refusal(&gguf.bytes()).contains("has a size that makes no sense"), "{kind}");
    }
    for offset in [0, 32, 95, 97, 128, u64::MAX - 31] {
        let mut gguf = Gguf::new();
        gguf.tensors[1].3 = offset;
        assert!(refusal(&gguf.bytes()).contains("does not begin where"), "{offset}");
    }
}
