//! Whose turn it is, and who is still there.

use super::desk::{Asked, Desk, Held, LEASE_MS, Told};

/// Long after every residency that a model is owed.
const OLD_MS: i64 = 3_600_000;

fn held(state: &'static str, mib: u64, load_ms: i64) -> Held {
    Held { mib, state, load_ms, age_ms: OLD_MS, state_ms: 0, is_pinned: false, ask: 1 }
}

fn holding(model: &str, held: Held) -> Told {
    Told { held: [(model.to_owned(), held)].into(), ..Told::default() }
}

fn asking(model: &str, mib: u64) -> Told {
    let asked = Asked { mib, load_ms: 1000, is_pinned: false, ask: 100 };
    Told { asked: [(model.to_owned(), asked)].into(), ..Told::default() }
}

#[tokio::test]
async fn a_new_ledger_grants_nothing_before_others_could_say_what_they_hold() {
    let mut desk = Desk::new().await;
    let heard = desk.sync("one", &asking("m", 100)).await;
    assert_eq!(heard.granted, [0; 0]);
    assert!(heard.waiting[0]["closed_ms"].as_i64().unwrap() > 0, "{heard:?}");
}

#[tokio::test]
async fn who_is_silent_while_others_speak_holds_nothing_after_its_lease() {
    let mut desk = Desk::new().await;
    desk.sync("silent", &holding("m", held("busy", 700, 10))).await;
    desk.open().await;
    desk.sync("other", &Told::default()).await;
    desk.silence("silent").await;
    assert_eq!(desk.sync("other", &asking("n", 400)).await.granted, [100]);
}

#[tokio::test]
async fn when_nobody_was_heard_the_server_was_away_and_all_hold_what_they_held() {
    let mut desk = Desk::new().await;
    desk.sync("one", &holding("m", held("busy", 700, 10))).await;
    desk.open().await;
    desk.pass(2 * LEASE_MS).await;
    assert_eq!(desk.sync("other", &asking("n", 400)).await.granted, [0; 0]);
}

#[tokio::test]
async fn who_did_not_hear_the_answer_has_what_it_was_granted() {
    let mut desk = Desk::new().await;
    desk.sync("one", &Told::default()).await;
    desk.open().await;
    assert_eq!(desk.sync("one", &asking("m", 700)).await.granted, [100]);
    assert_eq!(desk.sync("two", &asking("n", 400)).await.granted, [0; 0]);
    assert_eq!(desk.sync("one", &asking("m", 700)).await.granted, [100]);
}

#[tokio::test]
async fn who_asks_again_keeps_its_place_in_the_line() {
    let mut desk = Desk::new().await;
    desk.sync("holder", &holding("m", held("busy", 700, 10))).await;
    desk.open().await;
    desk.sync("one", &asking("n", 400)).await;
    desk.sync("two", &asking("n", 400)).await;
    assert_eq!(desk.sync("one", &asking("n", 400)).await.waiting[0]["ahead"], 0);
}

#[tokio::test]
async fn a_small_request_waits_behind_a_large_one() {
    let mut desk = Desk::new().await;
    desk.sync("holder", &holding("m", held("busy", 700, 10))).await;
    desk.open().await;
    desk.sync("one", &asking("n", 500)).await;
    assert_eq!(desk.sync("two", &asking("o", 40)).await.granted, [0; 0]);
}

#[tokio::test]
async fn what_is_pinned_stays_however_little_it_is_worth() {
    let mut desk = Desk::new().await;
    let mut told = holding("pinned", Held { is_pinned: true, ..held("idle", 350, 0) });
    told.held.insert("precious".to_owned(), held("idle", 350, 60_000));
    desk.sync("holder", &told).await;
    desk.open().await;
    desk.sync("asker", &asking("n", 400)).await;
    assert_eq!(desk.sync("holder", &told).await.leaving, ["precious"]);
}

#[tokio::test]
async fn who_was_asked_to_leave_stays_once_it_is_first_in_line_itself() {
    let mut desk = Desk::new().await;
    desk.sync("busy", &holding("t", held("busy", 300, 10))).await;
    desk.sync("one", &holding("m", held("idle", 350, 10))).await;
    desk.open().await;
    desk.sync("other", &asking("n", 300)).await;
    let more = Told { asked: asking("m", 600).asked, ..holding("m", held("idle", 350, 10)) };
    assert_eq!(desk.sync("one", &more).await.leaving, ["m"]);
    desk.sync("other", &Told::default()).await;
    let heard = desk.sync("one", &more).await;
    assert_eq!((heard.granted.len(), heard.leaving.len()), (0, 0), "{heard:?}");
}
