//! Who is asked to leave, and when.

use super::desk::{Asked, Desk, Held, Told};

/// Long after every residency that a model is owed.
const OLD_MS: i64 = 3_600_000;

fn idle(mib: u64, load_ms: i64, state_ms: i64) -> Held {
    Held { mib, state: "idle", load_ms, age_ms: OLD_MS, state_ms, is_pinned: false, ask: 1 }
}

fn asked(mib: u64) -> Told {
    let asked = Asked { mib, load_ms: 1000, is_pinned: false, ask: 100 };
    Told { asked: [("new".to_owned(), asked)].into(), ..Told::default() }
}

fn holding(held: &[(&str, Held)]) -> Told {
    Told { held: held.iter().map(|(model, held)| ((*model).to_owned(), held.clone())).collect(), ..Told::default() }
}

/// Returns who is asked to leave for one who needs so much, of those that another worker holds.
async fn leaving(wanted_mib: u64, held: &[(&str, Held)]) -> Vec<String> {
    let mut desk = Desk::new().await;
    desk.sync("holder", &holding(held)).await;
    desk.open().await;
    let granted = desk.sync("asker", &asked(wanted_mib)).await.granted;
    let mut leaving = desk.sync("holder", &holding(held)).await.leaving;
    leaving.sort();
    assert!(granted.is_empty() || leaving.is_empty(), "{leaving:?} leave for what was granted");
    leaving
}

#[tokio::test]
async fn nobody_leaves_while_there_is_room() {
    assert_eq!(leaving(250, &[("a", idle(500, 1000, 0))]).await, [""; 0]);
    assert_eq!(leaving(251, &[("a", idle(500, 1000, 0))]).await, ["a"]);
}

#[tokio::test]
async fn of_two_alike_the_one_that_was_not_used_for_longer_leaves() {
    let held = [("new", idle(300, 5000, 1000)), ("old", idle(300, 5000, 90_000))];
    assert_eq!(leaving(400, &held).await, ["old"]);
}

#[tokio::test]
async fn what_loads_slowly_stays_longer() {
    let held = [("slow", idle(300, 60_000, 600_000)), ("quick", idle(300, 2000, 1000))];
    assert_eq!(leaving(400, &held).await, ["quick"]);
}

#[tokio::test]
async fn what_takes_much_for_little_leaves_first() {
    // 13.3 and 12.5 ms of load for each MiB.
    let held = [("a", idle(300, 4000, 0)), ("b", idle(400, 5000, 0))];
    assert_eq!(leaving(350, &held).await, ["b"]);
}

#[tokio::test]
async fn nobody_leaves_in_vain() {
    let held = [("cheap", idle(50, 0, 900_000)), ("large", idle(700, 30_000, 1000))];
    assert_eq!(leaving(650, &held).await, ["large"]);
}

#[tokio::test]
async fn what_does_not_fit_even_alone_makes_all_leave() {
    let held = [("a", idle(1, 1000, 1000)), ("b", idle(1, 1000, 1000))];
    assert_eq!(leaving(5000, &held).await, ["a", "b"]);
}

#[tokio::test]
async fn what_does_not_fit_even_alone_is_granted_once_it_is_alone() {
    let mut desk = Desk::new().await;
    desk.sync("asker", &asked(5000)).await;
    desk.open().await;
    assert_eq!(desk.sync("asker", &asked(5000)).await.granted, [100]);
}

#[tokio::test]
async fn the_idle_leave_before_the_busy_and_the_pinned_never() {
    let busy = Held { state: "busy", ..idle(300, 0, 1000) };
    let pinned = Held { is_pinned: true, ..idle(50, 0, 900_000) };
    let held = [("busy", busy), ("idle", idle(300, 60_000, 0)), ("pinned", pinned)];
    assert_eq!(leaving(400, &held).await, ["idle"]);
    assert_eq!(leaving(700, &held).await, ["busy", "idle"]);
}

#[tokio::test]
async fn what_was_loaded_just_now_stays_until_its_time_is_over() {
    let mut desk = Desk::new().await;
    let young = |age_ms| holding(&[("young", Held { age_ms, ..idle(700, 20_000, 0) })]);
    desk.sync("holder", &young(0)).await;
    desk.open().await;
    desk.sync("asker", &asked(400)).await;
    // Twice the load, which is longer than the five seconds that everything is owed.
    assert_eq!(desk.sync("holder", &young(39_000)).await.leaving, [""; 0]);
    assert_eq!(desk.sync("holder", &young(40_001)).await.leaving, ["young"]);
    let quick = |age_ms| holding(&[("young", Held { age_ms, ..idle(700, 10, 0) })]);
    desk.sync("asker", &Told::default()).await;
    desk.sync("holder", &quick(0)).await;
    desk.sync("asker", &asked(400)).await;
    assert_eq!(desk.sync("holder", &quick(4000)).await.leaving, [""; 0]);
    assert_eq!(desk.sync("holder", &quick(5001)).await.leaving, ["young"]);
}

#[tokio::test]
async fn an_old_one_leaves_in_the_place_of_a_more_valuable_young_one() {
    let young = Held { age_ms: 100, ..idle(350, 10, 0) };
    let held = [("young", young), ("old", idle(350, 60_000, 0))];
    assert_eq!(leaving(400, &held).await, ["old"]);
}

#[tokio::test]
async fn who_was_asked_to_leave_is_not_asked_any_more_when_nobody_waits() {
    let mut desk = Desk::new().await;
    let held = holding(&[("a", idle(700, 10, 0))]);
    desk.sync("holder", &held).await;
    desk.open().await;
    desk.sync("asker", &asked(400)).await;
    assert_eq!(desk.sync("holder", &held).await.leaving, ["a"]);
    desk.sync("asker", &Told::default()).await;
    assert_eq!(desk.sync("holder", &held).await.leaving, [""; 0]);
}

#[tokio::test]
async fn who_was_asked_already_leaves_and_nobody_else_for_the_same() {
    let mut desk = Desk::new().await;
    let beside = |cheap| holding(&[("asked", idle(300, 10_000, 0)), ("cheap", cheap)]);
    let busy = beside(Held { state: "busy", ..idle(300, 0, 0) });
    desk.sync("holder", &busy).await;
    desk.open().await;
    desk.sync("asker", &asked(400)).await;
    assert_eq!(desk.sync("holder", &busy).await.leaving, ["asked"]);
    // The other one is done, and worth less. But the first may be on its way, and then both would be gone.
    assert_eq!(desk.sync("holder", &beside(idle(300, 0, 0))).await.leaving, ["asked"]);
}

#[tokio::test]
async fn nobody_waits_for_a_busy_one_that_was_asked_once_an_idle_one_can_leave() {
    let mut desk = Desk::new().await;
    let busy = || Held { state: "busy", ..idle(400, 0, 0) };
    let beside = |other| holding(&[("asked", busy()), ("other", other)]);
    let both = beside(Held { mib: 350, load_ms: 10_000, ..busy() });
    desk.sync("holder", &both).await;
    desk.open().await;
    desk.sync("asker", &asked(350)).await;
    assert_eq!(desk.sync("holder", &both).await.leaving, ["asked"]);
    assert_eq!(desk.sync("holder", &beside(idle(350, 10_000, 0))).await.leaving, ["other"]);
}

#[tokio::test]
async fn what_can_never_fit_beside_what_is_pinned_is_told_so_and_holds_up_nobody() {
    let mut desk = Desk::new().await;
    let held = holding(&[("pinned", Held { is_pinned: true, ..idle(300, 10, 0) })]);
    desk.sync("holder", &held).await;
    desk.open().await;
    let heard = desk.sync("asker", &asked(701)).await;
    assert_eq!(heard.waiting[0]["is_hopeless"], true, "{heard:?}");
    assert_eq!(desk.sync("other", &asked(100)).await.granted, [100]);
    // Beside what is pinned, everything that there is may be used.
    desk.sync("other", &Told::default()).await;
    desk.sync("asker", &Told::default()).await;
    assert_eq!(desk.sync("asker", &asked(700)).await.granted, [100]);
}

#[tokio::test]
async fn who_waits_for_more_counts_as_idle() {
    let mut desk = Desk::new().await;
    let first = |ask| {
        let asked = Asked { mib: 600, load_ms: 10, is_pinned: false, ask };
        Told {
            asked: [("m".to_owned(), asked)].into(),
            ..holding(&[("m", Held { state: "busy", ..idle(350, 10, 0) })])
        }
    };
    desk.sync("one", &first(7)).await;
    desk.sync("two", &first(7)).await;
    desk.open().await;
    assert_eq!(desk.sync("one", &first(7)).await.leaving, [""; 0], "it is its turn");
    let heard = desk.sync("two", &first(7)).await;
    assert_eq!(heard.leaving, ["m"]);
    assert_eq!(heard.waiting[0]["ahead"], 1);
    // It leaves, goes on waiting, and keeps its place before a third.
    let waits = Told { held: [].into(), ..first(7) };
    desk.sync("two", &waits).await;
    assert_eq!(desk.sync("one", &first(7)).await.granted, [7]);
    assert_eq!(desk.sync("three", &asked(750)).await.waiting[0]["ahead"], 1);
}

#[tokio::test]
async fn a_device_that_is_over_full_because_somebody_came_back_is_emptied() {
    let mut desk = Desk::new().await;
    desk.sync("one", &holding(&[("a", idle(700, 10, 0))])).await;
    assert_eq!(desk.sync("two", &holding(&[("b", idle(400, 9000, 0))])).await.leaving, [""; 0]);
    assert_eq!(desk.sync("one", &holding(&[("a", idle(700, 10, 0))])).await.leaving, ["a"]);
}

#[tokio::test]
async fn a_worker_need_not_wait_for_its_own_models_to_have_had_their_time() {
    let mut desk = Desk::new().await;
    let young = Held { age_ms: 10, ..idle(700, 20_000, 0) };
    let told = Told { asked: asked(400).asked, ..holding(&[("young", young)]) };
    desk.sync("one", &told).await;
    desk.open().await;
    assert_eq!(desk.sync("one", &told).await.leaving, ["young"]);
}

#[tokio::test]
async fn who_waits_for_more_leaves_before_what_was_loaded_just_now() {
    let mut desk = Desk::new().await;
    let young = Held { age_ms: 10, ..idle(350, 10, 0) };
    let waits = Held { state: "busy", ..idle(350, 10, 0) };
    let more = Asked { mib: 700, load_ms: 10, is_pinned: false, ask: 7 };
    let told = Told { asked: [("waits".to_owned(), more)].into(), ..holding(&[("waits", waits), ("young", young)]) };
    desk.sync("asker", &asked(400)).await;
    desk.sync("holder", &told).await;
    desk.open().await;
    assert_eq!(desk.sync("holder", &told).await.leaving, ["waits"]);
}
