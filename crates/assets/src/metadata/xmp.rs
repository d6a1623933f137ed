//! XMP: where our own JSON stands in JPEG and WebP. Nobody else looks for prompts there, so nobody is confused by it.

use super::{MEASURES_KEYWORD, OWN_KEYWORD, Text};

/// What XMP begins with in a JPEG.
pub(crate) const JPEG_NAME: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// Our texts, with the names of their elements.
const ELEMENTS: [(&str, &str); 2] = [(OWN_KEYWORD, "atelier:spec"), (MEASURES_KEYWORD, "atelier:measures")];
/// What stands for itself in no XML.
const ESCAPES: [(&str, &str); 3] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")];

/// Returns XMP with our own JSON and what belongs to it; none if there is none.
pub(crate) fn write(texts: &[Text]) -> Option<String> {
    let elements: String = ELEMENTS
        .iter()
        .filter_map(|(keyword, name)| {
            let text = &texts.iter().find(|text| text.keyword == *keyword)?.text;
            let json = ESCAPES.iter().fold(text.clone(), |text, (plain, escaped)| text.replace(plain, escaped));
            Some(format!("<{name}>{json}</{name}>"))
        })
        .collect();
    (!elements.is_empty()).then(|| {
        format!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
         <rdf:Description rdf:about=\"\" xmlns:atelier=\"urn:x-atelier:spec\">{elements}</rdf:Description>\
         </rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>"
        )
    })
}

/// Returns our own JSON out of XMP, and what belongs to it.
pub(crate) fn read(xmp: &[u8]) -> Vec<Text> {
    let Ok(xmp) = std::str::from_utf8(xmp) else { return Vec::new() };
    let found = ELEMENTS.iter().filter_map(|(keyword, name)| {
        let (_, rest) = xmp.split_once(&format!("<{name}>"))?;
        let (json, _) = rest.split_once(&format!("</{name}>"))?;
        let text = ESCAPES.iter().rev().fold(json.to_owned(), |text, (plain, escaped)| text.replace(escaped, plain));
        Some(Text { keyword: (*keyword).to_owned(), text })
    });
    found.collect()
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
        let measures = Text { keyword: MEASURES_KEYWORD.to_owned(), text: r#"[{"message":"<&>"}]"#.to_owned() };
        for texts in [vec![text.clone()], vec![text, measures]] {
            let xmp = write(&texts).expect("there is a text");
            assert_eq!(read(xmp.as_bytes()), texts);
        }
        assert_eq!(write(&[]), None);
        assert!(read(b"<x:xmpmeta/>").is_empty() && read(b"\xff").is_empty());
    }
}
