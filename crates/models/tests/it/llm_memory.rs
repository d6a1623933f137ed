//! How much memory a language model takes: numbers that llama.cpp itself prints when it loads such a model.

use models::{
    header::{Language, PerLayer},
    llm::{
        CacheType, LlmModel, Preset,
        memory::{Plan, context_within, estimate, kv_bytes, kv_bytes_per_token},
    },
};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

/// Llama 3 with 8 billion parameters.
fn llama_8b() -> Language {
    Language {
        architecture: "llama".to_owned(),
        context_length: Some(131_072),
        block_count: Some(32),
        embedding_length: Some(4096),
        feed_forward_length: Some(14_336),
        heads: PerLayer::Same(32),
        kv_heads: PerLayer::Same(8),
        vocabulary_size: Some(128_256),
        ..Language::default()
    }
}

fn model(metadata: Language) -> LlmModel {
    LlmModel {
        id: "x".to_owned(),
        name: "x".to_owned(),
        files: Vec::new(),
        mmproj: None,
        metadata,
        preset: Preset::default(),
        size_bytes: 4693 * MIB,
    }
}

fn plan(context: u64, cache_type: CacheType) -> Plan {
    Plan { context, cache_type_k: cache_type, cache_type_v: cache_type, ..Plan::default() }
}

#[test]
fn the_cache_of_a_known_model_is_as_large_as_its_program_says() {
    let model = llama_8b();
    assert_eq!(kv_bytes_per_token(&model, CacheType::F16, CacheType::F16), 131_072);
    for (cache_type, mib) in [(CacheType::F16, 1024), (CacheType::Q8_0, 544), (CacheType::Q4_0, 288)] {
        assert_eq!(kv_bytes(&model, &plan(8192, cache_type)) / MIB, mib, "{cache_type:?}");
    }
    let twice = Plan { parallel: 2, ..plan(8192, CacheType::F16) };
    assert_eq!(kv_bytes(&model, &twice) / MIB, 2048);
    assert_eq!(kv_bytes(&model, &plan(8193, CacheType::F16)), kv_bytes(&model, &plan(8192 + 256, CacheType::F16)));
}

#[test]
fn layers_with_a_window_keep_the_window() {
    // Gemma 3 with 4 billion parameters: 34 layers, of which each sixth sees everything.
    let gemma = Language {
        architecture: "gemma3".to_owned(),
        block_count: Some(34),
        embedding_length: Some(2560),
        heads: PerLayer::Same(8),
        kv_heads: PerLayer::Same(4),
        key_length: Some(256),
        value_length: Some(256),
        sliding_window: Some(1024),
        ..Language::default()
    };
    let row = 4 * 256 * 2 * 2;
    assert_eq!(kv_bytes(&gemma, &plan(32_768, CacheType::F16)), row * (5 * 32_768 + 29 * 1536));
    assert_eq!(kv_bytes_per_token(&gemma, CacheType::F16, CacheType::F16), row * 5);
    let each = (0..34).map(|layer| u64::from(layer % 2 == 0)).collect();
    let told = Language { window_pattern: PerLayer::Each(each), ..gemma.clone() };
    assert_eq!(kv_bytes(&told, &plan(32_768, CacheType::F16)), row * (17 * 32_768 + 17 * 1536));
    let unknown = Language { architecture: "phi3".to_owned(), ..gemma };
    assert_eq!(kv_bytes(&unknown, &plan(32_768, CacheType::F16)), row * 34 * 32_768);
}

#[test]
fn layers_without_a_memory_of_tokens_and_layers_that_share_one_take_nothing() {
    let hybrid = Language { full_attention_interval: Some(4), ..llama_8b() };
    assert_eq!(kv_bytes(&hybrid, &plan(8192, CacheType::F16)) / MIB, 256);
    let sharing = Language { shared_kv_layers: 8, ..llama_8b() };
    assert_eq!(kv_bytes(&sharing, &plan(8192, CacheType::F16)) / MIB, 768);
    let each = Language { kv_heads: PerLayer::Each([8, 0].repeat(16)), ..llama_8b() };
    assert_eq!(kv_bytes(&each, &plan(8192, CacheType::F16)) / MIB, 512);
}

#[test]
fn a_shorter_context_is_chosen_where_memory_is_short_and_never_less_than_the_least() {
    let model = model(llama_8b());
    let context = |gib: u64| context_within(&model, &Plan::default(), gib * 1024 * MIB);
    assert_eq!(context(1000), 131_072);
    assert_eq!(context(1), 4096);
    let chosen = context(10);
    assert!((32_768..40_960).contains(&chosen) && chosen % 256 == 0, "{chosen}");
    assert!(estimate(&model, &plan(chosen, CacheType::F16)).total_bytes() <= 10 * 1024 * MIB);
    assert!(estimate(&model, &plan(chosen + 256, CacheType::F16)).total_bytes() > 10 * 1024 * MIB);
}

#[test]
fn a_model_that_looks_back_on_less_than_the_least_has_its_own_context() {
    let model = model(Language { context_length: Some(512), ..llama_8b() });
    for memory_bytes in [0, u64::MAX] {
        assert_eq!(context_within(&model, &Plan::default(), memory_bytes), 512);
    }
}

#[test]
fn a_step_of_a_large_vocabulary_takes_what_its_program_says() {
    // llama.cpp says 258 MiB on the card and 24 on the host for a context of 8192.
    let compute = estimate(&model(llama_8b()), &plan(8192, CacheType::F16)).compute_bytes / MIB;
    assert!((282..400).contains(&compute), "{compute}");
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..100_000, any::<u64>()]
}

proptest! {
    #[test]
    fn whatever_a_header_says_nothing_overflows_and_more_memory_is_never_a_shorter_context(
        sizes in prop::array::uniform9(number()),
        memory in prop::array::uniform2(number()),
    ) {
        let [blocks, width, heads, kv_heads, key, window, every, shared, context] = sizes;
        let model = model(Language {
            block_count: Some(blocks),
            embedding_length: Some(width),
            heads: PerLayer::Same(heads),
            kv_heads: PerLayer::Same(kv_heads),
            key_length: Some(key),
            sliding_window: Some(window),
            window_pattern: PerLayer::Same(every),
            shared_kv_layers: shared,
            context_length: Some(context),
            ..Language::default()
        });
        let [low, high] = [memory[0].min(memory[1]), memory[0].max(memory[1])];
        let (short, long) = (context_within(&model, &Plan::default(), low), context_within(&model, &Plan::default(), high));
        prop_assert!(short <= long, "{} {}", short, long);
        prop_assert!(context == 0 || short >= context.min(4096));
    }
}
