//! The users that a deployment makes: what `deploy/valkey.acl.template` says must be what the code needs.

use std::path::Path;

use contract::{event::JobChange, system::Verdict};
use queue::{Cancelled, Queue, check::worker_acl_rules};
use testkit::valkey::TestValkey;

use crate::ground::{KIND, LIMIT, PREFIX, publication};

const PASSWORD: &str = "s3cret";

/// Returns the rules of a user in the template, behind its password.
fn rules_of(user: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/valkey.acl.template");
    let template = std::fs::read_to_string(path).unwrap();
    let line = template.lines().find(|line| line.starts_with(&format!("user {user} on #"))).unwrap();
    line.splitn(5, ' ').nth(4).unwrap().replace("@PREFIX@", PREFIX)
}

#[test]
fn the_deployed_worker_has_exactly_the_rights_that_the_code_names() {
    assert_eq!(rules_of("worker"), worker_acl_rules(PREFIX));
}

#[tokio::test]
async fn the_deployed_api_can_do_all_its_work_and_change_no_setting() {
    let valkey = TestValkey::start().unwrap();
    valkey.ask(&format!("ACL SETUSER api on >{PASSWORD} {}", rules_of("api"))).unwrap();
    let queue = Queue::connect(&valkey.url_as("api", PASSWORD), PREFIX).await.unwrap();
    queue.prepare().await.unwrap();

    let publication = publication();
    let id = publication.job.id;
    assert_eq!(queue.publish(std::slice::from_ref(&publication)).await.unwrap(), [true]);
    assert_eq!(queue.open_jobs().await.unwrap(), [id]);
    assert_eq!(queue.depth(KIND).await.unwrap().queued, 1);
    assert!(queue.workers().await.unwrap().is_empty());
    assert!(!queue.run_id().await.unwrap().is_empty());
    queue.announce(id, &JobChange::Queued).await.unwrap();
    let mut events = queue.event_reader("0".to_owned()).await.unwrap();
    assert!(!events.next(LIMIT).await.unwrap().is_empty());
    assert_eq!(queue.cancel(id).await.unwrap(), Cancelled::Cancelled);
    let mut done = queue.done_reader("api-1").await.unwrap();
    let entries = done.next(10, LIMIT).await.unwrap();
    queue.settle(&[(id, entries[0].generation, entries[0].entry_id.clone())]).await.unwrap();
    queue.purge(id).await.unwrap();
    assert!(queue.open_jobs().await.unwrap().is_empty());

    let checks = queue.check_server().await;
    let bad: Vec<_> = checks.iter().filter(|check| check.verdict == Verdict::Bad).collect();
    assert!(bad.is_empty(), "{bad:?}");
    let rights = checks.iter().find(|check| check.name == "valkey rights").unwrap();
    assert_eq!(rights.verdict, Verdict::Good, "{rights:?}");

    let client = redis::Client::open(valkey.url_as("api", PASSWORD)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for forbidden in [&["CONFIG", "SET", "maxmemory", "1"][..], &["FLUSHALL"], &["SHUTDOWN"], &["SET", "another", "x"]]
    {
        let mut command = redis::cmd(forbidden[0]);
        let refused = command.arg(&forbidden[1..]).query_async::<redis::Value>(&mut connection).await.unwrap_err();
        assert_eq!(refused.code(), Some("NOPERM"), "{forbidden:?}: {refused}");
    }
}
