//! What sees and hears for a language model: a file of its own, `mmproj`.

use super::Value;

/// What the eye of a model is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Eye {
    /// Whether it takes pictures.
    pub has_vision: bool,
    /// Whether it takes sound.
    pub has_audio: bool,
    /// `clip.projector_type`.
    pub kind: Option<String>,
    /// Width of what it hands on. For most kinds it is the width of the model.
    pub width: Option<u64>,
    /// Side of the pictures that it takes.
    pub image_size_px: Option<u64>,
    /// Side of the squares that it cuts them into.
    pub patch_size_px: Option<u64>,
    /// Width of what it sees of a square.
    pub embedding_length: Option<u64>,
    /// Width inside of a layer.
    pub feed_forward_length: Option<u64>,
    /// Its heads.
    pub heads: Option<u64>,
}

impl Eye {
    pub(super) fn see(&mut self, key: &str, value: Value) {
        let number = match value {
            Value::Text(text) => {
                if key == "projector_type" {
                    self.kind = Some(text);
                }
                return;
            }
            Value::Number(number) => number,
            _ => return,
        };
        match key {
            "has_vision_encoder" => self.has_vision = number != 0,
            "has_audio_encoder" => self.has_audio = number != 0,
            "vision.projection_dim" => self.width = Some(number),
            "audio.projection_dim" => self.width = self.width.or(Some(number)),
            "vision.image_size" => self.image_size_px = Some(number),
            "vision.patch_size" => self.patch_size_px = Some(number),
            "vision.embedding_length" => self.embedding_length = Some(number),
            "vision.feed_forward_length" => self.feed_forward_length = Some(number),
            "vision.attention.head_count" => self.heads = Some(number),
            _ => {}
        }
    }
}
