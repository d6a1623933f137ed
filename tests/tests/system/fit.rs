//! Whether a model fits, said before it runs, with the numbers by which workers then go.

use contract::{
    job::JobState,
    llm::LanguageModel,
    memory::{DeviceMemory, Fit, FitVerdict},
    model::{AddOn, Model},
    page::Page,
};
use serde_json::{Value, json};
use tests::{
    client::Client,
    plan::{Engine, Plan},
    wait,
};

use crate::LIMIT;

async fn fit_of_picture_model(client: &Client) -> Fit {
    let models: Page<Model> = client.get_json("/api/models").await.unwrap();
    let smoke = models.data.into_iter().find(|model| model.id == "smoke").expect("the tiny model");
    smoke.fit.expect("a worker is there")
}

async fn fit_of_language_model(client: &Client) -> Fit {
    let models: Page<LanguageModel> = client.get_json("/api/llm/models").await.unwrap();
    let smoke = models.data.into_iter().find(|model| model.id == "smoke").expect("the tiny model");
    smoke.fit.expect("a worker is there")
}

async fn fit_of_upscaler(client: &Client) -> Fit {
    let upscalers: Page<AddOn> = client.get_json("/api/upscalers").await.unwrap();
    let tiny = upscalers.data.into_iter().find(|upscaler| upscaler.id == "tiny-esrgan-x2").expect("the tiny upscaler");
    tiny.fit.expect("a worker is there")
}

async fn held_mib(client: &Client) -> Option<u64> {
    let system: Value = client.get_json("/api/system").await.unwrap();
    let devices: Vec<DeviceMemory> = serde_json::from_value(system["memory"].clone()).unwrap();
    devices.into_iter().flat_map(|device| device.holdings).map(|holding| holding.mib).next()
}

#[tokio::test]
async fn a_model_that_fits_says_how_much_it_needs_and_that_is_what_its_worker_reserves() {
    let plan = Plan::new().engine(Engine::StableDiffusion).set("memory_mib", &100_000);
    let system = plan.start().await.unwrap();
    let client = system.client();
    let estimated = fit_of_picture_model(&client).await;
    assert_eq!((estimated.verdict, estimated.is_measured), (FitVerdict::Fits, false), "{estimated:?}");
    assert_eq!((estimated.comfortable_mib, estimated.total_mib), (100_000, 100_000));
    let enlarged = fit_of_upscaler(&client).await;
    assert_eq!((enlarged.verdict, enlarged.is_measured), (FitVerdict::Fits, false), "{enlarged:?}");
    assert!(enlarged.message.contains("4.19 megapixels"), "{enlarged:?}");
    let small = json!({"prompt": "a lake", "width": 64, "height": 64, "steps": 1, "cfg_scale": 1.0});
    let job = client.submit(&small).await.unwrap();
    client.until_state(job.id, JobState::Succeeded, LIMIT).await.unwrap();
    let measured = fit_of_picture_model(&client).await;
    assert!(measured.is_measured && measured.needs_mib != estimated.needs_mib, "{measured:?}");
    // A picture of the usual size, of which nobody waits for the end.
    let job = client.submit(&json!({"prompt": "a lake"})).await.unwrap();
    wait::until(LIMIT, "the worker to reserve what was said", || async {
        (held_mib(&client).await == Some(measured.needs_mib)).then_some(())
    })
    .await
    .unwrap();
    client.cancel(job.id).await.unwrap();
}

#[tokio::test]
async fn a_model_that_does_not_fit_says_so_and_its_job_fails_with_the_same_numbers() {
    let plan = Plan::new().engine(Engine::StableDiffusion).text_workers(1).set("memory_mib", &300);
    let system = plan.start().await.unwrap();
    let client = system.client();
    let fit = fit_of_picture_model(&client).await;
    assert_eq!(fit.verdict, FitVerdict::TooLarge, "{fit:?}");
    assert!(fit.message.contains("smaller or quantised model"), "{fit:?}");
    let job = client.submit(&json!({"prompt": "a lake"})).await.unwrap();
    let failed = client.until_end(job.id, LIMIT).await.unwrap();
    let failure = failed.failure.expect("it fails");
    assert!(failure.message.contains(&format!("about {} MiB", fit.needs_mib)), "{failure:?} and {fit:?}");
    let enlarged = fit_of_upscaler(&client).await;
    assert_eq!(enlarged.total_mib, 300, "{enlarged:?}");
    let text = fit_of_language_model(&client).await;
    assert_eq!((text.verdict, text.is_measured), (FitVerdict::Fits, false), "{text:?}");
    assert!(text.message.contains(&format!("{} MiB", text.needs_mib)), "{text:?}");
}

#[tokio::test]
async fn without_a_worker_nobody_says_whether_a_model_fits() {
    let system = Plan::new().workers(0).start().await.unwrap();
    testkit::tiny_models::write_sd(&system.models()).unwrap();
    let models: Page<Model> = system.client().get_json("/api/models").await.unwrap();
    assert!(models.data.iter().any(|model| model.id == "smoke"));
    assert!(models.data.iter().all(|model| model.fit.is_none()));
}
