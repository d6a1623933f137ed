//! What the model is asked, and what becomes of its answer: eight to twelve tags, all different.

use contract::{
    job::Priority,
    tag::{Facet, Tag, TagSource},
};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    assistant::{Answered, Assistant, Error, Question, Role, form::schema_of},
    db::{Sense, TaggingTurn},
};

/// How many tags a picture has at least and at most.
const LEAST_TAGS: usize = 8;
const MOST_TAGS: usize = 12;
/// How many characters a tag has at most: four or five words.
pub(crate) const MOST_CHARACTERS: usize = 40;
/// How many characters of a prompt the model reads: what stands behind them is hardly what the picture is about.
const MOST_PROMPT: usize = 2000;
/// In whose name the model is asked.
const OWNER: &str = "auto-tagging";

const SEEING: &str = "You tag pictures so that people find them again. Look at the picture. Say what is to be seen in it, how it \
    is made, and what mood it has. Tag only what is really there.";
const READING: &str = "You tag pictures so that people find them again. You cannot see the picture, but you can read the prompt \
    that it was made from. Say what is probably to be seen in it, how it is probably made, and what mood it has. Leave out words \
    about quality.";
const FORM: &str = "A tag is an English noun or adjective of one to three words in lower case, the way people search for \
    pictures: \"lighthouse\", \"oil painting\", \"warm light\". No tag comes twice, nor another word for the same. For each tag say \
    how sure you are that it is right, from 0 to 100.";

/// What the model answers. There is one more of each than is needed, as two may turn out the same.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// What is to be seen: things, people, places, light, colours.
    #[schema(min_items = 5, max_items = 6)]
    subject: Vec<Word>,
    /// How it is made: medium, technique, school, point of view.
    #[schema(min_items = 3, max_items = 4)]
    style: Vec<Word>,
    /// What one feels.
    #[schema(min_items = 2, max_items = 3)]
    mood: Vec<Word>,
}

/// A tag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Word {
    /// One to three words in lower case.
    #[schema(min_length = 2, max_length = 40)]
    tag: String,
    /// How sure you are, from 0 to 100.
    #[schema(minimum = 0, maximum = 100)]
    confidence: u8,
}

/// Tags, before it is known when they were said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    source: TagSource,
    tags: Vec<(Facet, String, f64)>,
}

/// Returns what the model is asked about a picture.
pub(super) fn question(turn: &TaggingTurn, sense: Sense, model: &str) -> Question {
    let prompt: String = turn.prompt.iter().flat_map(|prompt| prompt.chars().take(MOST_PROMPT)).collect();
    let (words, material, pictures) = match sense {
        // The prompt says what was wanted, and whoever knows that sees it.
        Sense::Sight => (SEEING, json!({}), vec![turn.picture.clone()]),
        Sense::Reading => (READING, json!({ "prompt": prompt }), Vec::new()),
    };
    Question {
        role: Role::Tagger,
        model: Some(model.to_owned()),
        instruction: format!("{words}\n{FORM}"),
        material,
        pictures,
        schema: schema_of::<Answer>(),
        priority: Priority::Batch,
        owner: OWNER.to_owned(),
    }
}

/// Asks until there are enough tags that differ.
pub(super) async fn ask(assistant: &Assistant, question: Question, sense: Sense) -> Result<Said, Error> {
    let answered = assistant.ask(question, |answer: Answer| {
        let tags = chosen(answer);
        let flaw = || format!("only {} of its tags are different words, and {LEAST_TAGS} are needed", tags.len());
        if tags.len() < LEAST_TAGS { Err(flaw()) } else { Ok(tags) }
    });
    let Answered { answer: tags, model, .. } = answered.await?;
    let source = match sense {
        Sense::Sight => TagSource::Picture { model },
        Sense::Reading => TagSource::Prompt { model },
    };
    Ok(Said { source, tags })
}

/// Returns the tags of an answer.
pub(super) fn tags(said: Said, tagged_at: OffsetDateTime) -> Vec<Tag> {
    let Said { source, tags } = said;
    let tag =
        |(facet, tag, confidence)| Tag { tag, facet, source: source.clone(), confidence: Some(confidence), tagged_at };
    tags.into_iter().map(tag).collect()
}

/// Returns the surest tags of an answer, each once.
fn chosen(answer: Answer) -> Vec<(Facet, String, f64)> {
    let Answer { subject, style, mood } = answer;
    let all = [(Facet::Subject, subject), (Facet::Style, style), (Facet::Mood, mood)];
    let words = all.into_iter().flat_map(|(facet, words)| words.into_iter().map(move |word| (facet, word)));
    let mut tags: Vec<(Facet, String, f64)> = words
        .filter_map(|(facet, word)| Some((facet, normalised(&word.tag)?, f64::from(word.confidence.min(100)) / 100.0)))
        .collect();
    // Of two that are the same the surer one stays; of those as sure the first.
    tags.sort_by(|a, b| b.2.total_cmp(&a.2));
    let mut seen = std::collections::HashSet::new();
    tags.retain(|(_, tag, _)| seen.insert(tag.clone()));
    tags.truncate(MOST_TAGS);
    tags
}

/// Returns a tag as it is stored and searched: in lower case, with single spaces, without signs around it; none where nothing
/// is left, or more than a tag is.
pub(crate) fn normalised(tag: &str) -> Option<String> {
    let lower = tag.to_lowercase().replace('_', " ");
    let is_sign = |letter: char| !letter.is_alphanumeric();
    let words: Vec<&str> =
        lower.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let joined = words.join(" ");
    let tag = joined.trim_matches(is_sign);
    (!tag.is_empty() && tag.chars().count() <= MOST_CHARACTERS).then(|| tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(tag: &str, confidence: u8) -> Word {
        Word { tag: tag.to_owned(), confidence }
    }

    #[test]
    fn a_tag_is_one_whatever_its_case_blanks_and_signs() {
        for same in
            ["Oil Painting", " oil  painting ", "oil_painting", "\"oil\tpainting\".", "#oil painting", "oil\0painting"]
        {
            assert_eq!(normalised(same).as_deref(), Some("oil painting"), "{same:?}");
        }
        assert_eq!(normalised("ÄRA, Straße").as_deref(), Some("ära, straße"));
        assert_eq!(normalised("灯台").as_deref(), Some("灯台"));
        for none in ["", " ", "...", "#", "\0\0", &"x".repeat(41)] {
            assert_eq!(normalised(none), None, "{none:?}");
        }
        assert!(normalised(&"ä".repeat(40)).is_some());
    }

    #[test]
    fn the_surest_twelve_stay_and_none_comes_twice() {
        let answer = Answer {
            subject: ["Sea", "lighthouse", "rocks", "sea", "dawn", "gulls"]
                .iter()
                .zip([50, 90, 80, 70, 60, 1])
                .map(|(t, c)| word(t, c))
                .collect(),
            style: [("oil painting", 100), ("impasto", 40), ("lighthouse", 95), ("wide shot", 200)]
                .map(|(t, c)| word(t, c))
                .into(),
            mood: [("calm", 99), ("!", 99), ("lonely", 10), ("hopeful", 0)].map(|(t, c)| word(t, c)).into(),
        };
        let tags = chosen(answer);
        let names: Vec<&str> = tags.iter().map(|(_, tag, _)| tag.as_str()).collect();
        let expected = [
            "oil painting",
            "wide shot",
            "calm",
            "lighthouse",
            "rocks",
            "sea",
            "dawn",
            "impasto",
            "lonely",
            "gulls",
            "hopeful",
        ];
        assert_eq!(names, expected);
        assert_eq!(tags[3], (Facet::Style, "lighthouse".to_owned(), 0.95), "the surer of the two");
        assert!(tags.iter().all(|(_, _, confidence)| (0.0..=1.0).contains(confidence)));
        let many = |letters: &str| letters.chars().map(|letter| word(&letter.to_string(), 50)).collect::<Vec<_>>();
        let more = Answer { subject: many("abcdef"), style: many("ghij"), mood: many("klm") };
        assert_eq!(chosen(more).len(), MOST_TAGS);
    }

    #[test]
    fn the_schema_bounds_what_a_model_may_say() {
        let schema = schema_of::<Answer>();
        assert!(!schema.to_string().contains("$ref"), "{schema}");
        let word = &schema["properties"]["style"]["items"];
        assert_eq!(
            (&word["properties"]["tag"]["maxLength"], &word["properties"]["confidence"]["maximum"]),
            (&json!(40), &json!(100))
        );
        let least: u64 = ["subject", "style", "mood"]
            .iter()
            .map(|facet| schema["properties"][facet]["minItems"].as_u64().unwrap())
            .sum();
        assert!(least >= LEAST_TAGS as u64 + 2, "two may be the same");
    }
}
