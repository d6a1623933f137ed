//! Which model tags, by what, and what happens where there is none.

use contract::{
    tag::{TagSource, TaggingState},
    text::{
        TextRequest,
        chat::{Message, Part},
    },
    worker::WorkerState,
};

use super::{
    super::house::MODEL,
    studio::{AT_ONCE, Studio, tag},
};

#[tokio::test]
async fn where_no_model_sees_another_reads_the_prompt() {
    let mut studio = Studio::open_with(AT_ONCE).await;
    let llm = studio.house.folder.path().join("models/llm");
    std::fs::remove_file(llm.join("mmproj-smoke.gguf")).unwrap();
    studio.announce(WorkerState::Idle, &[MODEL]).await;
    let (_, picture) = studio.paint("a lighthouse by the sea").await;
    let lease = studio.asked().await;
    assert_eq!(lease.job.inputs, []);
    let TextRequest::Chat(chat) = &lease.job.request else { panic!("{:?}", lease.job.request) };
    let told = |message: &Message| {
        matches!(message, Message::User { parts }
        if matches!(parts.as_slice(), [Part::Text { text }] if text.contains("a lighthouse by the sea")))
    };
    assert!(chat.messages.iter().any(told), "{chat:?}");
    tag(lease).await;
    let tagged = studio.until(picture, |tagging| tagging.state == Some(TaggingState::Tagged)).await;
    let source = TagSource::Prompt { model: MODEL.to_owned() };
    assert!(tagged.tags.len() == 10 && tagged.tags.iter().all(|tag| tag.source == source));
}

#[tokio::test]
async fn without_a_model_or_a_worker_nothing_is_tried_and_nothing_is_counted() {
    let mut studio = Studio::open_with(AT_ONCE).await;
    let (_, picture) = studio.paint("a lighthouse").await;
    studio.assert_not_asked().await;
    studio.announce(WorkerState::Broken, &[]).await;
    studio.assert_not_asked().await;
    let llm = studio.house.folder.path().join("models/llm");
    std::fs::rename(&llm, llm.with_extension("away")).unwrap();
    studio.announce(WorkerState::Idle, &[]).await;
    studio.assert_not_asked().await;
    let tagging = studio.tagging(picture).await;
    assert_eq!((tagging.state, tagging.failures, tagging.reason), (Some(TaggingState::Waiting), 0, None));
    assert_eq!(studio.house.queue.open_jobs().await.unwrap(), []);

    std::fs::rename(llm.with_extension("away"), &llm).unwrap();
    tag(studio.asked_while(std::time::Duration::from_millis(100)).await).await;
    studio.until(picture, |tagging| tagging.state == Some(TaggingState::Tagged)).await;
}

#[tokio::test]
async fn a_model_that_the_settings_name_and_nobody_has_tags_nothing() {
    let settings = [AT_ONCE, &[("ATELIER_TAGGER_MODEL", "nothing")]].concat();
    let mut studio = Studio::open_with(&settings).await;
    studio.announce(WorkerState::Idle, &[MODEL]).await;
    let (_, picture) = studio.paint("a lighthouse").await;
    studio.assert_not_asked().await;
    assert_eq!(studio.tagging(picture).await.failures, 0);
}

#[tokio::test]
async fn pictures_go_to_no_other_server_unless_the_settings_name_its_model() {
    for (named, is_asked) in [("", false), ("giant", true)] {
        let settings = [AT_ONCE, &[("ATELIER_TAGGER_MODEL", named)]].concat();
        let mut studio = Studio::open_with(&settings).await;
        std::fs::remove_dir_all(studio.house.folder.path().join("models/llm")).unwrap();
        studio.announce_engine("OpenAI", WorkerState::Idle, &["giant"]).await;
        let (_, picture) = studio.paint("a lighthouse").await;
        if !is_asked {
            studio.assert_not_asked().await;
            continue;
        }
        let lease = studio.asked().await;
        assert_eq!((lease.job.model.as_str(), lease.job.inputs[0].id), ("giant", picture));
    }
}
