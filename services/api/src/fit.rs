//! Whether models fit into the memory of the devices that would run them.

use std::{collections::HashMap, time::Duration};

use contract::{
    AssetId,
    cost::Cost,
    llm::LanguageModel,
    memory::{DeviceMemory, Fit},
    model::{AddOn, Model},
    spec::{JobKind, JobSpec, WorkerKind},
    worker::Worker,
};
use models::{
    Library, UsableModel,
    llm::memory::{Plan, Usual, estimate},
    memory::{self, Circumstances, Ladder, Lessons, Parts, Room},
};
use queue::Queue;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    capabilities,
    models::{Chosen, Error, Models},
};

/// How long a list of models waits to hear of devices; without them it says nothing about memory.
const PATIENCE: Duration = Duration::from_secs(3);
/// The size of a picture of a model of which nobody says what suits it.
const SIDE_PX: u64 = 512;

/// The size of a picture that is enlarged.
const ENLARGED_PX: u32 = 1024;

/// A device that would run models of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// What its ledger calls it.
    device: String,
    /// What the engine there calls it.
    pub(crate) found: String,
    room: Room,
    /// What models in memory hold there, as measured.
    held: HashMap<String, u64>,
}

impl Place {
    /// Returns the device that would run models of this kind: of those with such a worker, the one with the most memory.
    pub(crate) async fn find(queue: &Queue, kind: WorkerKind) -> Option<Self> {
        let looking = async { tokio::try_join!(queue.memory(), queue.workers()) };
        let (devices, workers) = timeout(PATIENCE, looking).await.ok()?.ok()?;
        Self::among(&devices, &workers, kind)
    }

    fn among(devices: &[DeviceMemory], workers: &[Worker], kind: WorkerKind) -> Option<Self> {
        let of_kind = || workers.iter().filter(|worker| worker.kind == kind);
        let places = devices.iter().filter_map(|device| {
            let worker = of_kind().find(|worker| device.workers.contains(&worker.name))?;
            let room = Room { comfortable_mib: device.comfortable_mib, total_mib: device.total_mib };
            let held =
                worker.residents.iter().filter_map(|resident| Some((resident.model.clone(), resident.memory_mib?)));
            let (device, found) = (device.device.clone(), worker.device.clone());
            Some(Self { device, found, room, held: held.collect() })
        });
        places.max_by_key(|place| place.room.comfortable_mib)
    }
}

impl Models {
    /// Says of each model whether it fits into the memory of a device. `costs` are those of earlier jobs there, by model.
    pub(crate) async fn fit(
        &self,
        models: &mut [Model],
        place: Place,
        mut costs: HashMap<String, Vec<Cost>>,
    ) -> Result<(), Error> {
        let usable = self.look(Library::list_usable).await?;
        for model in models {
            let Some(usable) = usable.iter().find(|usable| usable.id == model.id) else { continue };
            let Some(spec) = usual_picture(usable) else { continue };
            let JobSpec::TextToImage(picture) = &spec else { continue };
            let (parts, size) = (Parts::of(&usable.files), (picture.width, picture.height));
            let costs = costs.remove(&model.id).unwrap_or_default();
            model.fit = Some(fit_of(&model.id, parts, &spec, size, &place, &costs));
        }
        Ok(())
    }

    /// Says of each language model whether it fits into the memory of a device, loaded as usual there.
    pub(crate) async fn fit_llms(&self, models: &mut [LanguageModel], place: Place, usual: Usual) -> Result<(), Error> {
        let listed = self.look(|library| library.list_llms()).await?;
        for listed in listed {
            let (Some(told), Ok(model)) = (models.iter_mut().find(|told| told.id == listed.id), listed.model) else {
                continue;
            };
            let plan = Plan::within(&model, usual, model.makes_vectors(), place.room.comfortable_mib);
            let estimated_mib = estimate(&model, &plan).total_bytes().div_ceil(1 << 20);
            // What it holds may be less than it will: not all of its context is in use. Its worker reserves the larger, too.
            let held_mib = place.held.get(&listed.id).copied().unwrap_or_default();
            let (mib, is_measured) = (held_mib.max(estimated_mib), held_mib > estimated_mib);
            told.fit = Some(memory::of_language_model(&place.device, place.room, mib, is_measured, plan.context));
        }
        Ok(())
    }
}

/// Says of each upscaler whether it fits into the memory of a device. `costs` are those of earlier jobs there, by upscaler.
pub(crate) fn fit_upscalers(upscalers: &mut [AddOn], place: &Place, costs: &HashMap<String, Vec<Cost>>) {
    let Some(spec) = usual_enlargement() else { return };
    for upscaler in upscalers.iter_mut().filter(|upscaler| upscaler.problem.is_none()) {
        let (parts, size) = (Parts::of_upscaler(upscaler.size_bytes), (ENLARGED_PX, ENLARGED_PX));
        let costs = costs.get(&upscaler.id).map(Vec::as_slice).unwrap_or_default();
        upscaler.fit = Some(fit_of(&upscaler.id, parts, &spec, size, place, costs));
    }
}

fn fit_of(id: &str, parts: Parts, spec: &JobSpec, size: (u32, u32), place: &Place, costs: &[Cost]) -> Fit {
    let (room, ladder) = (place.room, Ladder::of_device(&place.found));
    let mut lessons = Lessons::default();
    lessons.recall(id, &place.found, costs);
    let planned = lessons.plan(id, spec, size, Circumstances { room, ladder, parts });
    memory::of_picture_model(&place.device, room, &planned)
}

/// Returns the job of a picture of the size that suits a model.
fn usual_picture(usable: &UsableModel) -> Option<JobSpec> {
    let UsableModel { id, family, defaults, .. } = usable.clone();
    let suits = capabilities::defaults(JobKind::TextToImage, &Chosen { id, family, defaults });
    let side = |name: &str| suits.get(name).and_then(Value::as_u64).unwrap_or(SIDE_PX);
    let (width, height) = (side("width"), side("height"));
    serde_json::from_value(json!({ "kind": "text_to_image", "prompt": "", "width": width, "height": height })).ok()
}

/// Returns the job of an enlargement as most are.
fn usual_enlargement() -> Option<JobSpec> {
    serde_json::from_value(json!({ "kind": "upscale", "image": AssetId::new() })).ok()
}

#[cfg(test)]
mod tests {
    use contract::worker::Resident;

    use super::*;

    fn device(name: &str, total_mib: u64, workers: &[&str]) -> DeviceMemory {
        DeviceMemory {
            device: name.to_owned(),
            total_mib,
            comfortable_mib: total_mib * 3 / 4,
            holdings: Vec::new(),
            waiting: Vec::new(),
            measured: None,
            others_mib: None,
            workers: workers.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn worker(name: &str, kind: WorkerKind) -> Worker {
        Worker {
            residents: vec![Resident { model: "m".to_owned(), memory_mib: Some(700) }],
            ..Worker::idle(name, kind, "e", "cuda0", time::OffsetDateTime::UNIX_EPOCH)
        }
    }

    #[test]
    fn the_largest_device_with_a_worker_of_the_kind_is_the_place() {
        let devices = [device("a", 1000, &["p"]), device("b", 2000, &["q", "t"]), device("c", 9000, &["u"])];
        let workers = [worker("p", WorkerKind::Sd), worker("q", WorkerKind::Sd), worker("u", WorkerKind::Llm)];
        let place = Place::among(&devices, &workers, WorkerKind::Sd).unwrap();
        assert_eq!((place.device.as_str(), place.room.comfortable_mib), ("b", 1500));
        assert_eq!(place.held["m"], 700);
        assert_eq!(Place::among(&devices[..1], &workers, WorkerKind::Llm), None);
    }
}
