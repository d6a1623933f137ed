//! Parts of answers that the next request may name by their ids, as the AI SDK does unless it is told otherwise.
//!
//! They are kept in the memory of this process, for an hour at most: whoever finds nothing is told to send the part itself.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::http::Api;

const KEPT_FOR: Duration = Duration::hours(1);
/// All parts together, as JSON.
const MOST_BYTES: usize = 16 << 20;

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    items: HashMap<String, Item>,
    /// The ids, the oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

#[derive(Debug)]
struct Item {
    owner: String,
    text: String,
    kept_at: OffsetDateTime,
}

/// Keeps the parts of one answer.
pub(crate) struct Keeper {
    pub(crate) api: Arc<Api>,
    pub(crate) owner: String,
}

impl Keeper {
    /// Keeps these items for whoever asked.
    pub(crate) fn keep(&self, items: &[Value]) {
        self.api.kept.keep(&self.owner, items, self.api.clock.now());
    }
}

impl Kept {
    /// Keeps items; the oldest ones make room.
    fn keep(&self, owner: &str, items: &[Value], now: OffsetDateTime) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for item in items {
            let Some(id) = item["id"].as_str() else { continue };
            let text = item.to_string();
            shelf.bytes += text.len();
            shelf.order.push_back(id.to_owned());
            shelf.items.insert(id.to_owned(), Item { owner: owner.to_owned(), text, kept_at: now });
        }
        while let Some(id) = shelf.order.front() {
            let is_old = shelf.items.get(id).is_none_or(|item| now - item.kept_at > KEPT_FOR);
            if !is_old && shelf.bytes <= MOST_BYTES {
                break;
            }
            let gone = shelf.order.pop_front().and_then(|id| shelf.items.remove(&id));
            shelf.bytes -= gone.map_or(0, |item| item.text.len());
        }
    }

    /// Puts the items that a request names in their places, as far as they are kept for its owner.
    pub(crate) fn put_in(&self, owner: &str, request: &mut Value, now: OffsetDateTime) {
        let items = request.get_mut("input").and_then(Value::as_array_mut);
        let named = items.into_iter().flatten().filter(|item| item["type"] == "item_reference");
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for item in named {
            let kept = item["id"].as_str().and_then(|id| shelf.items.get(id));
            let kept = kept.filter(|kept| kept.owner == owner && now - kept.kept_at <= KEPT_FOR);
            if let Some(whole) = kept.and_then(|kept| serde_json::from_str(&kept.text).ok()) {
                *item = whole;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn found(kept: &Kept, owner: &str, id: &str, now: OffsetDateTime) -> bool {
        let mut request =
            json!({ "input": [{ "role": "user", "content": "x" }, { "type": "item_reference", "id": id }] });
        kept.put_in(owner, &mut request, now);
        request["input"][1]["type"] == "message"
    }

    #[test]
    fn a_part_is_found_by_who_asked_for_it_and_for_an_hour() {
        let kept = Kept::default();
        kept.keep("me", &[json!({ "id": "msg_1", "type": "message" })], NOW);
        assert!(found(&kept, "me", "msg_1", NOW));
        assert!(!found(&kept, "you", "msg_1", NOW) && !found(&kept, "me", "msg_2", NOW));
        assert!(!found(&kept, "me", "msg_1", NOW + KEPT_FOR + Duration::seconds(1)));
        kept.put_in("me", &mut json!({ "input": "text" }), NOW);
        kept.put_in("me", &mut json!({}), NOW);
    }

    #[test]
    fn the_oldest_parts_make_room() {
        let kept = Kept::default();
        let large =
            |id: usize| json!({ "id": format!("msg_{id}"), "type": "message", "text": "x".repeat(MOST_BYTES / 4) });
        for id in 0..6 {
            kept.keep("me", &[large(id)], NOW);
        }
        let there: Vec<usize> = (0..6).filter(|id| found(&kept, "me", &format!("msg_{id}"), NOW)).collect();
        assert_eq!(there, [3, 4, 5]);
        let shelf = kept.0.into_inner().unwrap();
        assert_eq!((shelf.items.len(), shelf.order.len()), (3, 3));
        assert_eq!(shelf.bytes, shelf.items.values().map(|item| item.text.len()).sum::<usize>());
    }
}
