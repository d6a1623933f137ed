//! What is to be continued, or turned into a vector: a text, its tokens, or a list of either.

use serde_json::Value;

use super::{object::Object, sampling::read_tokens};

/// A text, or its tokens, which are at least one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Text {
    Words(String),
    Tokens(Vec<u32>),
}

/// Reads a text, its tokens, or a list of either, `most` of them at most. Notes what is wrong, and returns nothing then.
pub(crate) fn read_texts(request: &Object<'_>, name: &str, most: usize) -> Vec<Text> {
    let Some(value) = request.value(name) else {
        request.refuse(name, "is required: a text, its tokens, or a list of either");
        return Vec::new();
    };
    let one = |value: &Value| match value {
        Value::String(text) => Some(Text::Words(text.clone())),
        Value::Array(list) if !list.is_empty() => read_tokens(list).map(Text::Tokens),
        _ => None,
    };
    let texts: Option<Vec<Text>> = match value {
        Value::Array(list) if list.first().is_some_and(Value::is_number) => one(value).map(|text| vec![text]),
        Value::Array(list) => list.iter().map(one).collect(),
        value => one(value).map(|text| vec![text]),
    };
    match texts {
        Some(texts) if (1..=most).contains(&texts.len()) => texts,
        Some(_) => {
            request.refuse(name, format_args!("must be 1 to {most} texts"));
            Vec::new()
        }
        None => {
            request.refuse(name, "must be a text, its tokens, or a list of either");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::openai::reading::read_wish;

    #[expect(clippy::needless_pass_by_value, reason = "json! is written where it is used")]
    fn texts(value: Value) -> Option<Vec<Text>> {
        read_wish(&json!({ "input": value }), |request| read_texts(request, "input", 3)).ok()
    }

    #[test]
    fn there_is_a_text_its_tokens_or_several_of_either() {
        let text = |text: &str| Text::Words(text.to_owned());
        assert_eq!(texts(json!("a")), Some(vec![text("a")]));
        assert_eq!(texts(json!(["a", "b"])), Some(vec![text("a"), text("b")]));
        assert_eq!(texts(json!([1, 2])), Some(vec![Text::Tokens(vec![1, 2])]));
        assert_eq!(texts(json!([[1], [2, 3]])), Some(vec![Text::Tokens(vec![1]), Text::Tokens(vec![2, 3])]));
        for wrong in [
            json!(null),
            json!([]),
            json!([1, "a"]),
            json!([1, -1]),
            json!([[]]),
            json!(5),
            json!({}),
            json!(vec!["x"; 4]),
        ] {
            assert_eq!(texts(wrong.clone()), None, "{wrong}");
        }
    }
}
