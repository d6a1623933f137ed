//! Pictures for those who watch.

use bytes::Bytes;
use contract::JobId;
use tokio::sync::mpsc::Receiver;

use crate::ground::{Ground, within};

/// Publishes frames until one arrives.
async fn hear(ground: &Ground, frames: &mut Receiver<Bytes>, text: &'static str) {
    within(async {
        loop {
            ground.queue.publish_preview(JobId::new(), Bytes::from_static(text.as_bytes())).await.unwrap();
            while let Ok(frame) = frames.try_recv() {
                if frame == text {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_frame_reaches_everybody_who_watches() {
    let ground = Ground::new().await;
    let mut here = ground.queue.subscribe_previews().await.unwrap();
    let mut there = ground.another().await.subscribe_previews().await.unwrap();
    let frame = Bytes::from_static(&[0, 255, 13, 10, 7]);
    ground.queue.publish_preview(JobId::new(), frame.clone()).await.unwrap();
    assert_eq!(within(here.recv()).await, Some(frame.clone()));
    assert_eq!(within(there.recv()).await, Some(frame));
}

#[tokio::test]
async fn frames_come_again_after_the_connection_was_cut() {
    let ground = Ground::new().await;
    let mut frames = ground.queue.subscribe_previews().await.unwrap();
    hear(&ground, &mut frames, "before").await;
    ground.valkey.ask("CLIENT KILL TYPE pubsub").unwrap();
    hear(&ground, &mut frames, "after").await;
}

#[tokio::test]
async fn the_last_frame_is_kept_for_those_who_come_later() {
    let ground = Ground::new().await;
    let id = JobId::new();
    assert_eq!(ground.queue.last_preview(id).await.unwrap(), None);
    for frame in ["first", "last"] {
        ground.queue.publish_preview(id, Bytes::from_static(frame.as_bytes())).await.unwrap();
    }
    assert_eq!(ground.queue.last_preview(id).await.unwrap(), Some(Bytes::from_static(b"last")));
    let key = format!("{{test}}:preview:{id}");
    let expires_ms: i64 = redis::cmd("PTTL").arg(key).query_async(&mut ground.raw().await).await.unwrap();
    assert!(expires_ms > 0, "it is kept for ever");
}
