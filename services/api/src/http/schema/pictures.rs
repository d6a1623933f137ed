//! Pictures that come within a request: `data:` URLs where the id of an asset may stand.
//!
//! They are taken out before the schema is checked, and an id that follows from their bytes stands in their place: so the
//! same request again is the same request, and nothing is stored before everything else is found right.

use bytes::Bytes;
use contract::{AssetId, problem::FieldError};
use serde_json::Value;
use uuid::Uuid;

use crate::{http::assets::upload::from_base64, submit::InlinePicture};

/// The fields that hold one picture, and those that hold several.
const SINGLE: [&str; 2] = ["image", "mask"];
const SEVERAL: [&str; 2] = ["images", "cells"];
/// How a picture within a request begins.
pub(crate) const BEGINNING: &str = "data:";

/// Takes the pictures out of the fields of a job; returns them, and what is wrong with those that cannot be read.
pub(super) fn take_out(fields: &mut Value) -> (Vec<InlinePicture>, Vec<FieldError>) {
    let (mut pictures, mut errors) = (Vec::new(), Vec::new());
    let mut take = |pointer: String, value: &mut Value| {
        let Some(url) = value.as_str().filter(|text| text.starts_with(BEGINNING)) else { return };
        match read(url) {
            Ok(bytes) => {
                let placeholder = placeholder(&bytes);
                *value = placeholder.to_string().into();
                pictures.push(InlinePicture { pointer, placeholder, bytes });
            }
            Err(detail) => {
                *value = Uuid::nil().to_string().into();
                errors.push(FieldError { pointer, detail });
            }
        }
    };
    for name in SINGLE {
        fields.get_mut(name).into_iter().for_each(|value| take(format!("/{name}"), value));
    }
    for name in SEVERAL {
        let list = fields.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten();
        list.enumerate().for_each(|(place, value)| take(format!("/{name}/{place}"), value));
    }
    pictures.sort_by_key(|picture| picture.placeholder);
    pictures.dedup_by_key(|picture| picture.placeholder);
    (pictures, errors)
}

/// Returns the bytes of a `data:` URL.
pub(crate) fn read(url: &str) -> Result<Bytes, String> {
    from_base64(url).ok_or_else(|| {
        "this is no data: URL with base64, like data:image/png;base64,iVBORw0…; send that, or the id of an asset"
            .to_owned()
    })
}

/// Returns the id that stands for these bytes until they are stored.
pub(crate) fn placeholder(bytes: &[u8]) -> AssetId {
    let hash = blake3::hash(bytes);
    let (half, _) = hash.as_bytes().split_at(16);
    AssetId(Uuid::from_slice(half).unwrap_or_default())
}
