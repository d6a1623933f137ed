//! The header of safetensors.

use contract::model::ModelFormat;
use models::header::Error;

use crate::build::{read, refusal, safetensors, safetensors_of};

#[test]
fn a_true_file_is_read_whatever_the_order_of_its_tensors() {
    let header = read(&safetensors()).unwrap();
    assert_eq!((header.format, header.tensors), (ModelFormat::Safetensors, 3));
    assert_eq!((header.size_bytes, header.is_language_model), (safetensors().len() as u64, false));
}

#[test]
fn the_tiny_models_are_true_files() {
    let folder = tempfile::tempdir().unwrap();
    testkit::tiny_models::write_sd(folder.path()).unwrap();
    for name in ["components/tiny-flux2-klein", "components/tiny-taef2", "esrgan/tiny-esrgan-x2", "lora/tiny-lora"] {
        let header = models::header::check(&folder.path().join(format!("{name}.safetensors"))).unwrap();
        assert!(header.tensors > 0 && !header.is_language_model, "{name}");
    }
    let encoder = models::header::check(&folder.path().join("components/tiny-qwen3-te.safetensors")).unwrap();
    assert!(encoder.is_language_model);
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let whole = safetensors();
    for length in 9..whole.len() {
        let error = read(&whole[..length]).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{length}: {error}");
        assert!(error.remedy().contains("download it again"));
    }
}

#[test]
fn a_tensor_that_is_not_as_large_as_its_place_is_refused() {
    for (shape, offsets) in [
        ("[2]", "[0,7]"),
        ("[2]", "[8,0]"),
        ("[4294967296,4294967296]", "[0,0]"),
        ("[1099511627776,1099511627776]", "[0,0]"),
        ("[18446744073709551615,2]", "[0,8]"),
        ("[4611686018427387904]", "[0,0]"),
        ("[]", "[0,8]"),
        ("[1,1,1,1,1,1,1,1,2]", "[0,8]"),
        ("[2]", "[18446744073709551608,18446744073709551615]"),
    ] {
        let json = format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#);
        assert!(refusal(&safetensors_of(&json, 8)).contains("is broken"), "{shape} {offsets}");
    }
}

#[test]
fn tensors_lie_one_behind_the_other_and_fill_the_file() {
    let two = |one: &str, other: &str| {
        format!(
            r#"{{"a":{{"dtype":"U8","shape":[4],"data_offsets":{one}}},"b":{{"dtype":"U8","shape":[4],"data_offsets":{other}}}}}"#
        )
    };
    assert!(read(&safetensors_of(&two("[4,8]", "[0,4]"), 8)).is_ok());
    assert!(refusal(&safetensors_of(&two("[0,4]", "[2,6]"), 6)).contains("overlap"));
    assert!(refusal(&safetensors_of(&two("[0,4]", "[5,9]"), 9)).contains("leave a gap"));
    assert!(refusal(&safetensors_of(&two("[1,5]", "[5,9]"), 9)).contains("leave a gap"));
    assert!(refusal(&safetensors_of(&two("[0,4]", "[4,8]"), 9)).contains("goes on after its last tensor"));
    assert!(refusal(&safetensors_of(&two("[0,4]", "[4,8]"), 7)).contains("cut off"));
}

#[test]
fn names_stand_once_however_they_are_written() {
    let tensor = |offsets: &str| format!(r#"{{"dtype":"U8","shape":[1],"data_offsets":{offsets}}}"#);
    let json = format!(r#"{{"a":{},"\u0061":{}}}"#, tensor("[0,1]"), tensor("[1,2]"));
    assert!(refusal(&safetensors_of(&json, 2)).contains("the name a stands twice"));
    let json = format!(r#"{{"__metadata__":{{"x":"1","x":"2"}},"a":{}}}"#, tensor("[0,1]"));
    assert!(refusal(&safetensors_of(&json, 1)).contains("the name x stands twice"));
    let twice = r#"{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    assert!(refusal(&safetensors_of(twice, 1)).contains("duplicate field"));
    let long = format!(r#"{{"{}":{}}}"#, "n".repeat(1025), tensor("[0,1]"));
    assert!(refusal(&safetensors_of(&long, 1)).contains("a name has 1025 bytes"));
}

#[test]
fn json_of_another_shape_is_refused() {
    for json in [
        "{}",
        r#"{"a":1}"#,
        r#"{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8.0]}}"#,
        r#"{"a":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8,9]}}"#,
        r#"{"a":{"dtype":"U8","shape":[8]}}"#,
        r#"{"__metadata__":{"x":1},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}\0",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}{}",
        r#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}"#,
    ] {
        assert!(refusal(&safetensors_of(json, 8)).contains("is broken"), "{json}");
    }
    let deep = format!(r#"{{"a":{{"x":{}}}}}"#, "[".repeat(100_000));
    assert!(refusal(&safetensors_of(&deep, 0)).contains("is broken"));
}

#[test]
fn a_length_that_makes_no_sense_is_refused_before_anything_is_read() {
    for length in [0, 1, 100_000_001, u64::MAX] {
        assert!(read(&[&length.to_le_bytes()[..], b"{}"].concat()).is_err(), "{length}");
    }
}

#[test]
fn what_comes_out_of_the_file_does_not_flood_the_message() {
    let json = format!(r#"{{"a":{{"dtype":"{}\n","shape":[1],"data_offsets":[0,8]}}}}"#, "x".repeat(100_000));
    assert!(refusal(&safetensors_of(&json, 8)).chars().count() < 400);
}
