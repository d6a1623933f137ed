//! Ids in paths. What is no id names nothing, so it is not found.

use std::{fmt::Display, str::FromStr};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};

use super::{json::shortened, problem::Error};

/// The id in the path of a request.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr<Err: Display>, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let nothing = |text: &str| Error::not_found(format!("there is nothing with the id {:?}", shortened(text)));
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| nothing("?"))?;
        let text = params.iter().next().map(|(_, text)| text).unwrap_or_default();
        text.parse().map(Self).map_err(|_| nothing(text))
    }
}
