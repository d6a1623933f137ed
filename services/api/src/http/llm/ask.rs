//! Asks a text worker: finds the model, looks at the pictures, and hands the request on.

use std::sync::Arc;

use contract::{
    AssetId,
    asset::AssetRef,
    job::Priority,
    problem::{FieldError, ProblemCode},
    text::TextRequest,
};

use crate::{
    http::{Api, access::Caller, llm::models::unusable_llm, problem::Error},
    llms::{Llm, Purpose},
    submit::InlinePicture,
    text::{Answering, Asking},
};

/// What somebody wants to know.
pub(crate) struct Question {
    /// Which model; none for the usual one.
    pub(crate) model: Option<String>,
    pub(crate) request: TextRequest,
    /// Pictures that came with the request.
    pub(crate) inline: Vec<InlinePicture>,
    /// Pictures that are stored, with their places in the request.
    pub(crate) stored: Vec<(String, AssetId)>,
}

/// A question that was taken in. Dropping it takes it back.
pub(crate) struct Asked {
    pub(crate) answering: Answering,
    /// The id of the model.
    pub(crate) model: String,
}

impl Question {
    /// Returns a question without pictures.
    pub(crate) fn new(model: Option<String>, request: TextRequest) -> Self {
        Self { model, request, inline: Vec::new(), stored: Vec::new() }
    }

    /// Asks. Nothing is stored before everything about the question is known to be right.
    pub(crate) async fn ask(self, api: &Arc<Api>, caller: &Caller) -> Result<Asked, Error> {
        let llm = choose(api, self.model.as_deref(), &self.request).await?;
        let has_pictures = !(self.inline.is_empty() && self.stored.is_empty());
        if has_pictures && !llm.has_vision {
            let pointer = self.inline.first().map(|picture| &picture.pointer);
            let pointer = pointer.or_else(|| self.stored.first().map(|(pointer, _)| pointer)).cloned();
            let detail = format!(
                "the model {} does not look at pictures: choose one with vision (GET /api/llm/models), or leave them out",
                llm.id
            );
            return Err(Error::invalid_field(pointer.unwrap_or_default(), detail));
        }
        let inputs = if has_pictures { self.find_pictures(api).await? } else { Vec::new() };
        let asking = Asking {
            model: llm.id.clone(),
            request: self.request,
            inputs,
            priority: Priority::Interactive,
            owner: caller.owner.clone(),
        };
        let answering = api.texts.ask(asking).await?;
        Ok(Asked { answering, model: llm.id })
    }

    /// Returns the files of all pictures. Those that came with the request are put into the store without a record: like the
    /// conversation itself they are nobody's to keep, and the sweep takes them away.
    async fn find_pictures(&self, api: &Arc<Api>) -> Result<Vec<AssetRef>, Error> {
        let (mut errors, mut files, mut checked) = (Vec::new(), Vec::<AssetRef>::new(), Vec::new());
        let mut refuse = |pointer: &str, detail| errors.push(FieldError { pointer: pointer.to_owned(), detail });
        for picture in &self.inline {
            if checked.iter().any(|(id, _, _)| *id == picture.placeholder) {
                continue;
            }
            match api.reception.examine(picture.bytes.clone()).await {
                Ok(header) => checked.push((picture.placeholder, header.media_type, picture.bytes.clone())),
                Err(detail) => refuse(&picture.pointer, detail),
            }
        }
        for (pointer, id) in &self.stored {
            if files.iter().any(|file| file.id == *id) {
                continue;
            }
            match api.db.find_asset(*id).await?.map(|asset| asset.file) {
                Some(file) if file.media_type.starts_with("image/") => files.push(file),
                Some(file) => refuse(pointer, format!("the asset {id} is {}, and no picture", file.media_type)),
                None => {
                    refuse(pointer, format!("there is no asset {id}: upload the picture with POST /api/assets first"));
                }
            }
        }
        if !errors.is_empty() {
            return Err(Error::invalid(errors, Vec::new()));
        }
        for (id, media_type, bytes) in checked {
            let stored = api.assets.put(media_type, bytes).await?;
            files.push(AssetRef { id, ..stored });
        }
        Ok(files)
    }
}

/// Returns the model for a question.
async fn choose(api: &Arc<Api>, model: Option<&str>, request: &TextRequest) -> Result<Llm, Error> {
    let purpose = match request {
        TextRequest::Chat(_) | TextRequest::Completion(_) => Purpose::Speech,
        TextRequest::Embedding(_) => Purpose::Vectors,
        _ => Purpose::Any,
    };
    let llm = api.models.find_llm(&api.queue, model, purpose).await.map_err(unusable_llm)?;
    if purpose == Purpose::Speech && llm.is_embedder {
        let detail = format!("the model {} makes embeddings and says nothing: choose another one", llm.id);
        return Err(Error::new(ProblemCode::UnknownModel, detail).at("/model"));
    }
    Ok(llm)
}
