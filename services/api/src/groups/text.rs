//! Texts with choices: `a {red|blue} door` is two texts.

/// Returns every way to read a text, with the words chosen; none if it leaves no choice, or more than `most`.
pub(super) fn readings(text: &str, most: usize) -> Option<Vec<(String, String)>> {
    let mut readings = vec![(String::new(), Vec::<String>::new())];
    let mut rest = text;
    let mut has_choice = false;
    while let Some((before, options, after)) = next_choice(rest) {
        has_choice = true;
        let longer = readings.iter().flat_map(|(text, chosen)| {
            options.split('|').map(move |option| {
                let chosen: Vec<String> = chosen.iter().cloned().chain([option.trim().to_owned()]).collect();
                (format!("{text}{before}{option}"), chosen)
            })
        });
        readings = longer.take(most + 1).collect();
        rest = after;
    }
    (has_choice && readings.len() <= most)
        .then(|| readings.into_iter().map(|(text, chosen)| (format!("{text}{rest}"), chosen.join(", "))).collect())
}

/// Returns the first `{…|…}`, with what stands before and behind it.
fn next_choice(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let end = from + text.get(from..)?.find('}')?;
        let begin = text.get(..end)?.rfind('{');
        if let Some(begin) = begin.filter(|begin| *begin >= from)
            && let Some(options) = text.get(begin + 1..end).filter(|options| options.contains('|'))
        {
            return Some((text.get(..begin)?, options, text.get(end + 1..)?));
        }
        from = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_read_every_way() {
        let found = readings("a {red|blue} {door}, {day|night|}", 10).unwrap();
        let texts: Vec<_> = found.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts[0], "a red {door}, day");
        assert_eq!(texts[5], "a blue {door}, ");
        assert_eq!(found[4].1, "blue, night");
        assert_eq!(found.len(), 6);
    }

    #[test]
    fn a_text_without_a_choice_or_with_too_many_readings_has_none() {
        for text in ["", "a door", "a {door}", "} { |", "a|b"] {
            assert_eq!(readings(text, 10), None, "{text}");
        }
        assert_eq!(readings(&"{a|b}".repeat(40), 100), None);
    }
}
