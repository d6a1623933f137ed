//! What people see of the ledgers.

use std::time::Duration;

use contract::memory::HoldingState;
use queue::memory::{Device, Want};

use crate::ground::{Ground, within};

#[tokio::test]
async fn people_see_who_holds_and_who_waits_until_the_worker_is_gone() {
    let ground = Ground::new().await;
    assert_eq!(ground.queue.memory().await.unwrap(), []);
    let device = Device { name: "host:cuda:0".to_owned(), total_mib: 1000, comfortable_mib: 750 };
    let lease = Duration::from_millis(400);
    let ledger = ground.queue.open_ledger(&device, "w1", lease).unwrap();
    let want = |model: &str, mib| Want { model: model.to_owned(), mib, load: Duration::ZERO, is_pinned: false };
    let holding = within(ledger.reserve(&want("held", 600), |_| {})).await.unwrap();
    let wanted = want("wanted", 500);
    let mut waits = Box::pin(ledger.reserve(&wanted, |_| {}));
    let shown = within(async {
        loop {
            let step = tokio::time::timeout(Duration::from_millis(5), &mut waits).await;
            assert!(step.is_err(), "{step:?}");
            let shown = ground.queue.memory().await.unwrap();
            if shown.first().is_some_and(|device| !device.waiting.is_empty()) {
                return shown;
            }
        }
    })
    .await;
    assert_eq!(shown.len(), 1);
    let device = &shown[0];
    assert_eq!((device.device.as_str(), device.total_mib, device.comfortable_mib), ("host:cuda:0", 1000, 750));
    let held = &device.holdings[0];
    assert_eq!((held.model.as_str(), held.worker.as_str(), held.mib), ("held", "w1", 600));
    assert_eq!((held.state, held.is_pinned), (HoldingState::Loading, false));
    assert_eq!((device.waiting[0].model.as_str(), device.waiting[0].needed_mib), ("wanted", 500));
    drop(waits);
    drop(holding);
    drop(ledger);
    within(async { while !ground.queue.memory().await.unwrap().is_empty() {} }).await;
}
