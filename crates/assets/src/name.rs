//! Where things lie in the store. What is not a hash, an id or a plain word never becomes a path.

use contract::JobId;
use object_store::path::Path;

use crate::Error;

pub(crate) const BLOBS: &str = "blobs";
pub(crate) const OUTPUTS: &str = "outputs";
pub(crate) const THUMBNAILS: &str = "thumbnails";

const HASH_DIGITS: usize = 64;
const LONGEST_TOKEN: usize = 128;

/// Returns the path of a file.
pub(crate) fn blob(blake3: &str) -> Result<Path, Error> {
    check_hash(blake3)?;
    Ok(Path::from_iter([BLOBS, blake3.get(..2).unwrap_or_default(), blake3]))
}

/// Returns the path of a thumbnail.
pub(crate) fn thumbnail(blake3: &str, width_px: u32) -> Result<Path, Error> {
    check_hash(blake3)?;
    Ok(Path::from_iter([THUMBNAILS, &format!("{blake3}-{width_px}")]))
}

/// Returns the path of the results of a job.
pub(crate) fn results(job: JobId) -> Path {
    Path::from_iter([OUTPUTS, &job.to_string()])
}

/// Returns the path of the result of one attempt.
pub(crate) fn result(job: JobId, token: &str) -> Result<Path, Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if token.is_empty() || token.len() > LONGEST_TOKEN || !token.bytes().all(is_plain) {
        let problem = "it must be 1 to 128 letters, digits, - and _";
        return Err(Error::Name { what: "the token of an attempt", problem });
    }
    Ok(Path::from_iter([OUTPUTS, &job.to_string(), token, "result.json"]))
}

/// Returns whether this is the name of a file: 64 hex digits in lower case.
pub(crate) fn is_hash(text: &str) -> bool {
    text.len() == HASH_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn check_hash(text: &str) -> Result<(), Error> {
    if is_hash(text) {
        return Ok(());
    }
    Err(Error::Name { what: "what was asked for", problem: "it must be a BLAKE3, 64 hex digits in lower case" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_64_hex_digits_name_a_file() {
        let hash = "ab".repeat(32);
        assert_eq!(blob(&hash).unwrap().as_ref(), format!("blobs/ab/{hash}"));
        let wrong = ["", "ab", "../../etc/passwd", &"AB".repeat(32), &"ag".repeat(32), &format!("../{}", &hash[3..])];
        for name in wrong.iter().chain(&[&hash.replace('a', "/"), &format!("{hash}\0"), &"ä".repeat(32)].map(|x| &**x))
        {
            assert!(blob(name).is_err(), "{name}");
            assert!(thumbnail(name, 160).is_err(), "{name}");
        }
    }

    #[test]
    fn a_token_is_a_plain_word() {
        let job = JobId::new();
        assert_eq!(result(job, "3-a_B").unwrap().as_ref(), format!("outputs/{job}/3-a_B/result.json"));
        for token in ["", ".", "..", "a/b", "a\\b", "a b", "ä", "a\0", &"a".repeat(129)] {
            assert!(result(job, token).is_err(), "{token}");
        }
    }
}
