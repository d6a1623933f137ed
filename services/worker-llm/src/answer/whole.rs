//! Answers that come at once: vectors, tokens, texts.

use contract::text::{TextAnswer, reply::Usage};
use serde::Deserialize;
use serde_json::Value;

use crate::trouble::Trouble;

/// What fits into the frame of an answer, at up to 13 letters for each number.
const MOST_NUMBERS: usize = queue::text::MAX_FRAME_BYTES / 16;

/// Vectors, as OpenAI writes them.
#[derive(Debug, Deserialize)]
pub(crate) struct Vectors {
    data: Vec<Vector>,
    #[serde(default)]
    usage: Option<Counted>,
}

#[derive(Debug, Deserialize)]
struct Vector {
    index: usize,
    embedding: Vec<f32>,
}

#[derive(Debug, Deserialize)]
struct Counted {
    #[serde(default)]
    prompt_tokens: u32,
}

/// The tokens of a text: numbers, or numbers with their words.
#[derive(Debug, Deserialize)]
pub(crate) struct Tokens {
    tokens: Vec<Value>,
}

/// The text of tokens.
#[derive(Debug, Deserialize)]
pub(crate) struct Content {
    content: String,
}

/// The prompt that a template makes.
#[derive(Debug, Deserialize)]
pub(crate) struct Prompt {
    prompt: String,
}

impl Vectors {
    /// Returns a vector for each of `count` inputs, in their order, cut to `dimensions`.
    pub(crate) fn answer(mut self, count: usize, dimensions: Option<u32>) -> Result<TextAnswer, Trouble> {
        self.data.sort_by_key(|vector| vector.index);
        if self.data.len() != count || self.data.iter().enumerate().any(|(place, vector)| vector.index != place) {
            return Err(Trouble::engine(format!("the engine made {} vectors of {count} inputs", self.data.len())));
        }
        let keep = dimensions.map_or(usize::MAX, |dimensions| dimensions as usize);
        if let Some(shorter) = self.data.iter().map(|vector| vector.embedding.len()).find(|length| *length < keep)
            && dimensions.is_some()
        {
            return Err(Trouble::refused(
                format!("the model's vectors have {shorter} numbers, and {keep} were asked for"),
                "ask for fewer dimensions",
            ));
        }
        let numbers = self.data.iter().map(|vector| vector.embedding.len().min(keep)).sum::<usize>();
        if numbers > MOST_NUMBERS {
            return Err(Trouble::refused(
                format!("{count} vectors have {numbers} numbers, and one answer has room for {MOST_NUMBERS}"),
                "ask for fewer at once",
            ));
        }
        let vectors = self.data.into_iter().map(|vector| shortened(vector.embedding, keep)).collect();
        let prompt_tokens = self.usage.map_or(0, |usage| usage.prompt_tokens);
        Ok(TextAnswer::Embeddings { vectors, usage: Usage { prompt_tokens, ..Usage::default() } })
    }
}

/// Returns the first numbers of a vector, at the length of one, so that shortened vectors can be compared like whole ones.
fn shortened(mut vector: Vec<f32>, keep: usize) -> Vec<f32> {
    if vector.len() <= keep {
        return vector;
    }
    vector.truncate(keep);
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number = (f64::from(*number) / length) as f32);
    }
    vector
}

impl Tokens {
    /// Returns the numbers, and the words where they came along.
    pub(crate) fn answer(self) -> Result<TextAnswer, Trouble> {
        let number = |token: &Value| token.get("id").unwrap_or(token).as_u64().and_then(|id| u32::try_from(id).ok());
        let tokens: Option<Vec<u32>> = self.tokens.iter().map(number).collect();
        let tokens = tokens.ok_or_else(|| Trouble::engine("the engine's tokens are no numbers"))?;
        let pieces = self.tokens.into_iter().filter_map(|mut token| token.get_mut("piece").map(Value::take)).collect();
        Ok(TextAnswer::Tokens { tokens, pieces })
    }
}

impl From<Content> for TextAnswer {
    fn from(Content { content: text }: Content) -> Self {
        Self::Text { text }
    }
}

impl From<Prompt> for TextAnswer {
    fn from(Prompt { prompt: text }: Prompt) -> Self {
        Self::Text { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_in_the_order_of_their_inputs_and_keep_their_length_when_they_are_cut() {
        let json = r#"{"data":[{"index":1,"embedding":[0,1,0]},{"index":0,"embedding":[3,4,5]}],"usage":{"prompt_tokens":9}}"#;
        let read = || serde_json::from_str::<Vectors>(json).unwrap();
        let Ok(TextAnswer::Embeddings { vectors, usage }) = read().answer(2, Some(2)) else { unreachable!() };
        assert_eq!((vectors[0].as_slice(), vectors[1].as_slice()), ([0.6, 0.8].as_slice(), [0.0, 1.0].as_slice()));
        assert_eq!(usage.prompt_tokens, 9);
        assert!(read().answer(3, None).is_err());
        assert!(read().answer(2, Some(4)).is_err());
    }

    #[test]
    fn tokens_are_read_with_and_without_their_words() {
        let read = |json: &str| serde_json::from_str::<Tokens>(json).unwrap().answer().unwrap();
        assert_eq!(read(r#"{"tokens":[1,2]}"#), TextAnswer::Tokens { tokens: vec![1, 2], pieces: vec![] });
        let pieces = vec![Value::from("a"), Value::from(vec![195])];
        let both = read(r#"{"tokens":[{"id":1,"piece":"a"},{"id":2,"piece":[195]}]}"#);
        assert_eq!(both, TextAnswer::Tokens { tokens: vec![1, 2], pieces });
    }
}
