//! `cargo xtask check-dependencies`: holds `deny.toml` over everything that we build from other people's work.
//!
//! cargo-deny reads the same file and sees more (advisories, duplicates), but takes longer to build than everything else here.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::{program, repository};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// None for our own.
    source: Option<String>,
    license: Option<String>,
}

/// Fails with every package that breaks a rule.
pub(crate) fn check() -> anyhow::Result<()> {
    let path = repository::root().join("deny.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let rules: Rules = toml::from_str(&text).context("deny.toml lacks a rule that is held here")?;
    // Only what is built for Linux: nobody runs the rest.
    let list = program::read(program::cargo().args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        "x86_64-unknown-linux-gnu",
    ]))?;
    let metadata: Metadata =
        serde_json::from_str(&list).context("cargo metadata wrote something else than expected")?;
    let wrong: Vec<_> = metadata.packages.iter().flat_map(|package| breaches(package, &rules)).collect();
    if !wrong.is_empty() {
        bail!("deny.toml does not hold:\n  {}", wrong.join("\n  "));
    }
    println!("{} packages keep to deny.toml", metadata.packages.len());
    Ok(())
}

fn breaches(package: &Package, rules: &Rules) -> Vec<String> {
    let Some(source) = &package.source else { return Vec::new() };
    let name = format!("{} {}", package.name, package.version);
    let mut wrong = Vec::new();
    if source != REGISTRY {
        wrong.push(format!("{name} comes from {source}"));
    }
    if rules.bans.deny.iter().any(|ban| ban.name == package.name) {
        wrong.push(format!("{name} is banned"));
    }
    match &package.license {
        Some(license) if is_allowed(license, &rules.licenses.allow) => {}
        Some(license) => wrong.push(format!("{name} has the licence {license}")),
        None => wrong.push(format!("{name} names no licence")),
    }
    wrong
}

/// `(MIT OR Apache-2.0) AND Unicode-3.0`: of each group that must hold, one alternative has to be on the list.
fn is_allowed(license: &str, allowed: &BTreeSet<String>) -> bool {
    // Old packages write `/` for OR.
    let license = license.replace('/', " OR ");
    let is_alternative = |text: &str| allowed.contains(text.trim_matches(|letter| " ()".contains(letter)));
    let is_group = |group: &str| group.split(" OR ").any(is_alternative);
    if license.contains('(') {
        return license.split(" AND ").all(is_group);
    }
    // Without brackets AND binds more tightly.
    license.split(" OR ").any(|alternative| alternative.split(" AND ").all(is_alternative))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        toml::from_str("[licenses]\nallow = ['MIT', 'Unicode-3.0']\n[bans]\ndeny = [{ crate = 'openssl-sys' }]\n")
            .unwrap()
    }

    fn package(name: &str, license: Option<&str>) -> Package {
        Package {
            name: name.into(),
            version: "1.0.0".into(),
            source: Some(REGISTRY.into()),
            license: license.map(str::to_owned),
        }
    }

    #[test]
    fn one_allowed_alternative_is_enough_and_every_part_is_needed() {
        let allowed = rules().licenses.allow;
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "GPL-3.0 OR MIT AND Unicode-3.0",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Unicode-3.0) AND GPL-3.0", ""] {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn every_rule_finds_its_breach() {
        assert!(breaches(&package("serde", Some("MIT")), &rules()).is_empty());
        assert_eq!(breaches(&package("openssl-sys", Some("MIT")), &rules()), ["openssl-sys 1.0.0 is banned"]);
        assert_eq!(breaches(&package("x", None), &rules()), ["x 1.0.0 names no licence"]);
        let forked = Package { source: Some("git+https://example.org/x".into()), ..package("x", Some("MIT")) };
        assert_eq!(breaches(&forked, &rules()), ["x 1.0.0 comes from git+https://example.org/x"]);
        let ours = Package { source: None, license: None, ..package("queue", None) };
        assert!(breaches(&ours, &rules()).is_empty());
    }
}
