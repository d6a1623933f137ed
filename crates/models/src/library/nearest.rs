//! Ids that somebody may have meant.

/// How many are suggested.
const MOST: usize = 3;
/// What is less alike than this is no suggestion.
const LEAST_ALIKE: f64 = 0.5;

/// Returns the ids most like this one, the nearest first.
pub(super) fn to<'a>(id: &str, ids: impl Iterator<Item = &'a String>) -> Vec<String> {
    let wanted = id.to_lowercase();
    let mut ranked: Vec<_> = ids
        .map(|known| (likeness(&wanted, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness >= LEAST_ALIKE)
        .collect();
    ranked.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    ranked.into_iter().take(MOST).map(|(_, known)| known.clone()).collect()
}

/// Returns 1 for the same, 0 for nothing in common. People often leave out the folder, or the end of a long name.
fn likeness(wanted: &str, known: &str) -> f64 {
    let file = known.rsplit('/').next().unwrap_or(known);
    let typed = strsim::normalized_damerau_levenshtein(wanted, known);
    let without_folder = strsim::normalized_damerau_levenshtein(wanted, file);
    let is_part = wanted.chars().count() >= 3 && known.contains(wanted);
    typed.max(without_folder).max(if is_part { 0.8 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_id_an_id_without_its_folder_and_a_part_of_one_lead_to_the_right_one() {
        let ids = ["sd15/dreamshaper_8", "flux/klein", "smoke"].map(str::to_owned);
        for (wanted, expected) in [("smokee", "smoke"), ("KLEIN", "flux/klein"), ("dream", "sd15/dreamshaper_8")] {
            assert_eq!(to(wanted, ids.iter()).first().map(String::as_str), Some(expected), "{wanted}");
        }
        assert!(to("zzz", ids.iter()).is_empty());
        assert!(to("", ids.iter()).is_empty());
    }
}
