//! Files on record.

use std::time::Duration;

use api::db::NewAsset;
use contract::AssetId;

use super::ground::{Ground, on_both};
use crate::sample::{file, new_job, noon};

on_both!(
    a_file_is_found_with_its_job_and_its_parents_in_order,
    a_file_is_on_record_once,
    files_are_listed_newest_first_with_their_lineage,
);

fn upload(letter: char) -> NewAsset {
    NewAsset { file: file(letter), job_id: None, parents: vec![], owner: "ann".to_owned(), created_at: noon() }
}

async fn a_file_is_found_with_its_job_and_its_parents_in_order(ground: Ground) {
    let job = new_job("ann");
    ground.db.insert_job(&job).await.unwrap();
    let parents = [upload('b'), upload('a')];
    for parent in &parents {
        ground.db.insert_asset(parent).await.unwrap();
    }
    let ids: Vec<AssetId> = parents.iter().map(|parent| parent.file.id).rev().collect();
    let child = NewAsset { job_id: Some(job.id), parents: ids.clone(), ..upload('c') };
    ground.db.insert_asset(&child).await.unwrap();
    let found = ground.db.find_asset(child.file.id).await.unwrap().unwrap();
    assert_eq!((found.file, found.job_id, found.parents), (child.file, Some(job.id), ids));
    assert_eq!(found.created_at, noon());
    assert_eq!(ground.db.find_asset(AssetId::new()).await.unwrap(), None);
}

async fn a_file_is_on_record_once(ground: Ground) {
    let asset = upload('a');
    ground.db.insert_asset(&asset).await.unwrap();
    ground.db.insert_asset(&NewAsset { owner: "bob".to_owned(), ..asset.clone() }).await.unwrap();
    assert_eq!(ground.db.list_assets(None, None, 10).await.unwrap().data.len(), 1);
    // The same bytes may be there under another name.
    ground.db.insert_asset(&upload('a')).await.unwrap();
    assert_eq!(ground.db.list_assets(None, None, 10).await.unwrap().data.len(), 2);
}

async fn files_are_listed_newest_first_with_their_lineage(ground: Ground) {
    let mut ids: Vec<AssetId> = Vec::new();
    for second in 0..7 {
        let parents = ids.first().copied().into_iter().collect();
        let asset = NewAsset { parents, created_at: noon() + Duration::from_secs(second), ..upload('a') };
        ground.db.insert_asset(&asset).await.unwrap();
        ids.insert(0, asset.file.id);
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = ground.db.list_assets(None, after, 3).await.unwrap();
        found.extend(page.data);
        match page.next_cursor {
            Some(cursor) => after = Some(cursor.parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(found.iter().map(|asset| asset.file.id).collect::<Vec<_>>(), ids);
    for (asset, parent) in found.iter().zip(&ids[1..]) {
        assert_eq!(asset.parents, [*parent]);
    }
}
