//! What the tests ask for, and what they find in PNG files.

use serde_json::{Value, json};

/// A small picture with these many steps.
pub(crate) fn picture(prompt: &str, steps: u32) -> Value {
    json!({"prompt": prompt, "width": 64, "height": 64, "steps": steps, "cfg_scale": 1.0, "seed": 7})
}

/// A picture file as a reader sees it.
pub(crate) struct Decoded {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// All texts, by keyword.
    pub(crate) texts: Vec<(String, String)>,
    /// 8-bit RGB, rows from the top.
    pub(crate) rgb: Vec<u8>,
    /// How many different bytes the pixels have: one colour would be a picture of nothing.
    pub(crate) variety: usize,
}

impl Decoded {
    /// Returns the colour of a pixel.
    pub(crate) fn pixel(&self, x: u32, y: u32) -> &[u8] {
        let at = (y * self.width + x) as usize * 3;
        &self.rgb[at..at + 3]
    }

    pub(crate) fn text(&self, keyword: &str) -> &str {
        self.texts.iter().find(|(found, _)| found == keyword).map_or("", |(_, text)| text.as_str())
    }
}

/// Reads a PNG to its end.
pub(crate) fn decode(png: &[u8]) -> Decoded {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("the head of a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    reader.next_frame(&mut pixels).expect("the pixels of a PNG");
    reader.finish().expect("the end of a PNG");
    let info = reader.info();
    let latin = info.uncompressed_latin1_text.iter().map(|text| (text.keyword.clone(), text.text.clone()));
    let utf8 = info.utf8_text.iter().map(|text| (text.keyword.clone(), text.get_text().expect("a text")));
    let texts = latin.chain(utf8).collect();
    let (width, height) = (info.width, info.height);
    let variety = pixels.iter().collect::<std::collections::HashSet<_>>().len();
    Decoded { width, height, texts, rgb: pixels, variety }
}

/// Returns a PNG to upload: grey, with this many pixels on a side.
pub(crate) fn png_of(side_px: u32) -> Vec<u8> {
    png_from(side_px, side_px, |x, y| [0, 1, 2].map(|channel| ((y * side_px + x) * 3 + channel) as u8 % 251))
}

/// Returns a PNG with these colours.
pub(crate) fn png_from(width: u32, height: u32, colour: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| colour(x, y)).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}
