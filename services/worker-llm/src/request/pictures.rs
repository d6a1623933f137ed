//! Brings the pictures of a conversation into a form that every engine reads: small enough, PNG or JPEG, in the request itself.
//!
//! An engine is never given an address: it would fetch what stands there, with the rights of this machine.

use std::collections::HashMap;

use assets::{
    AssetStore, Error,
    picture::{self, Limits, Pixels},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use contract::{
    AssetId,
    asset::AssetRef,
    job::{Failure, FailureCode},
    spec::{Output, output::Format},
};

use crate::trouble::{Trouble, refusal};

/// No vision model looks at more; a larger picture only makes the request longer.
const LONGEST_SIDE_PX: u32 = 2048;
/// The quality of what came as JPEG.
const QUALITY: u8 = 92;

/// The pictures of a request, as `data:` URLs.
#[derive(Debug, Default)]
pub(crate) struct Pictures(HashMap<AssetId, String>);

impl Pictures {
    /// Reads all pictures of a request, one after the other.
    pub(crate) async fn load(assets: &AssetStore, inputs: &[AssetRef]) -> Result<Self, Trouble> {
        let mut pictures = HashMap::new();
        for file in inputs {
            pictures.insert(file.id, load(assets, file).await.map_err(Trouble::Failed)?);
        }
        Ok(Self(pictures))
    }

    /// Returns the URL of a picture.
    pub(super) fn find(&self, id: AssetId) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }
}

async fn load(assets: &AssetStore, file: &AssetRef) -> Result<String, Failure> {
    let id = file.id;
    let bytes = assets.read(&file.blake3).await.map_err(|error| match error {
        Error::NotFound(_) | Error::Damaged(_) => {
            refusal(format!("the file of the picture {id} is gone or damaged"), "send the picture again")
        }
        error => Failure {
            code: FailureCode::Storage,
            message: format!("could not read the picture {id}: {:#}", anyhow::Error::from(error)),
            remedy: None,
        },
    })?;
    let encoded = tokio::task::spawn_blocking(move || to_url(&bytes)).await;
    let encoded = encoded.map_err(|error| Failure {
        code: FailureCode::Engine,
        message: format!("the picture {id} could not be prepared: {error}"),
        remedy: None,
    })?;
    encoded.map_err(|error| refusal(format!("the picture {id} cannot be used: {error}"), "send another picture"))
}

/// Returns a picture as a `data:` URL. Blocks.
fn to_url(bytes: &[u8]) -> Result<String, picture::Error> {
    let limits = Limits::default();
    // What was a photograph stays one: as PNG it would be ten times as long.
    let is_jpeg = picture::inspect(bytes, &limits)?.media_type == Format::Jpeg.media_type();
    let pixels = shrink(picture::decode(bytes, &limits)?.pixels);
    let format = if is_jpeg { Format::Jpeg } else { Format::Png };
    let output = Output { format, quality: QUALITY, ..Output::default() };
    let bytes = picture::encode(&pixels, &output, &[])?;
    Ok(format!("data:{};base64,{}", format.media_type(), BASE64_STANDARD.encode(bytes)))
}

fn shrink(pixels: Pixels) -> Pixels {
    let longest = pixels.width.max(pixels.height);
    if longest <= LONGEST_SIDE_PX {
        return pixels;
    }
    let scaled = |side: u32| {
        let side = u64::from(side) * u64::from(LONGEST_SIDE_PX) / u64::from(longest);
        u32::try_from(side).unwrap_or(LONGEST_SIDE_PX).max(1)
    };
    picture::resample(&pixels, scaled(pixels.width), scaled(pixels.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_picture_is_made_smaller_and_keeps_its_shape() {
        let large = Pixels { width: 4096, height: 3, rgb: vec![7; 4096 * 9] };
        let small = shrink(large);
        assert_eq!((small.width, small.height), (2048, 1));
        let fits = Pixels { width: 2048, height: 2, rgb: vec![7; 2048 * 6] };
        assert_eq!(shrink(fits.clone()), fits);
    }

    #[test]
    fn every_picture_becomes_one_that_every_engine_reads() {
        let rgb: Vec<u8> = (0..64 * 64 * 3).map(|number| number as u8).collect();
        let pixels = Pixels { width: 64, height: 64, rgb };
        for (format, kept) in [(Format::Png, "png"), (Format::Jpeg, "jpeg"), (Format::Webp, "png")] {
            let bytes = picture::encode(&pixels, &Output { format, ..Output::default() }, &[]).unwrap();
            let url = to_url(&bytes).unwrap();
            let written = url.strip_prefix(&format!("data:image/{kept};base64,")).expect("the right kind");
            let decoded = picture::decode(&BASE64_STANDARD.decode(written).unwrap(), &Limits::default()).unwrap();
            assert_eq!((decoded.pixels.width, decoded.pixels.height), (64, 64));
        }
        assert!(to_url(b"no picture").is_err());
    }
}
