//! A disk that is full, a folder that may not be written to: said in words that help.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::Duration,
};

use assets::{AssetStore, Error};
use bytes::Bytes;

use crate::draw::store;

#[tokio::test]
async fn a_usable_store_passes_its_probe_and_keeps_nothing_of_it() {
    let (store, folder) = store();
    store.probe().await.unwrap();
    assert_eq!(fs::read_dir(folder.path().join("store")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_store_whose_folder_is_gone_makes_it_again() {
    let (store, folder) = store();
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    store.probe().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_to_is_named_with_the_remedy() {
    let (store, folder) = store();
    let path = folder.path().join("store");
    fs::set_permissions(&path, Permissions::from_mode(0o555)).unwrap();
    let Err(error) = store.probe().await else {
        // Root may write everywhere; then a file in place of the folder stands for all that cannot be written.
        fs::remove_dir(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert!(matches!(store.probe().await, Err(Error::Io { .. })));
        return;
    };
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    assert!(error.to_string().contains("not permitted") && error.to_string().contains("outputs_dir"), "{error}");
}

/// Names the folder of the small disk, for the part of the next test that runs where it may mount one.
const SMALL_DISK: &str = "ATELIER_TEST_SMALL_DISK";

#[test]
fn a_full_disk_is_named_with_the_remedy_and_leaves_nothing_half_written() {
    if let Some(disk) = std::env::var_os(SMALL_DISK) {
        return fill(Path::new(&disk));
    }
    let disk = tempfile::tempdir().unwrap();
    // The mount is seen by that process alone, and ends with it.
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount"]).arg(std::env::current_exe().unwrap());
    let name = "faults::a_full_disk_is_named_with_the_remedy_and_leaves_nothing_half_written";
    let output = command.args(["--exact", name, "--nocapture"]).env(SMALL_DISK, disk.path()).output();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("unshare") => {
            println!("skipped: this machine gives nobody a name space of their own");
        }
        other => panic!("{other:?}"),
    }
}

fn fill(disk: &Path) {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(disk).status().unwrap();
    assert!(mounted.success());
    let store = AssetStore::open(&format!("file://{}", disk.display())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let stored = runtime.block_on(store.put("application/octet-stream", Bytes::from(vec![1; 1 << 20])));
    let error = stored.unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(error.to_string().contains("no space is left") && error.to_string().contains("outputs_dir"), "{error}");
    let later = time::OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1 << 36);
    assert_eq!(runtime.block_on(store.delete_partial(later)).unwrap(), 0);
}
