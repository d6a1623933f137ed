//! Errors, sizes, times and jobs in words.

use contract::{
    capabilities::Field,
    job::{Failure, Job},
    problem::Problem,
    spec::JobSpec,
    tag::{Tag, TagSource},
};
use serde_json::Value;
use time::{Duration, OffsetDateTime, UtcOffset, macros::format_description};

/// Returns an error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // Libraries like to repeat the cause in their own text.
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

/// Returns the innermost cause of an error: of a connection that failed, the one part that people know.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Returns a problem of the server as a person reads it: what, which fields, what to do.
pub(crate) fn problem(problem: &Problem) -> String {
    let mut lines = vec![problem.detail.clone()];
    // Of one wrong field, the whole says the same.
    let fields = problem.errors.iter().filter(|field| field.detail != problem.detail);
    lines.extend(fields.map(|field| format!("  {}: {}", field.pointer.trim_start_matches('/'), field.detail)));
    for fix in &problem.fix {
        let flags: Vec<_> = fix.set.iter().flat_map(|(name, value)| as_flags(name, value)).collect();
        lines.push(format!("  try: {}", flags.join(" ")));
    }
    if problem.status >= 500 {
        lines.push(format!("  (request {}: the log of the server says more)", problem.request_id));
    }
    lines.join("\n")
}

/// Returns what was done differently so that a job could be done at all, a line each.
pub(crate) fn measures(job: &Job) -> Vec<String> {
    let measures = job.result.iter().flat_map(|result| &result.measures);
    measures.map(|measure| format!("  measure    {}", measure.message)).collect()
}

/// Returns tags with how sure they are, a line for each source.
pub(crate) fn tags(tags: &[Tag]) -> Vec<String> {
    let mut sources: Vec<&TagSource> = Vec::new();
    for tag in tags {
        if !sources.contains(&&tag.source) {
            sources.push(&tag.source);
        }
    }
    let word = |tag: &Tag| match tag.confidence {
        Some(confidence) => format!("{} {:.0} %", tag.tag, confidence * 100.0),
        None => tag.tag.clone(),
    };
    let line = |source: &TagSource| {
        let words: Vec<String> = tags.iter().filter(|tag| tag.source == *source).map(word).collect();
        let source = match source {
            TagSource::Picture { model } => format!("seen by {model}"),
            TagSource::Prompt { model } => format!("read from the prompt by {model}"),
            TagSource::Person => "a person".to_owned(),
        };
        format!("{} ({source})", words.join(", "))
    };
    sources.into_iter().map(line).collect()
}

/// Returns where a job stands, in one word.
pub(crate) fn state(job: &Job) -> &'static str {
    if job.paused { "paused" } else { job.state.as_str() }
}

/// Returns the place of a waiting job, from 1.
pub(crate) fn place(position: u64) -> String {
    if position == 1 {
        return "next in line".into();
    }
    let ending = match (position % 10, position % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{position}{ending} in line")
}

/// Returns the flags of `submit` that set a field.
fn as_flags(name: &str, value: &Value) -> Vec<String> {
    let flag = format!("--{}", name.replace('_', "-"));
    match (name, value) {
        ("prompt", value) => vec![value.to_string()],
        ("loras", Value::Array(loras)) => {
            let one = |lora: &Value| format!("--lora {}:{}", plain(&lora["name"]), lora["weight"]);
            loras.iter().map(one).collect()
        }
        (_, Value::Object(fields)) => {
            fields.iter().map(|(name, value)| format!("{flag}-{} {}", name.replace('_', "-"), plain(value))).collect()
        }
        _ => vec![format!("{flag} {value}")],
    }
}

/// Returns a value of JSON as it is typed on a command line.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns the bounds of a number; none without any.
pub(crate) fn bounds(field: &Field) -> Option<String> {
    let (least, most) = (field.minimum?, field.maximum?);
    let step = field.step.map(|step| format!(" in steps of {step}")).unwrap_or_default();
    let unit = field.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
    Some(format!("{least} to {most}{step}{unit}"))
}

/// Returns a sentence as it stands in a list.
pub(crate) fn without_stop(sentence: &str) -> String {
    sentence.trim_end_matches('.').to_owned()
}

/// Returns why a job failed, and what to do.
pub(crate) fn failure(failure: &Failure) -> String {
    match &failure.remedy {
        Some(remedy) => format!("{}\n  what to do: {remedy}", failure.message),
        None => failure.message.clone(),
    }
}

/// Returns a size in the unit that fits.
pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") }
}

/// Returns a span of time with as much precision as it deserves.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_seconds_f64().max(0.0);
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

/// Returns a moment in the time of this machine.
pub(crate) fn moment(at: OffsetDateTime) -> String {
    let offset = UtcOffset::local_offset_at(at).unwrap_or(UtcOffset::UTC);
    at.to_offset(offset)
        .format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"))
        .unwrap_or_else(|_| at.to_string())
}

/// Returns the first words of what a job makes.
pub(crate) fn subject(job: &Job, letters: usize) -> String {
    let line = match &job.spec {
        JobSpec::ContactSheet(sheet) if !sheet.title.is_empty() => sheet.title.as_str(),
        other => other.painting().map_or(other.kind().as_str(), |painting| painting.prompt.as_str()),
    };
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= letters {
        return line;
    }
    let head: String = line.chars().take(letters.saturating_sub(1)).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use contract::problem::{FieldError, Fix, ProblemCode};
    use serde_json::json;

    use super::*;
    use crate::timeline::tests::finished_job;

    fn refusal() -> Problem {
        Problem {
            kind: "urn:atelier:problem:invalid_field".into(),
            title: "A field is wrong".into(),
            status: 422,
            code: ProblemCode::InvalidField,
            detail: "One field is wrong.".into(),
            instance: "/api/workflows/text_to_image".into(),
            request_id: "r-1".into(),
            errors: vec![FieldError { pointer: "/width".into(), detail: "must be a multiple of 16, not 830".into() }],
            fix: vec![Fix { set: json!({ "width": 832 }).as_object().unwrap().clone() }],
        }
    }

    #[test]
    fn a_problem_names_the_field_and_the_flag_that_mends_it() {
        let text = problem(&refusal());
        assert_eq!(text, "One field is wrong.\n  width: must be a multiple of 16, not 830\n  try: --width 832");
    }

    #[test]
    fn a_sentence_that_says_it_all_is_not_said_twice() {
        let detail = refusal().errors[0].detail.clone();
        assert_eq!(problem(&Problem { detail: detail.clone(), fix: vec![], ..refusal() }), detail);
    }

    #[test]
    fn a_fault_of_the_server_comes_with_its_request() {
        let text = problem(&Problem { status: 500, errors: vec![], fix: vec![], ..refusal() });
        assert!(text.contains("request r-1"), "{text}");
    }

    #[test]
    fn sizes_and_spans_have_fitting_units() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(98_304), "98.3 kB");
        assert_eq!(size(5_400_000_000), "5.4 GB");
        assert_eq!(span(Duration::milliseconds(420)), "0.42 s");
        assert_eq!(span(Duration::seconds(75)), "75 s");
        assert_eq!(span(Duration::minutes(150)), "2 h");
        assert_eq!(span(Duration::days(3)), "3 days");
        assert_eq!(span(Duration::seconds(-1)), "0.00 s");
    }

    #[test]
    fn a_place_in_line_is_said_as_people_say_it() {
        let said = [1, 2, 3, 4, 11, 12, 13, 21, 101, 111].map(|position| place(position).replace(" in line", ""));
        assert_eq!(said, ["next", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "101st", "111th"]);
    }

    #[test]
    fn a_prompt_of_many_lines_becomes_one_and_is_cut() {
        assert_eq!(subject(&finished_job(), 40), "a lighthouse at dawn");
        assert_eq!(subject(&finished_job(), 8), "a light…");
    }
}
