//! The pictures that a job takes: found, or stored as they came.

use std::collections::HashMap;

use assets::picture::{Limits, PictureHeader};
use bytes::Bytes;
use contract::{AssetId, asset::Asset, spec::JobSpec};
use serde_json::Value;

use super::{Asked, Error, InlinePicture, Reception, Wrong};
use crate::db::NewAsset;

/// Width and height of the pictures that a job takes.
pub(super) type Sizes = HashMap<AssetId, (u32, u32)>;

/// A picture that came with the request, and can be stored.
pub(super) struct Examined {
    placeholder: AssetId,
    media_type: &'static str,
    bytes: Bytes,
}

impl Reception {
    /// Puts a picture on record whose bytes were examined.
    pub(crate) async fn store_picture(&self, media_type: &str, bytes: Bytes, owner: &str) -> Result<Asset, Error> {
        let file = self.assets.put(media_type, bytes).await?;
        let (owner, created_at) = (owner.to_owned(), self.clock.now());
        let new = NewAsset { file, job_id: None, parents: Vec::new(), owner, created_at };
        self.db.insert_asset(&new).await?;
        Ok(Asset { file: new.file, job_id: None, parents: Vec::new(), tags: Vec::new(), created_at })
    }

    /// Decodes a picture that came from outside; returns what it is, or why it cannot be used.
    pub(crate) async fn examine(&self, bytes: Bytes) -> Result<PictureHeader, String> {
        let limits = Limits { pixels: self.max_picture_pixels, ..Limits::default() };
        self.assets.check_picture(bytes, limits).await.map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    }

    /// Returns how large the pictures are that a job takes, and of those that came with the request what they are.
    /// Fails where one is not there, or is no picture.
    pub(super) async fn find_pictures(&self, asked: &mut Asked) -> Result<(Sizes, Vec<Examined>), Error> {
        let (mut sizes, mut examined, mut wrong) = (Sizes::new(), Vec::new(), Vec::new());
        for InlinePicture { pointer, placeholder, bytes } in std::mem::take(&mut asked.pictures) {
            match self.examine(bytes.clone()).await {
                Ok(header) => {
                    sizes.insert(placeholder, (header.width, header.height));
                    examined.push(Examined { placeholder, media_type: header.media_type, bytes });
                }
                Err(detail) => {
                    sizes.insert(placeholder, (0, 0));
                    wrong.push(Wrong::new(pointer, detail));
                }
            }
        }
        for (pointer, id) in asked.spec.inputs() {
            if sizes.contains_key(&id) {
                continue;
            }
            match self.db.find_asset(id).await?.map(|asset| asset.file) {
                None => {
                    let detail = format!("there is no asset {id}: upload the picture with POST /api/assets first");
                    wrong.push(Wrong::new(pointer, detail));
                }
                Some(file) => match file.width.zip(file.height).filter(|_| file.media_type.starts_with("image/")) {
                    Some(size) => {
                        sizes.insert(id, size);
                    }
                    None => {
                        let detail = format!("the asset {id} is {}, and no picture", file.media_type);
                        wrong.push(Wrong::new(pointer, detail));
                    }
                },
            }
        }
        if wrong.is_empty() { Ok((sizes, examined)) } else { Err(Error::Wrong(wrong)) }
    }

    /// Stores the pictures that came with the request, and names them in the spec by their true ids.
    pub(super) async fn store_pictures(
        &self,
        spec: &mut JobSpec,
        pictures: Vec<Examined>,
        owner: &str,
    ) -> Result<(), Error> {
        if pictures.is_empty() {
            return Ok(());
        }
        let mut body = serde_json::to_value(&*spec).map_err(Error::Encode)?;
        for Examined { placeholder, media_type, bytes } in pictures {
            let stored = self.store_picture(media_type, bytes, owner).await?;
            rename(&mut body, &placeholder.to_string(), &stored.file.id.to_string());
        }
        *spec = serde_json::from_value(body).map_err(Error::Complete)?;
        Ok(())
    }
}

/// Puts another id in place of one. Only fields that hold ids can hold one that follows from the bytes of a picture.
fn rename(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => to.clone_into(text),
        Value::Array(list) => list.iter_mut().for_each(|value| rename(value, from, to)),
        Value::Object(map) => map.values_mut().for_each(|value| rename(value, from, to)),
        _ => {}
    }
}
