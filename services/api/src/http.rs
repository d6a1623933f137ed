//! The front door over HTTP: the only part that knows axum.
//!
//! A request passes, from the outside in: [`finish`] (its id, its trace, its metrics; every failure becomes a problem),
//! [`cross_origin`] (`Host`, `Origin`, CORS), [`access`] (the key), and then its route.

mod a1111;
pub(crate) mod access;
mod assets;
mod body;
mod capabilities;
mod compat;
pub(crate) mod connections;
mod cross_origin;
mod docs;
pub(crate) mod document;
mod ended;
mod events;
mod finish;
mod form;
mod groups;
mod health;
mod hosts;
mod id;
mod jobs;
mod json;
mod keys;
mod links;
mod llm;
mod metrics;
mod models;
mod openai;
mod pause;
mod problem;
mod prompt;
mod query;
mod schema;
mod slow;
mod socket;
mod submission;
mod system;
mod waiting;
mod workers;

use std::sync::Arc;

use ::assets::AssetStore;
use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state, routing::get};
use chassis::clock::Clock;
use contract::spec::JobKind;
use queue::Queue;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{access::Access, compat::attendance::Attendance, hosts::Hosts, openai::kept::Kept, schema::Schemas};
use crate::{
    assistant::Assistant, config::Config, db::Db, dispatch::Dispatch, live::Live, models::Models, submit::Reception,
    text::Texts,
};

/// The bytes of a multipart form around its file.
const FORM_BYTES: usize = 64 << 10;

/// What the front door is built from.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) queue: Queue,
    pub(crate) assets: AssetStore,
    pub(crate) models: Models,
    pub(crate) dispatch: Dispatch,
    pub(crate) reception: Reception,
    pub(crate) texts: Texts,
    pub(crate) assistant: Assistant,
    pub(crate) live: Live,
    pub(crate) clock: Clock,
    /// Conversations that outlive their request; the server waits for them when it stops.
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// Everything that routes work with.
pub(crate) struct Api {
    parts: Parts,
    access: Access,
    hosts: Hosts,
    schemas: Schemas,
    attendance: Attendance,
    kept: Kept,
}

impl std::ops::Deref for Api {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Api {
    pub(crate) fn new(parts: Parts) -> anyhow::Result<Self> {
        let config = &parts.config;
        let bodies = [
            "ApplyTemplate",
            "ChooseQueue",
            "ClearJobs",
            "DescribePicture",
            "DetokenizeTokens",
            "EnhancePrompt",
            "ExploreCell",
            "ExtractStyle",
            "InspectAsset",
            "MoveJob",
            "NewGroup",
            "NewKey",
            "RetryJobs",
            "SetFields",
            "TokenizeText",
            "UploadAsset",
            "VaryPrompt",
        ]
        .into_iter();
        let schemas = bodies.chain(JobKind::ALL.iter().map(|kind| contract::spec::schema::name(*kind)));
        Ok(Self {
            schemas: Schemas::compile(&document::DOCUMENT, schemas)?,
            access: Access::new(config.api_key.expose(), config.require_key || !config.is_on_loopback()),
            hosts: Hosts::new(&config.host, &config.allowed_hosts, &config.allowed_origins),
            attendance: Attendance::default(),
            kept: Kept::default(),
            parts,
        })
    }
}

/// Returns every route, with its description for the API document.
fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(document::about())
        .routes(routes!(submission::submit_job))
        .routes(routes!(jobs::list_jobs))
        .routes(routes!(jobs::load_job, submission::put_job, jobs::cancel_job))
        .routes(routes!(jobs::retry_job))
        .routes(routes!(jobs::move_job))
        .routes(routes!(pause::pause_job))
        .routes(routes!(pause::resume_job))
        .routes(routes!(jobs::list_attempts))
        .routes(routes!(ended::clear_jobs))
        .routes(routes!(ended::retry_jobs))
        .routes(routes!(groups::list_groups, groups::submit_group))
        .routes(routes!(groups::load_group, groups::put_group, groups::cancel_group))
        .routes(routes!(groups::retry_group))
        .routes(routes!(groups::cells::explore_cell))
        .routes(routes!(groups::cells::promote_cell))
        .routes(routes!(groups::events::follow_group))
        .routes(routes!(events::follow_job))
        .routes(routes!(events::follow_all))
        .routes(routes!(socket::open_socket))
        .routes(routes!(assets::upload::upload_asset, assets::list_assets))
        .routes(routes!(assets::inspect::inspect_asset))
        .routes(routes!(assets::tags::load_tags))
        .routes(routes!(assets::tags::retry_tagging))
        .routes(routes!(assets::download::download_asset, assets::download::look_at_asset))
        .routes(routes!(models::list_models))
        .routes(routes!(models::list_loras))
        .routes(routes!(models::list_upscalers))
        .routes(routes!(models::list_embeddings))
        .routes(routes!(llm::models::list_llms))
        .routes(routes!(llm::tokens::tokenize_text))
        .routes(routes!(llm::tokens::detokenize_tokens))
        .routes(routes!(llm::template::apply_template))
        .routes(routes!(prompt::enhance::enhance_prompt))
        .routes(routes!(prompt::variations::vary_prompt))
        .routes(routes!(prompt::style::extract_style))
        .routes(routes!(prompt::describe::describe_picture))
        .routes(routes!(prompt::fields::set_fields))
        .routes(routes!(capabilities::load_capabilities))
        .routes(routes!(workers::list_workers))
        .routes(routes!(pause::list_queues))
        .routes(routes!(pause::pause_queue))
        .routes(routes!(pause::resume_queue))
        .routes(routes!(system::load_system))
        .routes(routes!(keys::list_keys, keys::create_key))
        .routes(routes!(keys::delete_key))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::render_metrics))
        .routes(routes!(docs::openapi))
}

/// Returns the whole front door.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let (documented, _) = routes().split_for_parts();
    documented
        .merge(docs::pages())
        .merge(openai::routes())
        .merge(a1111::routes())
        .route(links::PATH, get(links::open))
        .layer(DefaultBodyLimit::max(api.config.max_upload_bytes.saturating_add(FORM_BYTES)))
        .layer(from_fn_with_state(Arc::clone(&api), access::guard))
        .layer(from_fn_with_state(Arc::clone(&api), cross_origin::guard))
        .layer(from_fn_with_state(Arc::clone(&api), finish::finish))
        .with_state(api)
}
