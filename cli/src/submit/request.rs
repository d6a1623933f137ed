//! The body of a submission: pictures that lie on this machine are uploaded, and their ids stand in their place.

use contract::{
    capabilities::{FieldType, fields},
    spec::JobKind,
};
use serde_json::{Map, Value};

use crate::{
    client::{Client, Error},
    picture::find_or_upload,
};

/// Uploads the pictures among the fields.
pub(super) async fn with_pictures(
    client: &Client,
    kind: JobKind,
    mut said: Map<String, Value>,
) -> Result<Map<String, Value>, Error> {
    let pictures =
        fields(kind).into_iter().filter(|field| matches!(field.kind, FieldType::Picture | FieldType::Pictures));
    for field in pictures {
        match said.get_mut(&field.name) {
            Some(Value::Array(list)) => {
                for place in list {
                    upload(client, place).await?;
                }
            }
            Some(place) => upload(client, place).await?,
            None => {}
        }
    }
    Ok(said)
}

/// Uploads the file that stands in this place, unless it is an id or a picture itself.
async fn upload(client: &Client, place: &mut Value) -> Result<(), Error> {
    if let Some(text) = place.as_str().filter(|text| !text.starts_with("data:")) {
        *place = find_or_upload(client, text).await?.to_string().into();
    }
    Ok(())
}
