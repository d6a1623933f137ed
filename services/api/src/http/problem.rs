//! Every answer that is not a success: `application/problem+json`, with the request's id.
//!
//! A route returns an [`Error`]; the outermost layer turns it into the document, because only that layer knows the request.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::problem::{FieldError, Fix, Problem, ProblemCode};
use serde_json::{Map, Value};

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// After how many seconds a client may try again what did not work for a reason that passes.
const RETRY_AFTER_S: u64 = 2;

/// What a route answers when it cannot do what it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Error(Box<Draft>);

/// A problem that does not know its request yet.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) code: ProblemCode,
    pub(crate) detail: String,
    pub(crate) errors: Vec<FieldError>,
    pub(crate) fix: Vec<Fix>,
    pub(crate) headers: HeaderMap,
    /// Why, for the log only.
    pub(crate) cause: Option<Arc<anyhow::Error>>,
}

impl Error {
    /// Returns a problem of this class; `detail` says what is wrong with this request and what to do next.
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let (errors, fix) = (Vec::new(), Vec::new());
        Self(Box::new(Draft { code, detail, errors, fix, headers: HeaderMap::new(), cause: None }))
    }

    /// Returns the problem that these fields are wrong.
    pub(crate) fn invalid(errors: Vec<FieldError>, fix: Vec<Fix>) -> Self {
        let detail = match errors.as_slice() {
            [only] => only.detail.clone(),
            several => format!("{} fields are wrong: see errors", several.len()),
        };
        let mut error = Self::new(ProblemCode::InvalidField, detail);
        error.0.errors = errors;
        error.0.fix = fix;
        error
    }

    /// Returns the problem that one field, query parameter or header is wrong.
    pub(crate) fn invalid_field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { pointer: pointer.into(), detail: detail.into() }], Vec::new())
    }

    /// Returns the problem that there is no such thing.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::NotFound, detail)
    }

    /// Returns the problem that the state of a thing does not allow it.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::Conflict, detail)
    }

    /// Returns the problem that we do not understand what happened. The client does not learn the cause.
    pub(crate) fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let detail = "something went wrong here; the log has the cause under this request_id";
        Self::new(ProblemCode::Internal, detail).because(cause)
    }

    /// Returns the problem that something which we need does not answer at the moment.
    pub(crate) fn unavailable(what: &str, cause: impl Into<anyhow::Error>) -> Self {
        let detail = format!("{what} does not answer at the moment; try again in a few seconds");
        Self::new(ProblemCode::Unavailable, detail).retry_after().because(cause)
    }

    /// Names the field that is wrong, on a problem of another class than `invalid_field`.
    pub(crate) fn at(mut self, pointer: &str) -> Self {
        self.0.errors.push(FieldError { pointer: pointer.to_owned(), detail: self.0.detail.clone() });
        self
    }

    /// Adds a remedy: set this field to this value.
    pub(crate) fn fix(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.fix.push(set(field, value.into()));
        self
    }

    /// Says when to try again.
    pub(crate) fn retry_after(self) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S))
    }

    /// Adds a header to the answer.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Returns the class and the fields that are wrong; none if no field is.
    pub(crate) fn fields(&self) -> Option<(ProblemCode, &[FieldError])> {
        (!self.0.errors.is_empty()).then_some((self.0.code, self.0.errors.as_slice()))
    }

    /// Returns the same problem in another class.
    pub(crate) fn of_class(mut self, code: ProblemCode) -> Self {
        self.0.code = code;
        self
    }

    /// Returns the same problem with other pointers to its fields.
    pub(crate) fn renamed(mut self, rename: impl Fn(&str) -> String) -> Self {
        self.0.errors.iter_mut().for_each(|error| error.pointer = rename(&error.pointer));
        self
    }

    /// Returns the problem without its request.
    pub(crate) fn draft(&self) -> &Draft {
        &self.0
    }

    /// Returns the class and the sentence, for the WebSocket.
    pub(crate) fn into_words(self) -> (ProblemCode, String) {
        (self.0.code, self.0.detail)
    }

    fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.0.cause = Some(Arc::new(cause.into()));
        self
    }
}

/// Returns the remedy that sets one field.
pub(crate) fn set(field: &str, value: Value) -> Fix {
    Fix { set: Map::from_iter([(field.to_owned(), value)]) }
}

/// Which request a problem belongs to, for answers that begin before they can fail. Every request carries it.
#[derive(Debug, Clone)]
pub(crate) struct Occurrence {
    pub(crate) path: String,
    pub(crate) request_id: String,
}

impl Occurrence {
    /// Returns the document for a failure whose status is gone already.
    pub(crate) fn late(self) -> impl FnOnce(Error) -> Value + Send + 'static {
        move |error| {
            let problem = error.draft().problem(&self.path, &self.request_id);
            serde_json::to_value(problem).unwrap_or_default()
        }
    }
}

impl Draft {
    /// Returns the document for this request.
    pub(crate) fn problem(&self, instance: &str, request_id: &str) -> Problem {
        Problem {
            kind: format!("urn:atelier:problem:{}", name(self.code)),
            title: title(self.code).to_owned(),
            status: status(self.code).as_u16(),
            code: self.code,
            detail: self.detail.clone(),
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
            fix: self.fix.clone(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = status(self.0.code).into_response();
        response.headers_mut().extend(self.0.headers.clone());
        response.extensions_mut().insert(*self.0);
        response
    }
}

impl From<crate::db::Error> for Error {
    fn from(error: crate::db::Error) -> Self {
        match error {
            crate::db::Error::Query { .. } => Self::unavailable("the database", error),
            _ => Self::internal(error),
        }
    }
}

impl From<queue::Error> for Error {
    fn from(error: queue::Error) -> Self {
        if error.is_outage() { Self::unavailable("the queue", error) } else { Self::internal(error) }
    }
}

impl From<crate::text::Error> for Error {
    fn from(error: crate::text::Error) -> Self {
        match error {
            crate::text::Error::Full(_) => Self::new(ProblemCode::QueueFull, error.to_string()).retry_after(),
            crate::text::Error::Queue(error @ queue::Error::TooLarge { .. }) => {
                Self::new(ProblemCode::TooLarge, error.to_string())
            }
            crate::text::Error::Queue(error) => error.into(),
        }
    }
}

/// Returns the HTTP status of a class.
pub(crate) fn status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::MalformedRequest => StatusCode::BAD_REQUEST,
        ProblemCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ProblemCode::Forbidden | ProblemCode::OriginRefused => StatusCode::FORBIDDEN,
        ProblemCode::NotFound => StatusCode::NOT_FOUND,
        ProblemCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ProblemCode::Conflict => StatusCode::CONFLICT,
        ProblemCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ProblemCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ProblemCode::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        ProblemCode::HostRefused => StatusCode::MISDIRECTED_REQUEST,
        ProblemCode::InvalidField | ProblemCode::UnknownModel | ProblemCode::IdempotencyMismatch => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ProblemCode::QueueFull => StatusCode::TOO_MANY_REQUESTS,
        ProblemCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ProblemCode::UnusableAnswer => StatusCode::BAD_GATEWAY,
        ProblemCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Returns the class of an answer that came from axum itself, by its status.
pub(crate) fn draft_of(status: StatusCode) -> Box<Draft> {
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => (ProblemCode::NotFound, "there is nothing under this path; /docs lists what there is"),
        StatusCode::METHOD_NOT_ALLOWED => (
            ProblemCode::MethodNotAllowed,
            "this path does not know this method; the Allow header lists those it knows",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (ProblemCode::TooLarge, "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            (ProblemCode::UnsupportedMediaType, "this path does not read this content type")
        }
        status if status.is_client_error() => (ProblemCode::MalformedRequest, "the request could not be understood"),
        _ => (ProblemCode::Internal, "something went wrong here; the log has the cause under this request_id"),
    };
    Error::new(code, detail).0
}

fn title(code: ProblemCode) -> &'static str {
    match code {
        ProblemCode::MalformedRequest => "The request cannot be read",
        ProblemCode::Unauthorized => "A key is needed",
        ProblemCode::Forbidden => "The key does not allow this",
        ProblemCode::OriginRefused => "This web page may not use the server",
        ProblemCode::NotFound => "There is no such thing",
        ProblemCode::MethodNotAllowed => "The path does not know this method",
        ProblemCode::Conflict => "The state of the thing does not allow this",
        ProblemCode::TooLarge => "The body is too large",
        ProblemCode::UnsupportedMediaType => "The content type is not one that is read here",
        ProblemCode::RangeNotSatisfiable => "The range is outside the file",
        ProblemCode::HostRefused => "The server does not answer to this name",
        ProblemCode::InvalidField => "A field is wrong",
        ProblemCode::UnknownModel => "The model cannot be used",
        ProblemCode::IdempotencyMismatch => "The idempotency key belongs to another request",
        ProblemCode::QueueFull => "The queue is full",
        ProblemCode::Internal => "Something went wrong here",
        ProblemCode::UnusableAnswer => "The model gave no answer that can be used",
        ProblemCode::Unavailable => "Something that is needed does not answer",
    }
}

/// Returns the name that stands in JSON.
fn name(code: ProblemCode) -> String {
    match serde_json::to_value(code) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_that_comes_late_is_the_whole_problem_of_its_request() {
        let occurrence = Occurrence { path: "/api/prompt/enhance".to_owned(), request_id: "r1".to_owned() };
        let told = occurrence.late()(Error::new(ProblemCode::UnusableAnswer, "no"));
        assert_eq!((&told["status"], &told["code"]), (&json!(502), &json!("unusable_answer")));
        assert_eq!((&told["instance"], &told["request_id"]), (&json!("/api/prompt/enhance"), &json!("r1")));
        assert_eq!(told["detail"], "no");
    }
}
