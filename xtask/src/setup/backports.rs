//! Debian 12 has Valkey only in its backports. The source for them is the machine's own Debian source with another suite:
//! the same server, the same key.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// The release whose backports have Valkey. Later ones have it themselves.
const CODENAME: &str = "bookworm";

const FILE: &str = "/etc/apt/sources.list.d/atelier-backports.sources";

/// A source that was added.
pub(crate) struct Added {
    pub codename: &'static str,
    pub file: PathBuf,
}

/// Adds the backports of this Debian; none if this is another release, or no source of it is known.
pub(crate) fn add() -> anyhow::Result<Option<Added>> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !release.lines().any(|line| line == format!("VERSION_CODENAME={CODENAME}")) {
        return Ok(None);
    }
    let Some(stanza) = sources().iter().find_map(|text| stanza_from(text)) else { return Ok(None) };
    fs::write(FILE, stanza).with_context(|| format!("could not write {FILE}"))?;
    Ok(Some(Added { codename: CODENAME, file: FILE.into() }))
}

/// The texts of all files with sources, `debian.sources` before others.
fn sources() -> Vec<String> {
    let mut files: Vec<_> =
        fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort_by_key(|path| !path.ends_with("debian.sources"));
    files.push("/etc/apt/sources.list".into());
    files
        .iter()
        .filter(|path| has_ending(path, "sources") || has_ending(path, "list"))
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect()
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}

/// Returns the stanza for the backports, derived from the source of the release itself, if this text holds it.
fn stanza_from(text: &str) -> Option<String> {
    text.split("\n\n").find_map(from_deb822).or_else(|| text.lines().find_map(from_one_line))
}

/// A stanza of `Field: value` lines; lines that begin with a blank continue the one before.
fn from_deb822(stanza: &str) -> Option<String> {
    let field = |name: &str| {
        let mut lines = stanza.lines().filter(|line| !line.starts_with('#')).skip_while(|line| !line.starts_with(name));
        let mut value = lines.next()?.strip_prefix(name)?.trim().to_owned();
        for more in lines.take_while(|line| line.starts_with([' ', '\t'])) {
            value = format!("{value}\n{more}");
        }
        Some(value)
    };
    let is_binary = field("Types:")?.split_whitespace().any(|kind| kind == "deb");
    let is_release = field("Suites:")?.split_whitespace().any(|suite| suite == CODENAME);
    if !is_binary || !is_release || field("Enabled:").as_deref() == Some("no") {
        return None;
    }
    let address = field("URIs:")?.split_whitespace().next()?.to_owned();
    Some(render(&address, field("Signed-By:").as_deref()))
}

/// `deb [signed-by=/usr/share/keyrings/x.gpg] http://mirror/debian bookworm main`
fn from_one_line(line: &str) -> Option<String> {
    let rest = line.trim().strip_prefix("deb ")?.trim();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (address, suite) = (words.next()?, words.next()?);
    let key = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    (suite == CODENAME).then(|| render(address, key))
}

fn render(address: &str, key: Option<&str>) -> String {
    let signed = key.map(|key| format!("Signed-By: {key}\n")).unwrap_or_default();
    format!("Types: deb\nURIs: {address}\nSuites: {CODENAME}-backports\nComponents: main\n{signed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_comes_from_the_same_server_with_the_same_key() {
        let text = "Types: deb\n# a comment\nURIs: http://security.example/debian-security\nSuites: bookworm-security\n\n\
                    Types: deb deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /keys/debian.gpg\n";
        let expected = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\nComponents: main\nSigned-By: /keys/debian.gpg\n";
        assert_eq!(stanza_from(text).as_deref(), Some(expected));
    }

    #[test]
    fn a_key_inside_the_stanza_is_kept_whole() {
        let text = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nSigned-By:\n -----BEGIN KEY-----\n abc\nComponents: main\n";
        let stanza = stanza_from(text).unwrap();
        assert!(stanza.ends_with("Signed-By: \n -----BEGIN KEY-----\n abc\n"), "{stanza}");
    }

    #[test]
    fn the_old_form_of_one_line_is_read_too() {
        let text = "# deb http://old.example/debian bookworm main\ndeb [arch=amd64 signed-by=/keys/debian.gpg] http://mirror.example/debian bookworm main\n";
        assert!(stanza_from(text).unwrap().contains("URIs: http://mirror.example/debian\nSuites: bookworm-backports"));
        assert!(stanza_from(text).unwrap().contains("Signed-By: /keys/debian.gpg"));
    }

    #[test]
    fn another_release_gives_no_source() {
        assert_eq!(
            stanza_from("Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\n"),
            None
        );
        assert_eq!(stanza_from("deb http://mirror.example/debian bookworm-security main\n"), None);
    }
}
