//! The pictures of a conversation: within the request, or files that are stored here. Nothing is fetched from elsewhere.

use contract::{AssetId, text::chat::Part};

use super::object::{Mistakes, Object};
use crate::{
    http::{json::shortened, openai::errors::words_of, schema::pictures},
    submit::InlinePicture,
};

/// How a stored file is named where a URL is expected.
const ASSET: &str = "asset:";
/// Where files are, below the address of this server.
const FILES: [&str; 2] = ["/api/assets/", "/links/"];
/// The most pictures of one request.
const MOST_PICTURES: usize = 64;

/// The pictures that a conversation names.
#[derive(Debug)]
pub(crate) struct Pictures<'a> {
    /// Where the client reaches this server, so that it may name our files by their addresses.
    base: &'a str,
    /// Pictures that came with the request.
    pub(crate) inline: Vec<InlinePicture>,
    /// Files that are stored, with the place of each in the request.
    pub(crate) stored: Vec<(String, AssetId)>,
}

impl<'a> Pictures<'a> {
    pub(crate) fn new(base: &'a str) -> Self {
        Self { base, inline: Vec::new(), stored: Vec::new() }
    }

    /// Reads the `image_url` of a part: an object with `url` and `detail`, or the URL itself.
    pub(crate) fn read_url(&mut self, part: &Object<'_>) -> Option<Part> {
        match part.value("image_url") {
            None => {
                part.refuse("image_url", "is required: an object with the url of the picture");
                None
            }
            Some(value) if value.is_string() => {
                self.read(part.text("image_url")?, &part.pointer("image_url"), part.mistakes())
            }
            Some(_) => {
                let image = part.object("image_url")?;
                let detail = [("auto", ()), ("low", ()), ("high", ()), ("original", ())];
                image.choice("detail", &detail);
                self.read(image.needed_text("url")?, &image.pointer("url"), part.mistakes())
            }
        }
    }

    /// Reads the URL of a picture.
    pub(crate) fn read(&mut self, url: &str, pointer: &str, mistakes: &Mistakes) -> Option<Part> {
        if self.inline.len() + self.stored.len() >= MOST_PICTURES {
            mistakes.note(pointer, format!("a request may have at most {MOST_PICTURES} pictures"));
            return None;
        }
        if url.starts_with(pictures::BEGINNING) {
            return match pictures::read(url) {
                Ok(bytes) => {
                    let asset = pictures::placeholder(&bytes);
                    self.inline.push(InlinePicture { pointer: pointer.to_owned(), placeholder: asset, bytes });
                    Some(Part::Image { asset })
                }
                Err(detail) => {
                    mistakes.note(pointer, format!("{}: {detail}", words_of(pointer)));
                    None
                }
            };
        }
        if let Some(asset) = self.find_stored(url) {
            self.stored.push((pointer.to_owned(), asset));
            return Some(Part::Image { asset });
        }
        let detail = format!(
            "{} is {:?}, and nothing is fetched from other servers: send the picture as a data: URL, or upload it with \
             POST /api/assets and name it asset:<id>",
            words_of(pointer),
            shortened(url)
        );
        mistakes.note(pointer, detail);
        None
    }

    /// Returns the stored file that a URL names.
    fn find_stored(&self, url: &str) -> Option<AssetId> {
        if let Some(id) = url.strip_prefix(ASSET) {
            return id.parse().ok();
        }
        let path = url.strip_prefix(self.base).unwrap_or(url);
        let file = FILES.iter().find_map(|folder| path.strip_prefix(folder))?;
        file.split(['?', '#', '/']).next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0198f2c2-7e3a-7d5e-9a51-1f7e6f3c0b11";

    fn read(url: &str) -> Option<Part> {
        let mistakes = Mistakes::default();
        let part = Pictures::new("http://127.0.0.1:8080").read(url, "/messages/0/content/0/image_url/url", &mistakes);
        assert_eq!(part.is_none(), mistakes.finish().is_err(), "{url}");
        part
    }

    #[test]
    fn pictures_come_with_the_request_or_are_stored_here_and_are_never_fetched() {
        let stored = Some(Part::Image { asset: ID.parse().unwrap() });
        for url in [
            format!("asset:{ID}"),
            format!("/api/assets/{ID}"),
            format!("http://127.0.0.1:8080/api/assets/{ID}?w=320"),
            format!("http://127.0.0.1:8080/links/{ID}?expires=1&signature=2"),
        ] {
            assert_eq!(read(&url), stored, "{url}");
        }
        let same = read("data:image/png;base64,AAAA");
        assert!(same.is_some() && same == read("data:image/jpeg;base64,AAAA"));
        let local = format!("http://127.0.0.1:8081/api/assets/{ID}");
        let near = format!("http://127.0.0.1:80800/api/assets/{ID}");
        for url in ["https://example.com/a.png", &local, &near, "file:///etc/passwd", "asset:x", "", "data:image/png,x"]
        {
            assert_eq!(read(url), None, "{url}");
        }
    }
}
