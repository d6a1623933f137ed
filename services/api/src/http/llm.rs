//! Language models: what there are, their words, and questions to them, whichever door they come through.

pub(crate) mod ask;
pub(crate) mod models;
pub(crate) mod reply;
pub(crate) mod template;
pub(crate) mod tokens;
pub(crate) mod whole;
