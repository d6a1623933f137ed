//! What is said on `GET /ws`: text frames of JSON in both directions, and previews as binary frames (see [`crate::preview`]).
//!
//! The order of a conversation, the limits and the close codes: `docs/websocket.md`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema},
};

use crate::{JobId, event::JobEvent, memory::DeviceMemory, problem::ProblemCode, system::QueueDepth, worker::Worker};

/// Code of the close frame that follows a missing or wrong key.
pub const CLOSE_UNAUTHORIZED: u16 = 4401;
/// Code of the close frame to a client that reads too slowly: connect again, and resume.
pub const CLOSE_TOO_SLOW: u16 = 4408;

/// From the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// The first message of a client that could not send an `Authorization` header, as browsers cannot.
    Authenticate {
        /// The secret of an API key.
        key: String,
    },
    /// Watches jobs instead of those watched before. Answered by the last state of each, then by [`ServerMessage::Subscribed`].
    Subscribe {
        /// Which jobs.
        jobs: Watched,
    },
    /// As `subscribe`, but answered by the events after `after` instead of by states; or by [`ServerMessage::Resync`].
    Resume {
        /// The id of the last event that the client has seen.
        after: String,
        /// Which jobs; all without it.
        #[serde(default)]
        jobs: Watched,
    },
    /// Asks for binary preview frames of the watched jobs, or for their end.
    Previews {
        /// Whether they are wanted.
        on: bool,
    },
    /// Asks for [`ServerMessage::Memory`] every second, or for its end.
    Memory {
        /// Whether it is wanted.
        on: bool,
    },
}

/// Which jobs a client watches: in JSON the word `"all"`, or a list of ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Watched {
    /// Every job.
    #[default]
    All,
    /// These.
    Jobs(Vec<JobId>),
}

/// From the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "there are few at a time, and they are passed on at once")]
pub enum ServerMessage {
    /// Something happened to a watched job, or this is its last state (then `id` is empty).
    Event(JobEvent),
    /// The states or the replay are complete; from here on events come as they happen.
    Subscribed {
        /// Where the live events begin, for `resume`.
        after: String,
    },
    /// Events were left out: ask `GET /api/jobs` for what matters. What follows is complete again.
    Resync,
    /// The state of the whole, every few seconds.
    System(Pulse),
    /// Who holds the memory of the devices and who waits for it, every second to those who asked for it.
    Memory {
        /// Every device that a worker serves.
        devices: Vec<DeviceMemory>,
    },
    /// A message could not be understood or obeyed.
    Problem {
        /// The class for programs.
        code: ProblemCode,
        /// What is wrong with it, and what to do next.
        detail: String,
    },
}

/// The state of the whole, as it is sent to every client every few seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pulse {
    /// Memory of the machine.
    pub memory_total_mib: u64,
    /// What of it is free.
    pub memory_available_mib: u64,
    /// How much waits and runs, by kind of worker.
    pub queues: Vec<QueueDepth>,
    /// The workers that are alive.
    pub workers: Vec<Worker>,
}

impl Serialize for Watched {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Jobs(ids) => ids.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Watched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(word) if word == "all" => Ok(Self::All),
            list @ serde_json::Value::Array(_) => {
                serde_json::from_value(list).map(Self::Jobs).map_err(D::Error::custom)
            }
            _ => Err(D::Error::custom("jobs must be \"all\" or a list of job ids")),
        }
    }
}

impl PartialSchema for Watched {
    fn schema() -> RefOr<Schema> {
        let all = ObjectBuilder::new().schema_type(utoipa::openapi::Type::String).enum_values(Some(["all"]));
        OneOfBuilder::new().item(all).item(ArrayBuilder::new().items(JobId::schema())).into()
    }
}

impl ToSchema for Watched {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_is_the_word_all_or_a_list() {
        let read = |text: &str| serde_json::from_str::<ClientMessage>(text);
        let all = read(r#"{"type":"subscribe","jobs":"all"}"#).unwrap();
        assert_eq!(all, ClientMessage::Subscribe { jobs: Watched::All });
        assert_eq!(serde_json::to_string(&all).unwrap(), r#"{"type":"subscribe","jobs":"all"}"#);
        let id = JobId::new();
        let some = read(&format!(r#"{{"type":"resume","after":"1-0","jobs":["{id}"]}}"#)).unwrap();
        assert_eq!(some, ClientMessage::Resume { after: "1-0".to_owned(), jobs: Watched::Jobs(vec![id]) });
        assert!(read(r#"{"type":"subscribe","jobs":"some"}"#).is_err());
        assert!(read(r#"{"type":"subscribe","jobs":"all","job":1}"#).is_err());
    }
}
