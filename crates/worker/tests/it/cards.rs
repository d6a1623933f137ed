//! Cards, through a library that speaks as that of a driver does.

use contract::memory::MeasuredMemory;
use testkit::driver::{Card, build};
use worker::card::Driver;

#[test]
fn what_a_card_has_and_what_is_used_of_it_comes_from_its_driver() {
    let folder = tempfile::tempdir().unwrap();
    let card = Card { name: "NVIDIA Test 24", total_mib: 24_000, used_mib: 10_500, process: (4711, 9000) };
    let driver = Driver::load(build(folder.path(), card).unwrap().as_os_str()).unwrap();
    let found = driver.card(0).unwrap();
    assert_eq!(found, MeasuredMemory { name: "NVIDIA Test 24".to_owned(), total_mib: 24_000, used_mib: 10_500 });
    assert_eq!(driver.card(1), None, "there is one card");
    assert_eq!(driver.held_mib(4711), Some(9000));
    assert_eq!(driver.held_mib(4712), None);
}

#[test]
fn where_there_is_no_library_nothing_is_said() {
    assert!(Driver::load("libno-such-driver.so.1".as_ref()).is_err());
}
