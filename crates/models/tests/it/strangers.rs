//! Files that are no models, whatever their names say.

use std::{
    io::{self, Read},
    path::Path,
};

use models::header::{self, Error, LONGEST_HEADER_BYTES};

use crate::build::{Folder, Gguf, refusal, safetensors};

#[test]
fn what_is_no_model_is_refused_by_what_it_is() {
    for (bytes, found) in [
        (&b""[..], "empty"),
        (b"\x80\x02}q\x00X\x05\0\0\0model", "a pickle"),
        (b"\x80\x04\x95\x20\0\0\0\0\0\0\0", "a pickle"),
        (b"PK\x03\x04\0\0archive/data.pkl", "a ZIP archive"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page"),
        (b"\n <html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
        (b"{\"error\":\"unauthorized\"}", "JSON"),
        (b"lmgg\0\0\0\0", "an old GGML file"),
        (b"FUGG", "the other byte order"),
        (&[0; 4096], "nothing but zeros"),
        (b"GGU", "neither safetensors nor GGUF"),
        (b"\x02\0\0\0\0\0\0\0", "neither safetensors nor GGUF"),
    ] {
        let message = refusal(bytes);
        assert!(message.starts_with("the file is ") && message.contains(found), "{message}");
    }
}

#[test]
fn the_remedy_for_a_pickle_is_another_form_of_the_model() {
    let Err(error) = header::read(&b"\x80\x02}"[..], 3) else { panic!("it was taken") };
    assert!(error.remedy().contains(".safetensors or .gguf"), "{}", error.remedy());
}

#[test]
fn the_content_decides_and_not_the_name() {
    let folder = Folder::new();
    folder.write("checkpoints/pickle.safetensors", b"\x80\x02}q\x00.");
    folder.write("checkpoints/zip.gguf", b"PK\x03\x04archive/data.pkl");
    folder.write("checkpoints/really-gguf.safetensors", Gguf::new().bytes());
    folder.write("checkpoints/really-safetensors.gguf", safetensors());
    let listed = folder.listed();
    assert!(listed[0].starts_with("pickle: the file is a PyTorch checkpoint (a pickle)"), "{listed:?}");
    assert_eq!(listed[1..3], ["really-gguf", "really-safetensors"]);
    assert!(listed[3].starts_with("zip: the file is a ZIP archive"), "{listed:?}");
}

#[test]
fn a_folder_or_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    assert!(matches!(header::check(folder.path()), Err(Error::NotAFile)));
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(matches!(header::check(&pipe), Err(Error::NotAFile)));
    assert!(matches!(header::check(Path::new("/nowhere/x")), Err(Error::Read(_))));
}

/// Counts what is read.
struct Counted<R>(R, u64);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1 += count as u64;
        Ok(count)
    }
}

#[test]
fn a_header_without_an_end_is_read_to_the_limit_and_takes_little_memory() {
    let before_kib = peak_memory_kib();
    // Each of them goes on for ever: an array of texts, an array of numbers, a text.
    let texts = [&8_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat();
    let bytes = [&0_u32.to_le_bytes()[..], &(99_999_999_u64).to_le_bytes()].concat();
    let long_text = 99_999_999_u64.to_le_bytes().to_vec();
    let head = |kind, value: Vec<u8>| {
        let gguf = Gguf { tensors: vec![("t".to_owned(), vec![1], 0, 0)], data_bytes: 0, alignment: 1, ..Gguf::new() };
        let mut whole = Gguf { metadata: vec![], ..gguf }.with("x", kind, value).bytes();
        // Without the line of the tensor, whose place the endless value takes.
        whole.truncate(whole.len() - (8 + 1 + 4 + 8 + 4 + 8));
        whole
    };
    for start in [head(9, texts), head(9, bytes), head(8, long_text)] {
        let mut file = Counted(start.chain(io::repeat(0)), 0);
        assert!(header::read(&mut file, u64::MAX).is_err());
        assert!(file.1 <= LONGEST_HEADER_BYTES + (64 << 10), "{} bytes were read", file.1);
    }
    let grown_mib = (peak_memory_kib() - before_kib) / 1024;
    // The one text of 100 MB is read into a buffer that doubles as it grows.
    assert!(grown_mib < 400, "{grown_mib} MiB");
}

#[test]
fn json_is_read_no_further_than_its_length_says() {
    for (start, filling) in [(&b"{\"__metadata__\":{\"x\":\""[..], b'x'), (b"{", b' ')] {
        let length = 1_u64 << 20;
        let head = [&length.to_le_bytes()[..], start].concat();
        let mut file = Counted(head.chain(io::repeat(filling)), 0);
        assert!(header::read(&mut file, u64::MAX).is_err());
        assert!(file.1 <= 8 + length, "{} bytes were read", file.1);
    }
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
