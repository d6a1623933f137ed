//! What the sweep sees and deletes.

use std::{fs, time::Duration};

use assets::StoredBlob;
use bytes::Bytes;
use futures::TryStreamExt as _;
use time::OffsetDateTime;

use crate::draw::{png, store};

#[tokio::test]
async fn the_sweep_sees_each_file_with_its_size_and_age() {
    let (store, folder) = store();
    assert!(store.list_blobs().try_collect::<Vec<_>>().await.unwrap().is_empty());
    let stored = store.put("image/png", png(8, 8, 1)).await.unwrap();
    fs::write(folder.path().join("store/blobs/notes.txt"), "not ours").unwrap();
    let path = folder.path().join("store/blobs").join(&stored.blake3[..2]).join(&stored.blake3);
    let at = OffsetDateTime::UNIX_EPOCH + Duration::from_nanos(1_000_000_123_456_789);
    fs::File::open(path).unwrap().set_modified(at.into()).unwrap();
    let listed: Vec<_> = store.list_blobs().try_collect().await.unwrap();
    let expected = StoredBlob { blake3: stored.blake3, size_bytes: stored.size_bytes, modified_at: at };
    assert_eq!(listed, [expected]);
}

#[tokio::test]
async fn a_deleted_file_takes_its_thumbnails_along() {
    let (store, folder) = store();
    let file = store.put("image/png", png(400, 400, 1)).await.unwrap().blake3;
    store.thumbnail(&file, 160).await.unwrap();
    store.thumbnail(&file, 320).await.unwrap();
    store.delete_blob(&file).await.unwrap();
    store.delete_blob(&file).await.unwrap();
    assert!(!store.exists(&file).await.unwrap());
    assert_eq!(fs::read_dir(folder.path().join("store/thumbnails")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_that_was_stored_again_since_it_was_listed_is_not_swept() {
    let (store, folder) = store();
    let bytes = Bytes::from_static(b"hello");
    let stored = store.put("text/plain", bytes.clone()).await.unwrap();
    let path = folder.path().join("store/blobs").join(&stored.blake3[..2]).join(&stored.blake3);
    fs::File::open(path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let listed: Vec<_> = store.list_blobs().try_collect().await.unwrap();

    store.put("text/plain", bytes).await.unwrap();
    assert!(!store.delete_unchanged(&listed[0]).await.unwrap());
    assert!(store.exists(&stored.blake3).await.unwrap());

    let listed: Vec<_> = store.list_blobs().try_collect().await.unwrap();
    assert!(store.delete_unchanged(&listed[0]).await.unwrap());
    assert!(!store.delete_unchanged(&listed[0]).await.unwrap());
    assert!(!store.exists(&stored.blake3).await.unwrap());
}

#[tokio::test]
async fn what_a_killed_writer_left_is_no_file_and_is_deleted_once_it_is_old() {
    let (store, folder) = store();
    let whole = store.put("text/plain", Bytes::from_static(b"hello")).await.unwrap().blake3;
    let partial = folder.path().join("store/blobs").join(&whole[..2]).join(format!("{whole}#1"));
    fs::write(&partial, "hel").unwrap();
    assert_eq!(store.list_blobs().try_collect::<Vec<_>>().await.unwrap().len(), 1);

    let written: OffsetDateTime = fs::metadata(&partial).unwrap().modified().unwrap().into();
    assert_eq!(store.delete_partial(written).await.unwrap(), 0);
    assert_eq!(store.delete_partial(written + Duration::from_secs(1)).await.unwrap(), 1);
    assert!(!partial.exists());
    assert!(store.exists(&whole).await.unwrap());
}
