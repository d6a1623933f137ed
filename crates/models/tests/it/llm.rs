//! Language models: what is listed, what sees for which, what is refused and why.

use models::{
    Error,
    header::{PerLayer, Pooling},
    llm::{CacheType, LlmModel},
};

use crate::build::{Folder, Gguf, text};

/// Builds the header of a language model with a vocabulary.
pub(crate) fn writer(architecture: &str) -> Gguf {
    let mut gguf = Gguf::new();
    gguf.metadata[0].2 = text(architecture);
    let number = |gguf: Gguf, key: &str, value: u32| gguf.with(key, 4, value.to_le_bytes().to_vec());
    let of = |key: &str| format!("{architecture}.{key}");
    gguf = gguf.with("general.name", 8, text("Some writer"));
    gguf = number(gguf, "general.file_type", 15);
    for (key, value) in [
        ("context_length", 32_768),
        ("block_count", 4),
        ("embedding_length", 64),
        ("feed_forward_length", 256),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 2),
        ("attention.key_length", 32),
        ("attention.value_length", 32),
    ] {
        gguf = number(gguf, &of(key), value);
    }
    let tokens = [&8_u32.to_le_bytes()[..], &3_u64.to_le_bytes(), &text("a"), &text("b"), &text("c")].concat();
    gguf.with("tokenizer.ggml.tokens", 9, tokens).with("tokenizer.chat_template", 8, text(&"{{ x }}".repeat(1000)))
}

/// Builds an eye for a model of this width.
fn eye(width: u32) -> Gguf {
    let mut gguf = Gguf::new();
    gguf.metadata[0].2 = text("clip");
    gguf.with("clip.has_vision_encoder", 7, vec![1]).with("clip.projector_type", 8, text("janus_pro")).with(
        "clip.vision.projection_dim",
        4,
        width.to_le_bytes().to_vec(),
    )
}

/// Builds a part of a model in several files.
fn part(gguf: Gguf, number: u16, count: u16) -> Vec<u8> {
    gguf.with("split.no", 2, number.to_le_bytes().to_vec()).with("split.count", 2, count.to_le_bytes().to_vec()).bytes()
}

fn listed(folder: &Folder) -> Vec<String> {
    let list = folder.library().list_llms().unwrap();
    let line = |listed: models::llm::ListedLlm| match listed.model {
        Ok(model) => match model.mmproj {
            Some(mmproj) => format!("{} + {}", model.id, mmproj.path.rsplit('/').next().unwrap()),
            None => model.id,
        },
        Err(problem) => format!("{}: {problem}", listed.id),
    };
    list.into_iter().map(line).collect()
}

fn model(folder: &Folder, id: &str) -> LlmModel {
    folder.library().resolve_llm(id).unwrap()
}

fn problem(folder: &Folder, id: &str) -> String {
    match folder.library().resolve_llm(id) {
        Err(Error::Broken { problem, remedy, .. }) => {
            assert!(listed(folder).contains(&format!("{id}: {problem}; {remedy}")), "{:?}", listed(folder));
            problem
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_language_model_is_listed_with_what_it_says_about_itself() {
    let folder = Folder::new();
    let path = folder.write("llm/small/writer-Q4_K_M.gguf", writer("qwen3").bytes());
    let model = model(&folder, "small/writer-Q4_K_M");
    assert_eq!(model.files, [path.to_str().unwrap()]);
    assert_eq!((model.name.as_str(), model.size_bytes), ("Some writer", writer("qwen3").bytes().len() as u64));
    let metadata = &model.metadata;
    assert_eq!((metadata.architecture.as_str(), metadata.quantisation), ("qwen3", Some("Q4_K_M")));
    assert_eq!((metadata.context_length, metadata.block_count), (Some(32_768), Some(4)));
    assert_eq!((&metadata.heads, &metadata.kv_heads), (&PerLayer::Same(4), &PerLayer::Same(2)));
    assert_eq!((metadata.vocabulary_size, metadata.has_chat_template), (Some(3), true));
    // 32 × 2 of one tensor, 3 of the other.
    assert_eq!(metadata.parameters, 67);
    assert_eq!(listed(&folder), ["small/writer-Q4_K_M"]);
}

#[test]
fn the_smoke_model_is_usable_and_sees() {
    let folder = Folder::new();
    testkit::tiny_models::write_llm(folder.path()).unwrap();
    assert_eq!(listed(&folder), ["smoke + mmproj-smoke.gguf"]);
    let model = model(&folder, "smoke");
    let eye = &model.mmproj.as_ref().unwrap().eye;
    assert!(eye.has_vision && !eye.has_audio);
    assert_eq!(eye.width, model.metadata.embedding_length);
    assert!(model.metadata.has_chat_template && model.metadata.parameters > 500_000);
}

#[test]
fn numbers_of_each_layer_are_read_as_such() {
    let each = [&5_u32.to_le_bytes()[..], &4_u64.to_le_bytes(), &[0; 4], &8_u32.to_le_bytes(), &[0; 4], &[1, 0, 0, 0]];
    let mut gguf = writer("lfm2");
    gguf.metadata.retain(|(key, ..)| !key.ends_with("head_count_kv"));
    let folder = Folder::new();
    folder.write("llm/hybrid.gguf", gguf.with("lfm2.attention.head_count_kv", 9, each.concat()).bytes());
    assert_eq!(model(&folder, "hybrid").metadata.kv_heads, PerLayer::Each(vec![0, 8, 0, 1]));
}

#[test]
fn a_model_in_parts_is_one_model_and_a_missing_part_is_named() {
    let folder = Folder::new();
    let name = |number: u16| format!("llm/big/writer-{number:05}-of-00003.gguf");
    folder.write(&name(1), part(writer("llama"), 0, 3));
    folder.write(&name(3), part(Gguf::new(), 2, 3));
    assert_eq!(problem(&folder, "big/writer"), "a part of it is missing: writer-00002-of-00003.gguf");
    folder.write(&name(2), part(Gguf::new(), 1, 3));
    let model = model(&folder, "big/writer");
    assert!(model.files.iter().zip(1..).all(|(file, number)| file.ends_with(&name(number))), "{:?}", model.files);
    assert_eq!((model.metadata.parameters, listed(&folder)), (3 * 67, vec!["big/writer".to_owned()]));
    folder.write(&name(2), part(Gguf::new(), 2, 3));
    let problem = problem(&folder, "big/writer");
    assert_eq!(problem, "its name says part 2 of 3, and its header part 3 of 3");
}

#[test]
fn the_first_part_may_have_words_only_and_nothing_else_may() {
    let mut first = writer("llama");
    (first.tensors, first.data_bytes) = (Vec::new(), 0);
    let folder = Folder::new();
    folder.write("llm/x-00001-of-00002.gguf", part(first.clone(), 0, 2));
    folder.write("llm/x-00002-of-00002.gguf", part(Gguf::new(), 1, 2));
    folder.write("llm/y.gguf", first.bytes());
    assert_eq!(model(&folder, "x").metadata.parameters, 67);
    assert!(problem(&folder, "y").contains("0 tensors"), "{}", problem(&folder, "y"));
}

#[test]
fn an_eye_is_found_by_name_by_width_or_because_it_is_the_only_one() {
    let folder = Folder::new();
    folder.write("llm/gemma-4b-Q4_K_M.gguf", writer("gemma3").bytes());
    folder.write("llm/other.gguf", writer("llama").bytes());
    folder.write("llm/mmproj-gemma-4b-f16.gguf", eye(999).bytes());
    assert_eq!(listed(&folder), ["gemma-4b-Q4_K_M + mmproj-gemma-4b-f16.gguf", "other"]);
    folder.write("llm/mmproj-model-f16.gguf", eye(64).bytes());
    assert_eq!(listed(&folder)[1], "other + mmproj-model-f16.gguf", "it is as wide as the model");
    let folder = Folder::new();
    folder.write("llm/llava/writer.gguf", writer("llama").bytes());
    folder.write("llm/llava/any-name.gguf", eye(999).bytes());
    assert_eq!(listed(&folder), ["llava/writer + any-name.gguf"], "the content decides and not the name");
}

#[test]
fn an_eye_that_is_broken_is_named_at_its_model_and_is_no_model() {
    let folder = Folder::new();
    folder.write("llm/writer.gguf", writer("llama").bytes());
    let whole = eye(64).bytes();
    folder.write("llm/mmproj-writer.gguf", &whole[..whole.len() - 40]);
    let problem = problem(&folder, "writer");
    assert!(problem.starts_with("mmproj mmproj-writer.gguf: the file is cut off"), "{problem}");
    assert_eq!(listed(&folder).len(), 1);
}

#[test]
fn what_writes_no_text_is_refused_in_words() {
    let folder = Folder::new();
    folder.write("llm/flux.gguf", Gguf::new().bytes());
    folder.write("llm/pickle.gguf", b"\x80\x02}q\x00.");
    folder.write("llm/empty.gguf", "");
    let whole = writer("llama").bytes();
    folder.write("llm/short.gguf", &whole[..whole.len() - 1]);
    assert_eq!(problem(&folder, "flux"), "it is no language model (flux), and writes no text");
    assert!(problem(&folder, "pickle").contains("a pickle"));
    assert_eq!(problem(&folder, "empty"), "the file is empty");
    assert!(problem(&folder, "short").starts_with("the file is cut off"));
    assert!(
        matches!(folder.library().resolve_llm("shorty"), Err(Error::Unknown { nearest, .. }) if nearest[0] == "short")
    );
    assert!(matches!(folder.library().resolve_llm("../llm/flux"), Err(Error::Unknown { .. })));
}

#[test]
fn pictures_and_texts_have_models_of_their_own() {
    let folder = Folder::new();
    folder.write("llm/writer.gguf", writer("llama").bytes());
    assert!(folder.listed().is_empty());
    assert!(matches!(folder.library().resolve("writer"), Err(Error::Unknown { .. })));
    folder.write("checkpoints/writer.gguf", writer("llama").bytes());
    assert!(folder.listed()[0].contains("it is a language model (llama), which paints no pictures"));
}

#[test]
fn absurd_metadata_is_passed_over_and_takes_no_memory() {
    let huge = u64::MAX.to_le_bytes().to_vec();
    let mut gguf = writer("llama");
    gguf.metadata.retain(|(key, ..)| !key.ends_with("block_count") && !key.ends_with(".head_count"));
    let many = [&4_u32.to_le_bytes()[..], &100_000_u64.to_le_bytes(), &vec![1; 400_000]].concat();
    let gguf = gguf
        .with("llama.block_count", 10, huge)
        .with("llama.attention.head_count", 9, many)
        .with("llama.pooling_type", 4, vec![255; 4])
        .with("llama.attention.sliding_window", 11, vec![255; 8]);
    let folder = Folder::new();
    folder.write("llm/absurd.gguf", gguf.bytes());
    let model = model(&folder, "absurd");
    assert_eq!((model.metadata.block_count, &model.metadata.heads), (Some(u64::MAX), &PerLayer::Unknown));
    assert_eq!((model.metadata.pooling, model.metadata.sliding_window), (None, None));
    let plan = models::llm::memory::Plan { context: u64::MAX, parallel: u64::MAX, ..Default::default() };
    assert_eq!(models::llm::memory::estimate(&model, &plan).total_bytes(), u64::MAX);
}

#[test]
fn a_preset_says_what_a_person_wants() {
    let folder = Folder::new();
    folder.write("llm/sub/writer.gguf", writer("llama").bytes());
    folder.write("llm/eyes/far.gguf", eye(64).bytes());
    folder.write(
        "llm/sub/writer.json",
        r#"{"context": 16384, "parallel": 2, "cache_type_k": "q8_0", "cache_type_v": "q4_0", "pooling": "cls",
            "mmproj": "../eyes/far.gguf", "system_prompt": "Be brief.", "chat_template_kwargs": {"enable_thinking": false}}"#,
    );
    let model = model(&folder, "sub/writer");
    let preset = &model.preset;
    assert_eq!((preset.context, preset.parallel, preset.embeddings), (Some(16_384), Some(2), false));
    assert_eq!((preset.cache_type_k, preset.cache_type_v), (Some(CacheType::Q8_0), Some(CacheType::Q4_0)));
    assert_eq!((preset.pooling, preset.system_prompt.as_deref()), (Some(Pooling::First), Some("Be brief.")));
    assert_eq!(preset.chat_template_kwargs["enable_thinking"], false);
    assert!(model.mmproj.unwrap().path.ends_with("/llm/eyes/far.gguf"));
}

#[test]
fn a_preset_may_take_the_eye_away() {
    let folder = Folder::new();
    testkit::tiny_models::write_llm(folder.path()).unwrap();
    folder.write("llm/smoke.json", r#"{"mmproj": ""}"#);
    assert_eq!(listed(&folder), ["smoke"]);
}

#[test]
fn a_preset_that_is_wrong_says_where_and_notes_of_others_say_nothing() {
    let folder = Folder::new();
    folder.write("llm/writer.gguf", writer("llama").bytes());
    for (json, expected) in [
        ("{\"context\": ", "its .json cannot be read"),
        (r#"{"contxt": 1, "parallel": 1}"#, "unknown field `contxt`"),
        (r#"{"context": 5}"#, "context 5 is not within 256 and 16777216"),
        (r#"{"parallel": 65}"#, "parallel 65 is not within"),
        (r#"{"cache_type_k": "q9"}"#, "unknown variant `q9`"),
        (r#"{"mmproj": "gone.gguf"}"#, "mmproj gone.gguf: the file is missing"),
        (r#"{"mmproj": "../../../etc/passwd"}"#, "leads out of"),
        (r#"{"mmproj": "writer.gguf"}"#, "mmproj writer.gguf: it sees nothing"),
    ] {
        folder.write("llm/writer.json", json);
        let problem = problem(&folder, "writer");
        assert!(problem.contains(expected), "{json}: {problem}");
    }
    folder.write("llm/writer.json", r#"{"model_type": "llama", "vocab_size": 3}"#);
    assert_eq!(model(&folder, "writer").preset, models::llm::Preset::default());
}

#[test]
fn a_cache_that_a_head_does_not_fill_is_refused() {
    let mut gguf = writer("llama");
    gguf.metadata.retain(|(key, ..)| !key.ends_with("key_length"));
    let folder = Folder::new();
    // 64 numbers on 4 heads.
    folder.write("llm/writer.gguf", gguf.bytes());
    folder.write("llm/writer.json", r#"{"cache_type_k": "q8_0"}"#);
    let problem = problem(&folder, "writer");
    assert_eq!(problem, "cache_type_k q8_0 stores 32 numbers at a time, and a head of this model has 16");
}
