//! What was read once is not read again, unless the file has changed.

use std::{
    fs::{self, File, FileTimes, Permissions},
    os::unix::fs::PermissionsExt as _,
    time::UNIX_EPOCH,
};

use crate::build::{Folder, safetensors, safetensors_of};

#[test]
fn a_changed_file_is_read_again_even_if_size_and_time_stay() {
    let folder = Folder::new();
    let path = folder.write("checkpoints/x.safetensors", safetensors());
    let library = folder.library();
    let touch = || File::open(&path).unwrap().set_times(FileTimes::new().set_modified(UNIX_EPOCH)).unwrap();
    touch();
    assert!(library.resolve("x").is_ok());
    let mut changed = safetensors();
    changed[9] = b'!';
    fs::write(&path, changed).unwrap();
    touch();
    assert!(library.resolve("x").is_err());
    fs::write(&path, safetensors()).unwrap();
    touch();
    assert!(library.resolve("x").is_ok());
}

#[test]
fn clones_share_what_they_remember_and_gone_files_are_gone() {
    let folder = Folder::new();
    let path = folder.write("checkpoints/x.safetensors", safetensors());
    let library = folder.library();
    let clone = library.clone();
    assert_eq!(clone.list().unwrap().len(), 1);
    fs::remove_file(path).unwrap();
    assert!(library.list().unwrap().is_empty());
    assert!(clone.resolve("x").is_err());
}

#[test]
fn a_list_without_changes_reads_no_headers() {
    let folder = Folder::new();
    let json = format!(
        r#"{{"__metadata__":{{"picture":"{}"}},"a":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}"#,
        "x".repeat(1 << 20)
    );
    for number in 0..3 {
        folder.write(&format!("checkpoints/{number}.safetensors"), safetensors_of(&json, 1));
    }
    let library = folder.library();
    let read_by_a_list = || {
        let before = read_bytes();
        assert_eq!(library.list().unwrap().len(), 3);
        read_bytes() - before
    };
    assert!(read_by_a_list() > 3 << 20);
    assert!(read_by_a_list() < 64 << 10);
}

/// Returns how many bytes this process has read so far.
fn read_bytes() -> u64 {
    let counters = fs::read_to_string("/proc/self/io").unwrap();
    counters.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
fn a_file_that_may_not_be_read_is_tried_again() {
    let folder = Folder::new();
    let path = folder.write("checkpoints/x.safetensors", safetensors());
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    let library = folder.library();
    // Root may read everything; for everybody else the problem is named and goes away with its cause.
    let first = library.list().unwrap().remove(0).problem;
    if let Some(problem) = first {
        assert!(
            problem.contains("could not be read: Permission denied") && problem.contains("right to read"),
            "{problem}"
        );
    }
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(library.list().unwrap().remove(0).problem, None);
}
