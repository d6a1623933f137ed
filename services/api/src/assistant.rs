//! Asks a language model for an answer of a given form, and takes no other: the one place where this server itself speaks to one.
//!
//! A [`Question`] says what is to be done, with which material, and of which schema the answer is. [`Assistant::open`] finds
//! the model and begins an [`Exchange`], which asks through the queue, as chats do. What does not keep to the schema, or breaks
//! a rule that no schema can hold, is told to the model, which may try again, at most [`exchange::MOST_ROUNDS`] times in all.
//! Dropping any of these futures cancels the request.

mod exchange;
pub(crate) mod form;

use contract::{
    asset::AssetRef,
    job::{Failure, Priority},
    text::reply::Usage,
};
use queue::Queue;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use exchange::Exchange;

use crate::{
    llms::{self, Llm, Purpose},
    models::{self, Models},
    text::{self, Texts},
};

/// Asks language models; cheap to clone.
#[derive(Clone)]
pub(crate) struct Assistant {
    pub(crate) texts: Texts,
    pub(crate) models: Models,
    pub(crate) queue: Queue,
    pub(crate) roles: Roles,
}

/// What a language model is wanted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Sets fields as it is told.
    Assistant,
    /// Writes prompts.
    Enhancer,
    /// Looks at pictures.
    Tagger,
}

/// The models of the roles by their ids; empty where the server chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) assistant: String,
    pub(crate) enhancer: String,
    pub(crate) tagger: String,
}

/// What a language model is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) role: Role,
    /// The model that somebody asked for, by its id.
    pub(crate) model: Option<String>,
    /// What is to be done, in our words.
    pub(crate) instruction: String,
    /// What it is to be done with: other people's words, which the model reads as JSON, so that they cannot pass for ours.
    pub(crate) material: Value,
    /// The pictures that belong to it, each once.
    pub(crate) pictures: Vec<AssetRef>,
    /// The JSON schema of the answer, without references ([`form::schema_of`]). The model reads its descriptions.
    pub(crate) schema: Value,
    /// How urgent it is.
    pub(crate) priority: Priority,
    /// Who asks.
    pub(crate) owner: String,
}

/// An answer that keeps to its schema and passed its check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered<T> {
    pub(crate) answer: T,
    /// The id of the model that gave it.
    pub(crate) model: String,
    /// What was read and written in all rounds.
    pub(crate) usage: Usage,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The model that was asked for cannot be used, or there is none.
    #[error(transparent)]
    Model(#[from] models::Error),
    /// The model of a role cannot be used.
    #[error("the setting {setting} names a language model that cannot be used")]
    Setting {
        setting: &'static str,
        #[source]
        source: models::Error,
    },
    /// The model was not made for this.
    #[error("the model {model} {lack}")]
    Unfit { model: String, lack: &'static str },
    /// The request was not taken in.
    #[error(transparent)]
    Text(#[from] text::Error),
    /// The worker could not answer.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The model answered, and not as it should.
    #[error("the model {model} gave no answer that can be used, {rounds} times in a row; the last time {flaw}")]
    Unusable { model: String, rounds: u32, flaw: String },
    /// The schema of a question is none, or a worker answered something else.
    #[error("{0}: this is a bug")]
    Bug(String),
}

impl Role {
    /// Returns the name of the setting that says which model plays this role.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Assistant => "assistant_model",
            Self::Enhancer => "enhancer_model",
            Self::Tagger => "tagger_model",
        }
    }
}

impl Roles {
    fn of(&self, role: Role) -> Option<&str> {
        let id = match role {
            Role::Assistant => &self.assistant,
            Role::Enhancer => &self.enhancer,
            Role::Tagger => &self.tagger,
        };
        Some(id.as_str()).filter(|id| !id.is_empty())
    }
}

impl Assistant {
    /// Asks until an answer keeps to its schema and passes the check, which says what is wrong with one that does not.
    pub(crate) async fn ask<T: DeserializeOwned, R>(
        &self,
        question: Question,
        mut check: impl FnMut(T) -> Result<R, String>,
    ) -> Result<Answered<R>, Error> {
        let mut exchange = self.open(question).await?;
        loop {
            match check(exchange.answer().await?) {
                Ok(answer) => return Ok(exchange.close(answer)),
                Err(flaw) => exchange.object(flaw)?,
            }
        }
    }

    /// Finds the model for a question and begins the exchange with it. Nothing is asked yet.
    pub(crate) async fn open(&self, question: Question) -> Result<Exchange, Error> {
        let purpose = if question.pictures.is_empty() { Purpose::Speech } else { Purpose::Sight };
        let llm = self.choose(question.role, question.model.as_deref(), purpose).await?;
        Exchange::begin(self.texts.clone(), llm.id, question)
    }

    /// Returns the model: the one that was asked for, else the one of the role, else one that is in memory, else the first that
    /// was made for this.
    pub(crate) async fn choose(&self, role: Role, asked: Option<&str>, purpose: Purpose) -> Result<Llm, Error> {
        let asked = asked.filter(|id| !id.is_empty());
        let of_role = asked.is_none().then(|| self.roles.of(role)).flatten();
        let llm = match (asked, of_role) {
            (Some(id), _) => self.models.find_llm(&self.queue, Some(id), purpose).await?,
            (None, Some(id)) => {
                let found = self.models.find_llm(&self.queue, Some(id), purpose).await;
                found.map_err(|source| Error::Setting { setting: role.setting(), source })?
            }
            (None, None) => match self.find_in_memory(purpose).await {
                Some(llm) => llm,
                None => self.models.find_llm(&self.queue, None, purpose).await?,
            },
        };
        let lack = match (llm.fits(purpose), llm.is_embedder) {
            (true, _) => return Ok(llm),
            (false, true) => "makes embeddings and says nothing",
            (false, false) => "does not look at pictures",
        };
        Err(Error::Unfit { model: llm.id, lack })
    }

    /// Returns a model that needs no loading.
    async fn find_in_memory(&self, purpose: Purpose) -> Option<Llm> {
        for id in llms::list_in_memory(&self.queue).await {
            if let Ok(llm) = self.models.choose_llm(Some(&id), purpose).await
                && llm.fits(purpose)
            {
                return Some(llm);
            }
        }
        None
    }
}
