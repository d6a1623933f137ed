//! Keys and settings.

use std::time::Duration;

use contract::{
    KeyId,
    key::{ApiKey, Scope},
};

use super::ground::{Ground, on_both};
use crate::sample::noon;

on_both!(
    a_key_is_found_by_the_hash_of_its_secret_until_it_is_deleted,
    two_keys_cannot_have_the_same_secret,
    a_setting_is_what_was_put_last,
);

fn key(name: &str, scope: Scope) -> ApiKey {
    ApiKey { id: KeyId::new(), name: name.to_owned(), scope, created_at: noon(), last_used_at: None }
}

async fn a_key_is_found_by_the_hash_of_its_secret_until_it_is_deleted(ground: Ground) {
    let db = &ground.db;
    assert_eq!(db.count_keys().await.unwrap(), 0);
    let (one, two) = (key("one", Scope::Read), key("two", Scope::Admin));
    db.insert_key(&one, "hash one").await.unwrap();
    db.insert_key(&two, "hash two").await.unwrap();
    assert_eq!(db.find_key_by_hash("hash two").await.unwrap(), Some(two.clone()));
    assert_eq!(db.find_key_by_hash("hash").await.unwrap(), None);

    let used_at = noon() + Duration::from_secs(60);
    db.touch_key(one.id, used_at).await.unwrap();
    let one = ApiKey { last_used_at: Some(used_at), ..one };
    assert_eq!(db.list_keys().await.unwrap(), [one.clone(), two]);

    assert!(db.delete_key(one.id).await.unwrap());
    assert!(!db.delete_key(one.id).await.unwrap());
    assert_eq!(db.find_key_by_hash("hash one").await.unwrap(), None);
    assert_eq!(db.count_keys().await.unwrap(), 1);
}

async fn two_keys_cannot_have_the_same_secret(ground: Ground) {
    ground.db.insert_key(&key("one", Scope::Read), "hash").await.unwrap();
    assert!(ground.db.insert_key(&key("two", Scope::Admin), "hash").await.is_err());
}

async fn a_setting_is_what_was_put_last(ground: Ground) {
    assert_eq!(ground.db.find_setting::<Vec<u32>>("numbers").await.unwrap(), None);
    ground.db.put_setting("numbers", &vec![1, 2]).await.unwrap();
    ground.db.put_setting("numbers", &vec![3]).await.unwrap();
    assert_eq!(ground.db.find_setting::<Vec<u32>>("numbers").await.unwrap(), Some(vec![3]));
}
