//! The count: every operation of the API document and every kind of change is named by a test of this binary.

use std::collections::BTreeSet;

use contract::{
    model::{Model, ModelFormat},
    page::Page,
    system::{System as State, Verdict},
};
use reqwest::StatusCode;
use serde_json::Value;
use tests::plan::Plan;

/// For each operation, a test that uses it as a client would.
const OPERATIONS: &[(&str, &str)] = &[
    ("submit_text_to_image", "a_picture_is_a_png_that_says_how_it_was_made_and_its_job_has_a_whole_timeline"),
    ("submit_image_to_image", "every_kind_makes_the_right_file_and_what_it_says_about_itself_makes_it_again"),
    ("submit_inpaint", "what_the_mask_leaves_out_stays_exactly_and_what_it_covers_is_new"),
    ("submit_image_edit", "every_kind_makes_the_right_file_and_what_it_says_about_itself_makes_it_again"),
    ("submit_upscale", "every_kind_makes_the_right_file_and_what_it_says_about_itself_makes_it_again"),
    ("submit_contact_sheet", "every_kind_makes_the_right_file_and_what_it_says_about_itself_makes_it_again"),
    ("pause_queue", "the_queue_is_paused_reordered_cleared_and_resumed_from_the_terminal"),
    ("resume_queue", "the_queue_is_paused_reordered_cleared_and_resumed_from_the_terminal"),
    ("clear_jobs", "the_queue_is_paused_reordered_cleared_and_resumed_from_the_terminal"),
    ("retry_jobs", "the_queue_is_paused_reordered_cleared_and_resumed_from_the_terminal"),
    ("list_queues", "the_lists_say_what_a_job_can_name_and_a_picture_says_how_to_make_it_again"),
    ("load_capabilities", "the_lists_say_what_a_job_can_name_and_a_picture_says_how_to_make_it_again"),
    ("list_loras", "the_lists_say_what_a_job_can_name_and_a_picture_says_how_to_make_it_again"),
    ("list_upscalers", "the_lists_say_what_a_job_can_name_and_a_picture_says_how_to_make_it_again"),
    ("list_embeddings", "the_lists_say_what_a_job_can_name_and_a_picture_says_how_to_make_it_again"),
    ("inspect_asset", "the_lists_say_what_a_job_can_name_and_a_picture_says_how_to_make_it_again"),
    ("submit_group", "a_grid_makes_every_picture_and_one_contact_sheet_though_the_api_dies_on_the_way"),
    ("load_group", "a_grid_makes_every_picture_and_one_contact_sheet_though_the_api_dies_on_the_way"),
    ("cancel_group", "a_group_is_cancelled_as_one"),
    ("put_group", "a_group_that_is_put_twice_is_one_and_can_be_followed_listed_and_retried"),
    ("list_groups", "a_group_that_is_put_twice_is_one_and_can_be_followed_listed_and_retried"),
    ("follow_group", "a_group_that_is_put_twice_is_one_and_can_be_followed_listed_and_retried"),
    ("retry_group", "a_group_that_is_put_twice_is_one_and_can_be_followed_listed_and_retried"),
    ("explore_cell", "the_command_line_makes_a_grid_explores_a_cell_and_promotes_one"),
    ("promote_cell", "the_command_line_makes_a_grid_explores_a_cell_and_promotes_one"),
    ("list_jobs", "a_list_is_read_page_by_page_newest_first_and_filtered"),
    ("load_job", "a_job_survives_the_sudden_death_of_its_worker"),
    ("put_job", "a_job_under_an_id_of_the_clients_choice_can_be_put_twice_and_is_one"),
    ("cancel_job", "a_running_picture_is_cancelled_at_once_and_the_worker_takes_the_next"),
    ("retry_job", "a_job_that_always_fails_dies_with_a_reason_and_a_person_can_give_it_another_life"),
    ("move_job", "the_urgent_come_first_and_a_moved_job_overtakes_its_equals"),
    ("pause_job", "the_queue_is_paused_reordered_cleared_and_resumed_from_the_terminal"),
    ("resume_job", "the_queue_is_paused_reordered_cleared_and_resumed_from_the_terminal"),
    ("list_attempts", "a_job_that_always_fails_dies_with_a_reason_and_a_person_can_give_it_another_life"),
    ("follow_job", "server_sent_events_tell_the_same_and_replay_what_was_missed"),
    ("follow_all", "server_sent_events_tell_the_same_and_replay_what_was_missed"),
    ("open_socket", "a_watcher_sees_progress_and_previews_and_who_reloads_sees_the_last_state"),
    ("upload_asset", "a_picture_goes_up_by_form_and_by_json_and_comes_down_whole_in_parts_and_small"),
    ("list_assets", "a_picture_goes_up_by_form_and_by_json_and_comes_down_whole_in_parts_and_small"),
    ("download_asset", "a_picture_goes_up_by_form_and_by_json_and_comes_down_whole_in_parts_and_small"),
    ("look_at_asset", "a_picture_goes_up_by_form_and_by_json_and_comes_down_whole_in_parts_and_small"),
    ("list_models", "a_model_file_that_is_none_is_listed_with_its_problem_and_no_job_is_accepted_for_it"),
    ("list_llms", "the_real_engine_chats_streams_embeds_and_counts_tokens"),
    ("tokenize_text", "the_real_engine_chats_streams_embeds_and_counts_tokens"),
    ("detokenize_tokens", "the_real_engine_chats_streams_embeds_and_counts_tokens"),
    ("apply_template", "the_real_engine_chats_streams_embeds_and_counts_tokens"),
    ("enhance_prompt", "whatever_the_model_says_an_answer_keeps_to_its_form"),
    ("vary_prompt", "whatever_the_model_says_an_answer_keeps_to_its_form"),
    ("extract_style", "whatever_the_model_says_an_answer_keeps_to_its_form"),
    ("describe_picture", "whatever_the_model_says_an_answer_keeps_to_its_form"),
    ("set_fields", "fields_that_come_back_are_those_that_a_job_takes"),
    ("load_tags", "a_chat_that_comes_while_a_picture_is_tagged_is_answered_and_the_picture_tagged_afterwards"),
    ("retry_tagging", "a_chat_that_comes_while_a_picture_is_tagged_is_answered_and_the_picture_tagged_afterwards"),
    ("list_workers", "a_worker_that_is_told_to_stop_finishes_its_job_takes_no_other_and_ends_well"),
    ("load_system", "the_pages_of_operation_say_how_everything_is"),
    ("list_keys", "with_a_key_nobody_without_one_gets_anywhere_and_scopes_hold"),
    ("create_key", "with_a_key_nobody_without_one_gets_anywhere_and_scopes_hold"),
    ("delete_key", "with_a_key_nobody_without_one_gets_anywhere_and_scopes_hold"),
    ("livez", "while_valkey_is_away_jobs_are_accepted_and_run_when_it_is_back"),
    ("readyz", "while_valkey_is_away_jobs_are_accepted_and_run_when_it_is_back"),
    ("render_metrics", "the_pages_of_operation_say_how_everything_is"),
    ("openapi", "every_operation_and_every_kind_of_change_is_named_by_a_test"),
];

/// The test that sees every kind of change, and names them all.
const CHANGES: &str = "every_kind_of_change_reaches_those_who_watch";

/// Where the tests stand.
const SOURCES: &[&str] = &[
    include_str!("assets.rs"),
    include_str!("bad_input.rs"),
    include_str!("bad_models.rs"),
    include_str!("cancelling.rs"),
    include_str!("command_line.rs"),
    include_str!("groups.rs"),
    include_str!("idempotency.rs"),
    include_str!("keys.rs"),
    include_str!("kinds.rs"),
    include_str!("lifecycle.rs"),
    include_str!("llama_server.rs"),
    include_str!("live.rs"),
    include_str!("operations.rs"),
    include_str!("order.rs"),
    include_str!("prompts.rs"),
    include_str!("sd_engine.rs"),
    include_str!("several.rs"),
    include_str!("survival.rs"),
    include_str!("tagging.rs"),
];

fn source_of(test: &str) -> &'static str {
    let head = format!("async fn {test}()");
    SOURCES.iter().find(|source| source.contains(&head)).unwrap_or_else(|| panic!("there is no test {test}"))
}

#[tokio::test]
async fn every_operation_and_every_kind_of_change_is_named_by_a_test() {
    let system = Plan::new().workers(0).start().await.unwrap();
    let document: Value = system.client().get_json("/openapi.json").await.unwrap();
    let paths = document["paths"].as_object().expect("paths");
    let methods = paths.values().flat_map(|path| path.as_object().expect("methods").values());
    let documented: BTreeSet<&str> = methods.filter_map(|operation| operation["operationId"].as_str()).collect();
    let named: BTreeSet<&str> = OPERATIONS.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(documented, named, "the list in this file is not the list of the API document");
    for (_, test) in OPERATIONS {
        source_of(test);
    }

    let variants = document["components"]["schemas"]["JobChange"]["oneOf"].as_array().expect("the kinds of change");
    let source = source_of(CHANGES);
    for variant in variants {
        let parts = variant["allOf"].as_array().into_iter().flatten().chain([variant]);
        let mut tags = parts.filter_map(|part| part["properties"]["type"]["enum"][0].as_str());
        let tag = tags.next().unwrap_or_else(|| panic!("a change without a tag: {variant}"));
        assert!(source.contains(&format!("\"{tag}\"")), "no test names the change {tag}");
    }
    assert_eq!(variants.len(), 9, "the test of the changes counts another number of them");
}

#[tokio::test]
async fn the_pages_of_operation_say_how_everything_is() {
    let system = Plan::new().start().await.unwrap();
    let client = system.client();
    let state: State = client.get_json("/api/system").await.unwrap();
    assert!(state.is_ready && state.memory_total_mib > 0, "{state:?}");
    let bad: Vec<_> = state.checks.iter().filter(|check| check.verdict == Verdict::Bad).collect();
    assert!(bad.is_empty() && !state.checks.is_empty(), "{bad:?}");
    let models: Page<Model> = client.get_json("/api/models").await.unwrap();
    assert!(models.data.iter().any(|model| model.format == ModelFormat::Scripted), "{models:?}");
    let metrics = client.get("/metrics").await.unwrap();
    assert_eq!(metrics.status(), StatusCode::OK);
    let text = metrics.text().await.unwrap();
    assert!(text.contains("# TYPE atelier_") && text.lines().count() > 20, "{text}");
    let docs = client.get("/docs/").await.unwrap();
    assert_eq!(docs.status(), StatusCode::OK);
    assert!(docs.text().await.unwrap().to_lowercase().contains("<html"));
}
