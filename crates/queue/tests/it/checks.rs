//! What the start-up check says of servers.

use contract::system::{Check, Verdict};
use queue::Queue;
use testkit::valkey::TestValkey;

use crate::ground::{Ground, PREFIX};

async fn checks(arguments: &[&str]) -> Vec<Check> {
    let valkey = TestValkey::start_with(arguments).unwrap();
    let queue = Queue::connect(&valkey.url(), PREFIX).await.unwrap();
    queue.check_server().await
}

fn find<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no check {name}: {checks:?}"))
}

#[tokio::test]
async fn a_server_as_we_start_it_is_good() {
    let ground = Ground::new().await;
    let checks = ground.queue.check_server().await;
    for name in ["valkey persistence", "valkey eviction", "valkey rights", "valkey functions"] {
        assert_eq!(find(&checks, name).verdict, Verdict::Good, "{checks:?}");
    }
    // The server of the distribution may be older than its security fixes, but it is never too old.
    assert_ne!(find(&checks, "valkey version").verdict, Verdict::Bad, "{checks:?}");
}

#[tokio::test]
async fn whatever_is_not_good_has_a_remedy() {
    let checks = checks(&["--appendonly", "no", "--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb"]).await;
    assert_eq!(find(&checks, "valkey persistence").verdict, Verdict::Warning);
    assert_eq!(find(&checks, "valkey eviction").verdict, Verdict::Bad);
    assert_eq!(find(&checks, "valkey functions").verdict, Verdict::Warning);
    for check in checks.iter().filter(|check| check.verdict != Verdict::Good) {
        assert!(check.remedy.is_some(), "{check:?}");
    }
}

#[tokio::test]
async fn an_append_only_file_that_is_never_synced_is_named() {
    let checks = checks(&["--appendfsync", "no"]).await;
    assert_eq!(find(&checks, "valkey persistence").verdict, Verdict::Warning, "{checks:?}");
}

#[tokio::test]
async fn a_server_that_went_away_is_bad_and_said_so() {
    let ground = Ground::new().await;
    ground.valkey.stop().unwrap();
    let checks = ground.queue.check_server().await;
    assert_eq!((checks.len(), checks[0].verdict), (1, Verdict::Bad), "{checks:?}");
    assert!(checks[0].remedy.is_some());
}

#[tokio::test]
async fn the_functions_of_another_layout_are_bad() {
    let ground = Ground::new().await;
    let other = "#!lua name=atelier_v9\nredis.register_function('atelier_v9_x', function() return 1 end)";
    let mut load = redis::cmd("FUNCTION");
    load.arg("LOAD").arg(other).exec_async(&mut ground.raw().await).await.unwrap();
    let checks = ground.queue.check_server().await;
    assert_eq!(find(&checks, "valkey functions").verdict, Verdict::Bad, "{checks:?}");
}
