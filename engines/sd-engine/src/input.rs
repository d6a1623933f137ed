//! Lines and raw bytes on standard input, read by a thread of their own.
//!
//! A cancel is heard in the middle of a generation, and when standard input ends, the process ends at once, whatever it is
//! doing.

use std::{
    io::{BufRead, BufReader, Read as _},
    sync::mpsc,
};

use contract::engine::{Command, LARGEST_PICTURE_BYTES, Line};

use crate::{
    callbacks,
    output::{self, Output},
};

/// The longest line is a command with two long prompts.
const LINE_BYTES: u64 = 1 << 20;
/// More than a pipe gives at once, less than a picture.
const BUFFER_BYTES: usize = 1 << 16;

/// A command, with the bytes of its pictures.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) command: Command,
    pub(crate) pictures: Vec<Vec<u8>>,
}

/// Reads commands until standard input ends, and then ends the process.
pub(crate) fn read(commands: &mpsc::Sender<Received>, output: &'static Output) {
    let mut pipe = BufReader::with_capacity(BUFFER_BYTES, std::io::stdin().lock());
    loop {
        match next(&mut pipe) {
            Ok(Some(Received { command: Command::Cancel, .. })) => callbacks::cancel(),
            Ok(Some(received)) => {
                if matches!(received.command, Command::Generate { .. } | Command::Upscale { .. }) {
                    // Here and not where the generation begins: a cancel that follows closely must not be forgotten.
                    callbacks::forget_cancel();
                }
                if commands.send(received).is_err() {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                // Nobody knows where the next line begins.
                let message = format!("could not read a command: {error}");
                output.write(&Line::Failed { message, is_cancelled: false, is_final: false }, &[]);
                break;
            }
        }
    }
    output::end_process();
}

/// Returns the next command with its pictures; none at the end.
fn next(pipe: &mut impl BufRead) -> std::io::Result<Option<Received>> {
    let mut text = Vec::new();
    if (&mut *pipe).take(LINE_BYTES).read_until(b'\n', &mut text)? == 0 {
        return Ok(None);
    }
    let command: Command = serde_json::from_slice(&text)?;
    let mut pictures = Vec::new();
    for picture in command.pictures() {
        let size_bytes = picture.size_bytes;
        if size_bytes > LARGEST_PICTURE_BYTES {
            return Err(std::io::Error::other(format!("a picture of {size_bytes} bytes is too large")));
        }
        let mut bytes = vec![0; usize::try_from(size_bytes).map_err(std::io::Error::other)?];
        pipe.read_exact(&mut bytes)?;
        pictures.push(bytes);
    }
    Ok(Some(Received { command, pictures }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_pictures_belong_to_the_command_before_them() {
        let mut bytes = br#"{"type":"upscale","picture":{"width":2,"height":1,"size_bytes":6}}"#.to_vec();
        bytes.extend_from_slice(b"\n{\n\"}[]{\"type\":\"cancel\"}\n");
        let mut pipe = bytes.as_slice();
        let first = next(&mut pipe).unwrap().unwrap();
        assert_eq!(first.pictures, [b"{\n\"}[]"]);
        assert_eq!(next(&mut pipe).unwrap().unwrap().command, Command::Cancel);
        assert!(next(&mut pipe).unwrap().is_none());
    }

    #[test]
    fn what_is_no_command_or_too_large_is_an_error() {
        assert!(next(&mut b"hello\n".as_slice()).is_err());
        let large = br#"{"type":"upscale","picture":{"width":2,"height":1,"size_bytes":9000000000}}"#;
        assert!(next(&mut large.as_slice()).is_err());
        let half = b"{\"type\":\"upscale\",\"picture\":{\"width\":2,\"height\":1,\"size_bytes\":6}}\n123";
        assert!(next(&mut half.as_slice()).is_err());
    }
}
