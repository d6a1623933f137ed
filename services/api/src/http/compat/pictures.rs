//! Pictures in foreign requests: out of base64, and into the shape that our jobs take.

use ::assets::picture::{Decoded, Limits, decode, encode_png, fit, inspect};
use axum::body::Bytes;
use base64::Engine as _;
use contract::spec::image_to_image::Fit;

use crate::http::{Api, assets::upload::BASE64, problem::Error};

/// A picture of a request.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    /// What the client calls it.
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// How a mask says what is painted anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mask {
    /// Where it is transparent (OpenAI).
    Transparent,
    /// Where it is white; of a picture with transparent places, where it is opaque (A1111).
    White,
    /// Where it is black; of a picture with transparent places, where it is not opaque.
    Black,
}

/// Reads base64 as the world writes it, or a `data:` URL.
pub(crate) fn from_base64(name: &str, text: &str) -> Result<Picture, Error> {
    let base64 = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map_or("", |(_, base64)| base64),
        None => text,
    };
    let plain: String = base64.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    match BASE64.decode(plain) {
        Ok(bytes) if !bytes.is_empty() => Ok(Picture { name: name.to_owned(), bytes: bytes.into() }),
        _ => Err(Error::invalid_field(format!("/{name}"), format!("{name} must be a picture in base64"))),
    }
}

/// Writes base64.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// How large pictures may be here.
fn limits(api: &Api) -> Limits {
    Limits { pixels: api.config.max_picture_pixels, ..Limits::default() }
}

impl Picture {
    /// Returns the width and height, after holding the header against the limits.
    pub(crate) fn size(&self, api: &Api) -> Result<(u32, u32), Error> {
        let header = inspect(&self.bytes, &limits(api)).map_err(|error| self.refuse(error))?;
        Ok((header.width, header.height))
    }

    /// Returns the picture in this size. One that has it already stays as it is.
    pub(crate) async fn fitted(self, api: &Api, (width, height): (u32, u32), way: Fit) -> Result<Self, Error> {
        if self.size(api)? == (width, height) {
            return Ok(self);
        }
        self.changed(api, move |decoded| {
            let pixels = fit(&decoded.pixels, width, height, way);
            Ok((pixels.rgb, width, height))
        })
        .await
    }

    /// Returns the mask as our jobs take it: white is painted anew, and nothing is transparent.
    pub(crate) async fn into_mask(self, api: &Api, kind: Mask) -> Result<Self, Error> {
        self.changed(api, move |decoded| {
            let Decoded { pixels, alpha } = decoded;
            let new = match (kind, alpha) {
                (Mask::Transparent, None) => return Err("the mask must be transparent where the picture is to change"),
                (Mask::Transparent | Mask::Black, Some(alpha)) => {
                    alpha.into_iter().map(|opaque| 255 - opaque).collect()
                }
                (Mask::White, Some(alpha)) => alpha,
                (Mask::White, None) => brightness(&pixels.rgb),
                (Mask::Black, None) => brightness(&pixels.rgb).into_iter().map(|bright| 255 - bright).collect(),
            };
            let rgb = new.into_iter().flat_map(|new: u8| [new; 3]).collect();
            Ok((rgb, pixels.width, pixels.height))
        })
        .await
    }

    /// Decodes, changes and encodes a picture where that is allowed to take time.
    async fn changed(
        self,
        api: &Api,
        change: impl FnOnce(Decoded) -> Result<(Vec<u8>, u32, u32), &'static str> + Send + 'static,
    ) -> Result<Self, Error> {
        let limits = limits(api);
        let work = move || {
            let decoded = decode(&self.bytes, &limits).map_err(|error| self.refuse(error))?;
            let (rgb, width, height) =
                change(decoded).map_err(|problem| Error::invalid_field(format!("/{}", self.name), problem))?;
            let png = encode_png(&rgb, width, height, &[]).map_err(Error::internal)?;
            Ok(Self { name: self.name, bytes: png.into() })
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }

    fn refuse(&self, error: ::assets::picture::Error) -> Error {
        Error::invalid_field(format!("/{}", self.name), format!("{:#}", anyhow::Error::from(error)))
    }
}

fn brightness(rgb: &[u8]) -> Vec<u8> {
    let weighted = |[red, green, blue]: &[u8; 3]| {
        let sum = u32::from(*red) * 299 + u32::from(*green) * 587 + u32::from(*blue) * 114;
        u8::try_from(sum / 1000).unwrap_or(u8::MAX)
    };
    rgb.as_chunks().0.iter().map(weighted).collect()
}
