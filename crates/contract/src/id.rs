//! Ids: one type for each thing, all UUIDv7, so that they sort by the time they were made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Returns a new id: now, plus randomness.
            #[must_use]
            #[allow(clippy::new_without_default, reason = "each call gives another id")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// Names a job. A client may choose it (`PUT /api/jobs/{id}`).
    JobId
);
id!(
    /// Names a stored file. Two assets may hold the same bytes.
    AssetId
);
id!(
    /// Names an API key. The key itself is never stored.
    KeyId
);
id!(
    /// Names a group of jobs. A client may choose it (`PUT /api/groups/{id}`).
    GroupId
);
