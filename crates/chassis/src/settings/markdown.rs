//! Writes `docs/configuration.md` from the comments in `settings.toml`.

use std::fmt::Write as _;

use super::catalogue::{self, Allowed, Setting};

/// Returns the page of all settings, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = "<!-- Generated from crates/chassis/src/settings.toml by `cargo xtask codegen`. Do not edit. -->\n\
                    # Configuration\n\n"
        .to_owned();
    for line in catalogue::introduction() {
        page.push_str(line);
        page.push('\n');
    }
    let mut section = "";
    for setting in catalogue::settings() {
        if section != setting.section {
            section = setting.section;
            // Writing to a `String` cannot fail.
            let _ = write!(page, "\n## {section}\n");
        }
        write_setting(&mut page, setting);
    }
    page
}

fn write_setting(page: &mut String, setting: &Setting) {
    let Setting { key, default, allowed, meaning, .. } = setting;
    let _ = write!(page, "\n### `{key}`\n\n{}\n\n", meaning.join("\n"));
    let _ = write!(page, "Variable `ATELIER_{}` · default `{default}`", key.to_uppercase());
    let _ = match allowed {
        Allowed::Anything => writeln!(page),
        Allowed::Numbers(range) => writeln!(page, " · from {} to {}", range.start(), range.end()),
        Allowed::OneOf(names) => writeln!(page, " · `{}`", names.join("`, `")),
        Allowed::Secret => writeln!(page, " · never printed"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_of_a_setting_what_it_means_its_variable_its_default_and_its_bounds() {
        let page = markdown();
        let port = "### `port`\n\nThe port that the API listens on; 0 takes any free one. The familiar PORT is read too.\n\n\
                    Variable `ATELIER_PORT` · default `8080` · from 0 to 65535\n";
        assert!(page.contains(port), "{page}");
        assert!(page.contains("\n## Where things are\n"));
        assert!(page.contains("default `\"sd\"` · `sd`, `scripted`"));
    }
}
