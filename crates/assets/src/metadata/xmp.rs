//! XMP: where our own JSON stands in JPEG and WebP. Nobody else looks for prompts there, so nobody is confused by it.

use super::{OWN_KEYWORD, Text};

/// What XMP begins with in a JPEG.
pub(crate) const JPEG_NAME: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

const OPEN: &str = "<atelier:spec>";
const CLOSE: &str = "</atelier:spec>";
/// What stands for itself in no XML.
const ESCAPES: [(&str, &str); 3] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")];

/// Returns XMP with our own JSON; none if there is none.
pub(crate) fn write(texts: &[Text]) -> Option<String> {
    let own = texts.iter().find(|text| text.keyword == OWN_KEYWORD)?;
    let json = ESCAPES.iter().fold(own.text.clone(), |text, (plain, escaped)| text.replace(plain, escaped));
    Some(format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
         <rdf:Description rdf:about=\"\" xmlns:atelier=\"urn:x-atelier:spec\">{OPEN}{json}{CLOSE}</rdf:Description>\
         </rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>"
    ))
}

/// Returns our own JSON out of XMP.
pub(crate) fn read(xmp: &[u8]) -> Option<Text> {
    let xmp = std::str::from_utf8(xmp).ok()?;
    let (_, rest) = xmp.split_once(OPEN)?;
    let (json, _) = rest.split_once(CLOSE)?;
    let text = ESCAPES.iter().rev().fold(json.to_owned(), |text, (plain, escaped)| text.replace(escaped, plain));
    Some(Text { keyword: OWN_KEYWORD.to_owned(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_json_comes_back_as_it_was() {
        let text = Text {
            keyword: OWN_KEYWORD.to_owned(),
            text: r#"{"prompt":"a <b> & &lt; 'ü' </atelier:spec>"}"#.to_owned(),
        };
        let xmp = write(std::slice::from_ref(&text)).expect("there is a text");
        assert_eq!(read(xmp.as_bytes()), Some(text));
        assert_eq!(write(&[]), None);
        assert_eq!(read(b"<x:xmpmeta/>"), None);
        assert_eq!(read(b"\xff"), None);
    }
}
