//! What is listed, under which id, and what a job gets.

use std::os::unix::fs::symlink;

use contract::{engine::ModelFiles, model::ModelFormat};
use models::{Error, Library};

use crate::build::{Folder, Gguf, language_model, safetensors};

#[test]
fn models_are_listed_by_their_path_without_its_ending() {
    let folder = Folder::new();
    folder.write("checkpoints/b/deep/er.GGUF", Gguf::new().bytes());
    folder.write("checkpoints/a.v1.safetensors", safetensors());
    folder.write("checkpoints/half.safetensors.part", "x");
    folder.write("checkpoints/old.ckpt", "x");
    folder.write("checkpoints/.hidden.safetensors", safetensors());
    folder.write("lora/not-a-model.safetensors", safetensors());
    let listed = folder.library().list().unwrap();
    let found: Vec<_> = listed.iter().map(|model| (model.id.as_str(), model.format, model.size_bytes)).collect();
    let (safetensors, gguf) = (safetensors().len() as u64, Gguf::new().bytes().len() as u64);
    assert_eq!(found, [("a.v1", ModelFormat::Safetensors, safetensors), ("b/deep/er", ModelFormat::Gguf, gguf)]);
}

#[test]
fn a_folder_that_is_not_there_has_no_models() {
    let folder = Folder::new();
    assert!(folder.listed().is_empty());
    let library = Library::open(&folder.path().join("nowhere"));
    assert!(library.list().unwrap().is_empty());
    assert!(matches!(library.resolve("x"), Err(Error::Unknown { .. })));
}

#[test]
fn a_model_in_one_file_is_resolved_to_its_absolute_path() {
    let folder = Folder::new();
    let path = folder.write("checkpoints/sd/dream.safetensors", safetensors());
    let expected = ModelFiles { model: Some(path.to_str().unwrap().to_owned()), ..ModelFiles::default() };
    assert_eq!(folder.library().resolve("sd/dream").unwrap(), expected);
}

#[test]
fn an_unknown_id_is_refused_with_the_nearest_and_never_taken_for_a_path() {
    let folder = Folder::new();
    folder.write("checkpoints/sd/dreamshaper.safetensors", safetensors());
    folder.write("secret.safetensors", safetensors());
    let nearest = |id: &str| match folder.library().resolve(id) {
        Err(Error::Unknown { nearest, .. }) => nearest,
        other => panic!("{id}: {other:?}"),
    };
    assert_eq!(nearest("dreamshaper"), ["sd/dreamshaper"]);
    assert_eq!(nearest("sd/dreamshapr"), ["sd/dreamshaper"]);
    for id in
        ["../secret", "sd/../sd/dreamshaper", "sd//dreamshaper", "/etc/passwd", "sd/dreamshaper.safetensors", "", "\0"]
    {
        nearest(id);
    }
}

#[test]
fn a_model_that_cannot_be_used_is_listed_with_its_problem_and_refused_with_its_remedy() {
    let folder = Folder::new();
    folder.write("checkpoints/empty.safetensors", "");
    let whole = safetensors();
    folder.write("checkpoints/short.safetensors", &whole[..whole.len() - 1]);
    folder.write("checkpoints/writer.gguf", language_model());
    let listed = folder.listed();
    assert_eq!(listed[0], "empty: the file is empty; download it again");
    assert!(listed[1].starts_with("short: the file is cut off: it has "), "{listed:?}");
    assert!(listed[2].starts_with("writer: it is a language model (qwen3), which paints no pictures; "), "{listed:?}");
    let Err(Error::Broken { id, problem, remedy, .. }) = folder.library().resolve("empty") else {
        panic!("it was taken")
    };
    assert_eq!((id.as_str(), problem.as_str(), remedy.as_str()), ("empty", "the file is empty", "download it again"));
}

#[test]
fn two_files_of_one_name_are_two_models() {
    let folder = Folder::new();
    folder.write("checkpoints/twin.safetensors", safetensors());
    folder.write("checkpoints/twin.gguf", Gguf::new().bytes());
    assert_eq!(folder.listed(), ["twin", "twin.gguf"]);
    let files = folder.library().resolve("twin.gguf").unwrap();
    assert!(files.model.unwrap().ends_with("/twin.gguf"));
}

#[test]
fn a_name_that_no_job_can_say_is_a_problem() {
    let folder = Folder::new();
    folder.write(&format!("checkpoints/{}.safetensors", "n".repeat(201)), safetensors());
    assert!(folder.listed()[0].contains("more than 200 characters"));
}

#[test]
fn links_to_folders_and_models_are_followed_and_circles_are_not() {
    let folder = Folder::new();
    let disk = Folder::new();
    disk.write("big/one.safetensors", safetensors());
    std::fs::create_dir(folder.path().join("checkpoints")).unwrap();
    symlink(disk.path().join("big"), folder.path().join("checkpoints/disk")).unwrap();
    symlink(disk.path().join("big/one.safetensors"), folder.path().join("checkpoints/linked.safetensors")).unwrap();
    symlink(folder.path().join("checkpoints"), folder.path().join("checkpoints/circle")).unwrap();
    symlink("/nowhere", folder.path().join("checkpoints/lost.safetensors")).unwrap();
    assert_eq!(folder.listed(), ["disk/one", "linked"]);
}

#[test]
fn a_checkpoints_that_is_a_file_is_an_error_that_names_it() {
    let folder = Folder::new();
    folder.write("checkpoints", "");
    let error = folder.library().list().unwrap_err();
    assert!(matches!(error, Error::Folder { .. }) && error.to_string().contains("/checkpoints"), "{error}");
}
