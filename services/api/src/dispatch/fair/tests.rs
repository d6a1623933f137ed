//! The fair order, without any database.

use super::*;

fn job(owner: &str, position: i64) -> Waiting {
    let id = Uuid::from_u128(u128::try_from(position).unwrap());
    let (worker_kind, owner) = ("sd".to_owned(), owner.to_owned());
    Waiting { id, generation: 1, worker_kind, rank: 1, owner, placed: 0, position, is_paused: false }
}

fn turn(owner: &str, served_at: i64) -> Turn {
    Turn { worker_kind: "sd".to_owned(), rank: 1, owner: owner.to_owned(), served_at }
}

fn room(per_kind: u32, per_owner: u32) -> Room {
    Room { per_kind, per_owner, idle_workers: HashMap::new() }
}

fn positions(plan: &Plan) -> Vec<u128> {
    plan.publish.iter().map(Uuid::as_u128).collect()
}

#[test]
fn owners_are_served_in_turn_however_much_one_of_them_has() {
    let heads: Vec<_> = (1..=8).map(|position| job("a", position)).chain([job("b", 100), job("b", 101)]).collect();
    let plan = plan(&[], &heads, &[turn("a", 0), turn("b", 0)], &room(6, 8));
    assert_eq!(positions(&plan), [1, 100, 2, 101, 3, 4]);
}

#[test]
fn whoever_was_served_longest_ago_begins() {
    let heads = [job("a", 1), job("b", 2), job("c", 3)];
    let plan = plan(&[], &heads, &[turn("a", 30), turn("b", 10), turn("c", 20)], &room(8, 8));
    assert_eq!(positions(&plan), [2, 3, 1]);
}

#[test]
fn what_is_already_in_the_window_counts_as_a_turn() {
    let window = [job("a", 1), job("b", 2)];
    let heads = [job("a", 3), job("b", 4), job("b", 5), job("c", 6)];
    let plan = plan(&window, &heads, &[], &room(4, 8));
    assert_eq!(positions(&plan), [6, 3]);
}

#[test]
fn an_owner_fills_at_most_a_part_of_the_window() {
    let heads: Vec<_> = (1..=8).map(|position| job("a", position)).collect();
    assert_eq!(plan(&[], &heads, &[], &room(8, 3)).publish.len(), 3);
    assert_eq!(plan(&[job("a", 9)], &heads, &[], &room(8, 3)).publish.len(), 2);
}

#[test]
fn idle_workers_make_more_room() {
    let heads: Vec<_> = (1..=8).map(|position| job("a", position)).collect();
    let mut room = room(2, 8);
    room.idle_workers.insert("sd".to_owned(), 3);
    assert_eq!(plan(&[], &heads, &[], &room).publish.len(), 5);
}

#[test]
fn moved_jobs_stand_before_and_behind_all_turns() {
    let mut heads = vec![job("a", 1), job("a", 2), job("b", 3), job("a", 4), job("b", 5)];
    for (index, placed) in [(1, -1), (3, -1), (2, 1)] {
        heads[index].placed = placed;
    }
    let plan = plan(&[], &heads, &[turn("a", 1), turn("b", 0)], &room(8, 8));
    assert_eq!(positions(&plan), [2, 4, 5, 1, 3]);
}

#[test]
fn a_newcomer_makes_the_window_be_drawn_again_if_somebody_has_two_places_in_it() {
    let window = [job("a", 1), job("a", 2)];
    let planned = plan(&window, &[job("b", 9)], &[], &room(8, 8));
    assert_eq!(planned, Plan { publish: vec![], recall: vec![(window[0].id, 1), (window[1].id, 1)] });

    let moved = Waiting { placed: -1, ..job("a", 3) };
    for window in [[job("a", 1), job("c", 2)], [job("a", 1), moved]] {
        let planned = plan(&window, &[job("b", 9)], &[], &room(8, 8));
        assert_eq!(positions(&planned), [9]);
    }
}

#[test]
fn lines_do_not_take_room_from_each_other() {
    let urgent = Waiting { rank: 0, ..job("a", 50) };
    let window: Vec<_> = (1..=8).map(|position| job("a", position)).collect();
    let plan = plan(&window, &[urgent, job("a", 9)], &[], &room(8, 8));
    assert_eq!(positions(&plan), [50]);
}

#[test]
fn a_full_line_is_not_asked_for_more_except_by_newcomers() {
    let window = [job("a", 1), job("a", 2)];
    let turns = vec![turn("a", 0), turn("b", 0)];
    assert_eq!(promising(&window, turns.clone(), &room(2, 8)), [turn("b", 0)]);
    assert_eq!(promising(&window, turns.clone(), &room(3, 8)), turns);
}
