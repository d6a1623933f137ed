//! LoRAs: applied for one picture, by field or by tag, and gone after it.

use contract::spec::painting::Lora;
use worker::{Engine as _, EngineError, Picture};

use crate::studio::{Studio, order};

async fn with_loras(studio: &mut Studio, loras: &[(&str, f64)]) -> Picture {
    let loras = loras.iter().map(|(name, weight)| Lora { name: (*name).to_owned(), weight: *weight }).collect();
    studio.make(&order(|spec| spec.painting.loras = loras)).await.unwrap().remove(0)
}

async fn with_prompt(studio: &mut Studio, prompt: &str) -> Picture {
    studio.make(&order(|spec| spec.painting.prompt = prompt.to_owned())).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_lora_changes_one_picture_and_none_after_it() {
    let mut studio = Studio::open().await;
    let without = with_loras(&mut studio, &[]).await;
    let full = with_loras(&mut studio, &[("tiny-lora", 1.0)]).await;
    assert!(without != full, "the LoRA changes nothing");
    assert!(with_loras(&mut studio, &[]).await == without, "the LoRA is still there");
    assert!(with_loras(&mut studio, &[("tiny-lora", 0.0)]).await == without, "nothing of a LoRA is something");
    let half = with_loras(&mut studio, &[("tiny-lora", 0.5)]).await;
    assert!(half != full && half != without, "the weight does not count");
    let turned = with_loras(&mut studio, &[("tiny-lora", -1.0)]).await;
    assert!(turned != full && turned != without, "the sign does not count");
    for _ in 0..3 {
        assert!(with_loras(&mut studio, &[("tiny-lora", 1.0)]).await == full);
        assert!(with_loras(&mut studio, &[]).await == without);
    }
}

#[tokio::test]
async fn tags_in_the_prompt_mean_the_same_as_the_field_and_add_to_it() {
    let mut studio = Studio::open().await;
    let full = with_loras(&mut studio, &[("tiny-lora", 1.0)]).await;
    assert!(with_prompt(&mut studio, "a lake <lora:tiny-lora:1>").await == full);
    assert!(with_prompt(&mut studio, "<lora:tiny-lora:0.25> a lake <lora:tiny-lora:0.75>").await == full);
    assert!(with_loras(&mut studio, &[("tiny-lora", 0.25), ("tiny-lora", 0.75)]).await == full);
    let both = order(|spec| {
        spec.painting.prompt = "a lake <lora:tiny-lora:0.5>".to_owned();
        spec.painting.loras = vec![Lora { name: "tiny-lora".to_owned(), weight: 0.5 }];
    });
    assert!(studio.make(&both).await.unwrap().remove(0) == full);
}

#[tokio::test]
async fn embeddings_are_given_to_the_engine_and_a_family_without_them_paints_the_same() {
    let mut studio = Studio::open().await;
    let without = with_prompt(&mut studio, "a lake, soft").await;
    let folder = studio.models.path().join("embeddings/styles");
    std::fs::create_dir_all(&folder).unwrap();
    let lora = studio.models.path().join("lora/tiny-lora.safetensors");
    std::fs::copy(lora, folder.join("soft.safetensors")).unwrap();
    studio.engine.unload().await;
    assert!(with_prompt(&mut studio, "a lake, soft").await == without);
}

#[tokio::test]
async fn a_lora_that_is_not_there_cannot_be_read_or_changes_nothing_is_no_picture() {
    let mut studio = Studio::open().await;
    for (prompt, named) in [("<lora:tiny-lor:1>", "tiny-lor"), ("<lora:tiny-lora:much>", "<lora:tiny-lora:much>")] {
        let outcome = studio.make(&order(|spec| spec.painting.prompt = prompt.to_owned())).await;
        let Err(EngineError::Rejected { message, remedy: Some(_) }) = outcome else { panic!("{outcome:?}") };
        assert!(message.contains(named), "{message}");
    }
    // A whole file whose tensors have names that this model does not know.
    let folder = studio.models.path().join("lora");
    let mut bytes = std::fs::read(folder.join("tiny-lora.safetensors")).unwrap();
    for (part, other) in [("final_layer.linear", "other_layer.linear"), ("img_attn.proj", "xxx_attn.proj")] {
        while let Some(place) = bytes.windows(part.len()).position(|window| window == part.as_bytes()) {
            bytes[place..place + part.len()].copy_from_slice(other.as_bytes());
        }
    }
    std::fs::write(folder.join("foreign.safetensors"), bytes).unwrap();
    let outcome = studio.make(&order(|spec| spec.painting.prompt = "a lake <lora:foreign:1>".to_owned())).await;
    let Err(EngineError::Rejected { message, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("foreign.safetensors") && message.contains("does not fit"), "{message}");
    studio.make(&order(|_| {})).await.unwrap();
}
