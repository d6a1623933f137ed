//! What the manifests of our packages must say.

use super::{Finding, SourceFile};

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    if !file.path.ends_with("/Cargo.toml") {
        return Vec::new();
    }
    let manifest = match file.text.parse::<toml::Table>() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::new(&file.path, format!("cannot be read: {}", error.message()))],
    };
    let mut findings = Vec::new();
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, value) in manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten() {
            if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                findings.push(Finding::new(
                    &file.path,
                    format!("the version of {name} belongs into the workspace's Cargo.toml"),
                ));
            }
        }
    }
    if manifest.get("lints").is_none() {
        findings.push(Finding::new(&file.path, "has no [lints]"));
    }
    if manifest.get("package").and_then(|package| package.get("description")).is_none() {
        findings.push(Finding::new(&file.path, "has no description"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let file = SourceFile { path: "crates/queue/Cargo.toml".into(), text: text.into() };
        check(&file).into_iter().map(|finding| finding.words).collect()
    }

    #[test]
    fn a_version_outside_the_workspace_is_found() {
        let good = "[package]\ndescription = 'x'\n[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";
        assert!(words(good).is_empty());
        assert_eq!(
            words(&good.replace("serde.workspace = true", "serde = '1'")),
            ["the version of serde belongs into the workspace's Cargo.toml"]
        );
    }

    #[test]
    fn a_manifest_without_lints_is_found() {
        assert_eq!(words("[package]\ndescription = 'x'\n"), ["has no [lints]"]);
    }
}
