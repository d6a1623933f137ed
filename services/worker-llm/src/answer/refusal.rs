//! Turns the errors of an engine into failures with a sentence and a remedy.

use contract::job::{Failure, FailureCode};
use serde_json::Value;

use crate::trouble::{Trouble, refusal};

/// No true sentence is longer.
const LONGEST_SENTENCE_CHARACTERS: usize = 600;

/// Returns the trouble behind an answer with a status that says that something is wrong.
pub(crate) fn of_answer(status: u16, body: &[u8]) -> Trouble {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    // llama-server, OpenAI and vLLM put it under `error`; others say it plainly.
    of_error(Some(status), body.get("error").unwrap_or(&body))
}

/// Returns the trouble behind the object of an error.
pub(super) fn of_error(status: Option<u16>, error: &Value) -> Trouble {
    let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = status.or(code).unwrap_or(500);
    let number = |name: &str| error.get(name).and_then(Value::as_u64);
    if let (Some(tokens), Some(limit)) = (number("n_prompt_tokens"), number("n_ctx")) {
        return Trouble::Failed(too_long(tokens, limit));
    }
    let said = [error.get("message"), error.get("detail"), Some(error)].into_iter().flatten().find_map(Value::as_str);
    let said: String = match said {
        Some(said) => said.chars().take(LONGEST_SENTENCE_CHARACTERS).collect(),
        None => format!("status {status} without a word"),
    };
    let failed = |code, remedy: Option<&str>| Failure {
        code,
        message: format!("the engine says: {said}"),
        remedy: remedy.map(str::to_owned),
    };
    Trouble::Failed(match status {
        401 | 403 => failed(FailureCode::Engine, Some("set ATELIER_TEXT_ENGINE_KEY to a key that the engine takes")),
        // Busy, or not ready: another try can help.
        408 | 425 | 429 => failed(FailureCode::Engine, Some("ask again later")),
        400..=499 | 501 => failed(FailureCode::Rejected, Some("change the request")),
        _ => failed(FailureCode::Engine, None),
    })
}

/// Returns the end of a job whose prompt does not fit.
pub(crate) fn too_long(tokens: u64, limit: u64) -> Failure {
    refusal(
        format!("the request has {tokens} tokens, and the model is in memory for {limit} at most"),
        "shorten the conversation, or give the model a longer context in its preset",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        match of_answer(status, body.as_bytes()) {
            Trouble::Failed(failure) => failure,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_prompt_that_does_not_fit_is_refused_with_both_numbers() {
        let body = r#"{"error":{"code":400,"message":"the request exceeds","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}"#;
        let failure = failure(400, body);
        assert_eq!(failure.code, FailureCode::Rejected);
        assert!(failure.message.contains("5000") && failure.message.contains("4096"), "{}", failure.message);
    }

    #[test]
    fn what_the_request_is_to_blame_for_is_final_and_the_rest_is_not() {
        let body = |text: &str| format!(r#"{{"error":{{"message":"{text}"}}}}"#);
        for (status, code) in [
            (400, FailureCode::Rejected),
            (404, FailureCode::Rejected),
            (501, FailureCode::Rejected),
            (429, FailureCode::Engine),
            (401, FailureCode::Engine),
            (500, FailureCode::Engine),
            (503, FailureCode::Engine),
        ] {
            let failure = failure(status, &body("no, because"));
            assert_eq!(failure.code, code, "{status}");
            assert!(failure.message.contains("no, because"));
        }
    }

    #[test]
    fn an_answer_that_is_no_json_still_has_a_sentence() {
        assert!(failure(502, "<html>").message.contains("502"));
        assert!(failure(400, r#"{"detail":"not like this"}"#).message.contains("not like this"));
        assert!(failure(400, r#"{"error":"plainly"}"#).message.contains("plainly"));
    }
}
