//! Storing and reading.

use std::{fs, sync::Arc, time::Duration};

use assets::{AssetStore, Error};
use bytes::Bytes;
use futures::TryStreamExt as _;
use time::OffsetDateTime;

use crate::draw::{png, store};

#[tokio::test]
async fn what_was_stored_is_read_back_and_says_what_it_is() {
    let (store, _folder) = store();
    let bytes = png(48, 32, 7);
    let stored = store.put("image/png", bytes.clone()).await.unwrap();
    assert_eq!((stored.width, stored.height, stored.size_bytes), (Some(48), Some(32), bytes.len() as u64));
    assert_eq!((stored.media_type.as_str(), stored.blake3), ("image/png", blake3::hash(&bytes).to_hex().to_string()));
    assert_eq!(store.read(&blake3::hash(&bytes).to_hex()).await.unwrap(), bytes);
}

#[tokio::test]
async fn the_same_bytes_are_one_file_with_two_ids() {
    let (store, folder) = store();
    let one = store.put("text/plain", Bytes::from_static(b"hello")).await.unwrap();
    let two = store.put("text/plain", Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!((&one.blake3, one.width), (&two.blake3, None));
    assert_ne!(one.id, two.id);
    let listed: Vec<_> = store.list_blobs().try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    let path = folder.path().join("store/blobs").join(&one.blake3[..2]).join(&one.blake3);
    assert_eq!(fs::read(path).unwrap(), b"hello");
}

#[tokio::test]
async fn many_writers_of_one_file_leave_one_whole_file() {
    let (store, _folder) = store();
    let bytes = Bytes::from(vec![42; 300_000]);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, bytes) = (store.clone(), bytes.clone());
            tokio::spawn(async move { store.put("application/octet-stream", bytes).await.unwrap().blake3 })
        })
        .collect();
    for task in tasks {
        assert_eq!(store.read(&task.await.unwrap()).await.unwrap(), bytes);
    }
    assert_eq!(store.delete_partial(OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1 << 36)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_part_is_read_alone_and_must_lie_within_the_file() {
    let (store, _folder) = store();
    let file = store.put("text/plain", Bytes::from_static(b"0123456789")).await.unwrap().blake3;
    assert_eq!(store.read_range(&file, 2..5).await.unwrap(), "234");
    assert_eq!(store.read_range(&file, 0..10).await.unwrap(), "0123456789");
    #[allow(clippy::reversed_empty_ranges, reason = "that is the point")]
    for range in [0..11, 10..11, 5..5, 7..3, 0..u64::MAX] {
        let error = store.read_range(&file, range.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Range { size_bytes: 10, .. }), "{range:?}: {error}");
        assert!(matches!(store.stream(&file, Some(range)).await.err(), Some(Error::Range { .. })));
    }
}

#[tokio::test]
async fn a_file_is_streamed_in_pieces_whole_or_in_part() {
    let (store, _folder) = store();
    let bytes: Bytes = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    let file = store.put("application/octet-stream", bytes.clone()).await.unwrap().blake3;
    let pieces: Vec<Bytes> = store.stream(&file, None).await.unwrap().try_collect().await.unwrap();
    assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= 64 << 10));
    assert_eq!(pieces.concat(), bytes);
    let part: Vec<Bytes> = store.stream(&file, Some(100_000..200_001)).await.unwrap().try_collect().await.unwrap();
    assert_eq!(part.concat(), bytes[100_000..200_001]);
}

#[tokio::test]
async fn a_stream_goes_on_after_the_file_was_deleted() {
    let (store, _folder) = store();
    let file = store.put("text/plain", Bytes::from_static(b"still here")).await.unwrap().blake3;
    let stream = store.stream(&file, None).await.unwrap();
    store.delete_blob(&file).await.unwrap();
    let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert_eq!(pieces.concat(), b"still here");
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let (store, _folder) = store();
    let file = store.put("text/plain", Bytes::new()).await.unwrap().blake3;
    assert!(store.read(&file).await.unwrap().is_empty());
    let pieces: Vec<Bytes> = store.stream(&file, None).await.unwrap().try_collect().await.unwrap();
    assert!(pieces.concat().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_is_no_hash_is_refused() {
    let (store, folder) = store();
    fs::write(folder.path().join("secret"), "x").unwrap();
    let missing = "0".repeat(64);
    assert!(matches!(store.read(&missing).await, Err(Error::NotFound(_))));
    assert!(matches!(store.read_range(&missing, 0..1).await, Err(Error::NotFound(_))));
    assert!(matches!(store.stream(&missing, None).await.err(), Some(Error::NotFound(_))));
    assert!(matches!(store.thumbnail(&missing, 160).await, Err(Error::NotFound(_))));
    assert!(!store.exists(&missing).await.unwrap());
    for name in ["../secret", "..%2fsecret", "/etc/passwd", "", "%2e%2e/secret", "C:\\x", &"../".repeat(21)] {
        assert!(matches!(store.read(name).await, Err(Error::Name { .. })), "{name}");
        assert!(matches!(store.exists(name).await, Err(Error::Name { .. })), "{name}");
        assert!(matches!(store.delete_blob(name).await, Err(Error::Name { .. })), "{name}");
    }
}

#[tokio::test]
async fn a_link_in_place_of_a_file_is_no_file() {
    let (store, folder) = store();
    fs::write(folder.path().join("secret"), "x").unwrap();
    let name = "ab".repeat(32);
    fs::create_dir_all(folder.path().join("store/blobs/ab")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("secret"), folder.path().join("store/blobs/ab").join(&name)).unwrap();
    assert!(!store.exists(&name).await.unwrap());
    assert!(matches!(store.stream(&name, None).await.err(), Some(Error::NotFound(_))));
    assert!(matches!(store.read_range(&name, 0..1).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn a_damaged_file_is_not_handed_out_as_a_whole() {
    let (store, folder) = store();
    let file = store.put("text/plain", Bytes::from_static(b"hello")).await.unwrap().blake3;
    fs::write(folder.path().join("store/blobs").join(&file[..2]).join(&file), "hallo").unwrap();
    assert!(matches!(store.read(&file).await, Err(Error::Damaged(_))));
}

#[test]
fn a_store_opens_only_at_a_folder_and_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/a%20b/c", folder.path().display());
    let store = Arc::new(AssetStore::open(&url).unwrap());
    assert!(folder.path().join("a b/c").is_dir());
    assert!(format!("{store:?}").ends_with("/a b/c)"));
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = AssetStore::open(&format!("file://{}/file", folder.path().display())).unwrap_err();
    assert!(error.to_string().starts_with("could not make the folder of the asset store /"), "{error}");
    for url in ["", "outputs", "s3://bucket", "http://x/y", "file://host/x"] {
        let error = AssetStore::open(url).unwrap_err();
        assert!(matches!(error, Error::Url { .. }) && error.to_string().contains("file:///path"), "{error}");
    }
}
