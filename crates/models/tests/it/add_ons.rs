//! LoRAs, upscalers and embeddings: what is listed, and what a name leads to.

use contract::model::Family;
use models::Error;

use crate::build::{Folder, safetensors, safetensors_of};

fn lora() -> Vec<u8> {
    safetensors_of(r#"{"x.lora_A.weight":{"dtype":"U8","shape":[1,1],"data_offsets":[0,1]}}"#, 1)
}

fn nearest(result: Result<models::AddOnFile, Error>) -> Vec<String> {
    match result {
        Err(Error::Unknown { nearest, .. }) => nearest,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lora_is_found_by_its_id_and_by_its_name_where_no_other_has_it() {
    let folder = Folder::new();
    let path = folder.write("lora/style/ink.safetensors", lora());
    folder.write("lora/style/twin.safetensors", lora());
    folder.write("lora/people/twin.safetensors", lora());
    let library = folder.library();
    for name in ["style/ink", "ink"] {
        let found = library.resolve_lora(name).unwrap();
        assert_eq!((found.id.as_str(), found.path.as_str()), ("style/ink", path.to_str().unwrap()));
    }
    assert_eq!(nearest(library.resolve_lora("twin")), ["people/twin", "style/twin"]);
    assert_eq!(nearest(library.resolve_lora("inc")), ["style/ink"]);
    for name in ["../lora/style/ink", "/etc/passwd", "", "style//ink", "zzzz"] {
        nearest(library.resolve_lora(name));
    }
}

#[test]
fn what_is_no_lora_is_refused_among_loras() {
    let folder = Folder::new();
    folder.write("lora/model.safetensors", safetensors());
    let listed = folder.library().list_loras().unwrap();
    assert!(listed[0].problem.as_ref().unwrap().starts_with("it has no tensor of a LoRA; "), "{listed:?}");
    let error = folder.library().resolve_lora("model").unwrap_err();
    assert_eq!(error.to_string(), "the LoRA model cannot be used: it has no tensor of a LoRA");
}

#[test]
fn pickles_are_listed_with_the_remedy_and_never_used() {
    let folder = Folder::new();
    folder.write("esrgan/RealESRGAN.pth", b"PK\x03\x04archive/data.pkl");
    folder.write("esrgan/good.safetensors", safetensors());
    folder.write("embeddings/old.pt", b"\x80\x02}q\x00.");
    folder.write("embeddings/new.safetensors", safetensors());
    let library = folder.library();
    let upscalers = library.list_upscalers().unwrap();
    assert!(upscalers[0].problem.as_ref().unwrap().contains("download the .safetensors"), "{upscalers:?}");
    assert!(library.resolve_upscaler("good").is_ok());
    assert!(matches!(library.resolve_upscaler("RealESRGAN"), Err(Error::Broken { .. })));
    assert_eq!(library.list_embeddings().unwrap().len(), 2);
    let usable = library.embeddings().unwrap();
    assert_eq!(usable.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["new"]);
}

#[test]
fn folders_that_are_not_there_have_nothing() {
    let library = Folder::new().library();
    assert!(library.list_loras().unwrap().is_empty());
    assert!(library.list_upscalers().unwrap().is_empty());
    assert!(library.embeddings().unwrap().is_empty());
    assert_eq!(library.resolve_lora("x").unwrap_err().to_string(), "there is no LoRA x");
}

#[test]
fn true_files_are_told_apart() {
    let folder = Folder::new();
    testkit::tiny_models::write_sd(folder.path()).unwrap();
    let library = folder.library();
    assert_eq!(library.load_family("smoke").unwrap(), Family::Flux2);
    assert_eq!(library.list().unwrap()[0].family, Family::Flux2);
    for (name, found) in [
        ("tiny-lora", library.resolve_lora("tiny-lora")),
        ("tiny-esrgan-x2", library.resolve_upscaler("tiny-esrgan-x2")),
        ("tiny-esrgan-x4", library.resolve_upscaler("tiny-esrgan-x4")),
    ] {
        assert_eq!(found.unwrap().id, name);
    }
}
