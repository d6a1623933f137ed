//! How the database is opened.

use api::db::{Db, Error};

use super::ground::{Ground, on_both};
use crate::sample::new_job;

on_both!(what_was_written_is_there_when_it_is_opened_again, it_says_that_it_lives);

async fn what_was_written_is_there_when_it_is_opened_again(ground: Ground) {
    let new = new_job("");
    ground.db.insert_job(&new).await.unwrap();
    ground.db.close().await;
    let again = Db::open(&ground.url).await.unwrap();
    assert_eq!(again.find_job(new.id).await.unwrap().unwrap().spec, new.spec);
}

async fn it_says_that_it_lives(ground: Ground) {
    ground.db.ping().await.unwrap();
    ground.db.close().await;
    assert!(matches!(ground.db.ping().await, Err(Error::Query { .. })));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_its_password() {
    let error = Db::open("mysql://me:secret@host/db").await.unwrap_err();
    assert!(matches!(&error, Error::Address { address } if address == "mysql://me@host/db"), "{error:?}");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let error = Db::open("sqlite:///no/such/folder/atelier.db").await.unwrap_err();
    assert!(error.to_string().contains("/no/such/folder/atelier.db"), "{error}");
}
