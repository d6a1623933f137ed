//! Groups of jobs: what can be asked of them, and their progress as it happens.

use std::time::Duration;

use contract::{
    GroupId,
    group::{ExploreCell, Group, GroupProgress, GroupView, NewGroup},
    job::Job,
    page::Page,
};
use reqwest::{Method, Response};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{Client, Error};

/// The server gives a sign of life every ten seconds; a longer silence is a dead connection.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// The answer itself goes on for as long as the group.
const LONGEST_GROUP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Client {
    /// Submits a group.
    pub(crate) async fn submit_group(&self, new: &NewGroup) -> Result<GroupView, Error> {
        self.read(self.request(Method::POST, &["api", "groups"]).json(new)).await
    }

    /// Returns a group with its cells.
    pub(crate) async fn load_group(&self, id: GroupId) -> Result<GroupView, Error> {
        self.read(self.request(Method::GET, &["api", "groups", &id.to_string()])).await
    }

    /// Returns a page of groups.
    pub(crate) async fn list_groups(&self, query: &[(&str, String)]) -> Result<Page<Group>, Error> {
        self.read(self.request(Method::GET, &["api", "groups"]).query(query)).await
    }

    /// Asks for the end of a group.
    pub(crate) async fn cancel_group(&self, id: GroupId) -> Result<GroupView, Error> {
        self.read(self.request(Method::DELETE, &["api", "groups", &id.to_string()])).await
    }

    /// Gives cells that failed, died or were cancelled another life.
    pub(crate) async fn retry_group(&self, id: GroupId) -> Result<GroupView, Error> {
        self.read(self.request(Method::POST, &["api", "groups", &id.to_string(), "retry"])).await
    }

    /// Submits a group around one cell of another.
    pub(crate) async fn explore_cell(&self, id: GroupId, wish: &ExploreCell) -> Result<GroupView, Error> {
        self.read(self.request(Method::POST, &["api", "groups", &id.to_string(), "explore"]).json(wish)).await
    }

    /// Submits a cell as a job of its own.
    pub(crate) async fn promote_cell(
        &self,
        id: GroupId,
        cell: u32,
        changes: &Map<String, Value>,
    ) -> Result<Job, Error> {
        let path = ["api", "groups", &id.to_string(), "cells", &cell.to_string(), "promote"];
        self.read(self.request(Method::POST, &path).json(changes)).await
    }

    /// Opens the stream of a group's progress.
    pub(crate) async fn group_feed(&self, id: GroupId) -> Result<GroupFeed, Error> {
        let path = ["api", "groups", &id.to_string(), "events"];
        let response = self.send(self.request(Method::GET, &path).timeout(LONGEST_GROUP)).await?;
        Ok(GroupFeed { response, unread: Vec::new() })
    }
}

/// The progress of a group, as it happens.
pub(crate) struct GroupFeed {
    response: Response,
    unread: Vec<u8>,
}

impl GroupFeed {
    /// Waits for the next progress; none once the stream is over or broken.
    pub(crate) async fn next(&mut self) -> Option<GroupProgress> {
        loop {
            while let Some(line) = take_line(&mut self.unread) {
                let data = line.strip_prefix("data:").map(str::trim_start);
                // A message of a newer server that we do not know is none of our business.
                if let Some(progress) = data.and_then(|data| serde_json::from_str(data).ok()) {
                    return Some(progress);
                }
            }
            let piece = timeout(SILENCE_LIMIT, self.response.chunk()).await.ok()?.ok()??;
            self.unread.extend_from_slice(&piece);
        }
    }
}

/// Takes the first whole line.
fn take_line(unread: &mut Vec<u8>) -> Option<String> {
    let end = unread.iter().position(|byte| *byte == b'\n')?;
    let line: Vec<u8> = unread.drain(..=end).collect();
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_once_all_of_it_is_there() {
        let mut unread = b"retry: 2000\n\nda".to_vec();
        assert_eq!(take_line(&mut unread).as_deref(), Some("retry: 2000"));
        assert_eq!(take_line(&mut unread).as_deref(), Some(""));
        assert_eq!(take_line(&mut unread), None);
        unread.extend_from_slice(b"ta: {}\r\n");
        assert_eq!(take_line(&mut unread).as_deref(), Some("data: {}"));
    }
}
