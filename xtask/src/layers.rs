//! `cargo xtask check-layers`: holds who may use whom.
//!
//! A new line in this list is an architectural change: the commit says why.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::program;

/// For each package, what it may use of ours when it runs, and what beside that in its tests.
const LAYERS: &[(&str, &[&str], &[&str])] = &[
    ("contract", &[], &[]),
    ("chassis", &[], &[]),
    ("process", &[], &[]),
    ("testkit", &[], &[]),
    ("queue", &["contract"], &["testkit"]),
    ("assets", &["contract"], &["testkit"]),
    ("models", &["contract"], &["testkit"]),
    ("worker", &["contract", "queue", "assets", "chassis", "models"], &["testkit"]),
    ("api", &["contract", "queue", "assets", "chassis", "models"], &["testkit"]),
    ("worker-sd", &["contract", "queue", "assets", "chassis", "models", "process", "worker"], &["testkit"]),
    ("worker-llm", &["contract", "queue", "assets", "chassis", "models", "process", "worker"], &["testkit"]),
    ("sd-engine", &["contract"], &["testkit"]),
    ("cli", &["contract"], &["testkit"]),
    // These stand outside and look at the whole through its doors.
    ("tests", &["contract", "queue", "testkit"], &[]),
    // The benches start the same systems as the tests.
    ("benches", &["contract", "queue", "testkit", "tests"], &[]),
    ("xtask", &["testkit"], &[]),
];

/// Outside things that have one door each: nobody else may use the library.
const DOORS: &[(&str, &[&str])] = &[
    ("redis", &["queue", "benches"]),
    ("sqlx", &["api", "tests", "benches"]),
    // The worker shows its metrics on a port of its own, and nothing else; a bench paces an engine.
    ("axum", &["api", "worker", "benches"]),
    ("diffusion-rs-sys", &["sd-engine"]),
    ("object_store", &["assets"]),
    // Cards are measured in one place.
    ("nvml-wrapper", &["worker"]),
    // The text worker asks its engines.
    ("reqwest", &["cli", "worker-llm", "tests", "benches"]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Fails with every arrow that must not be.
pub(crate) fn check() -> anyhow::Result<()> {
    let text = program::read(program::cargo().args(["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("cargo metadata wrote something else than expected")?;
    let wrong = violations(&metadata.packages);
    if !wrong.is_empty() {
        bail!("the layers do not hold (xtask/src/layers.rs has the list):\n  {}", wrong.join("\n  "));
    }
    println!("the layers of {} packages hold", metadata.packages.len());
    Ok(())
}

fn violations(packages: &[Package]) -> Vec<String> {
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    let layers: BTreeMap<_, _> = LAYERS.iter().map(|(name, uses, tests)| (*name, (*uses, *tests))).collect();
    let mut wrong = Vec::new();
    for package in packages {
        let Some((uses, tests)) = layers.get(package.name.as_str()) else {
            wrong.push(format!("{} is not in the list", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let (name, is_test) = (dependency.name.as_str(), dependency.kind.as_deref() == Some("dev"));
            // Tests of a crate may use the crate itself with other features.
            let is_allowed = uses.contains(&name) || (is_test && (tests.contains(&name) || name == package.name));
            if ours.contains(name) && !is_allowed {
                wrong.push(format!("{} must not use {name}", package.name));
            }
            let door = DOORS.iter().find(|(library, _)| *library == name);
            if let Some((_, keepers)) = door
                && !is_test
                && !keepers.contains(&package.name.as_str())
            {
                wrong.push(format!("{} must not use {name}: only {} may", package.name, keepers.join(", ")));
            }
        }
    }
    let gone = layers.keys().filter(|name| !ours.contains(**name));
    wrong.extend(gone.map(|name| format!("{name} is in the list, but not in the workspace")));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(extra: &[(&str, &str, Option<&str>)]) -> Vec<Package> {
        let package = |name: &str| Package {
            name: name.into(),
            dependencies: extra
                .iter()
                .filter(|(from, ..)| *from == name)
                .map(|(_, to, kind)| Dependency { name: (*to).into(), kind: kind.map(str::to_owned) })
                .collect(),
        };
        LAYERS.iter().map(|(name, ..)| package(name)).collect()
    }

    #[test]
    fn arrows_of_the_list_are_allowed() {
        assert!(
            violations(&workspace(&[
                ("api", "queue", None),
                ("queue", "testkit", Some("dev")),
                ("queue", "redis", None)
            ]))
            .is_empty()
        );
    }

    #[test]
    fn a_service_that_uses_another_is_named() {
        assert_eq!(violations(&workspace(&[("api", "worker-sd", None)])), ["api must not use worker-sd"]);
    }

    #[test]
    fn what_tests_may_use_is_not_for_the_program() {
        assert_eq!(violations(&workspace(&[("queue", "testkit", None)])), ["queue must not use testkit"]);
    }

    #[test]
    fn a_second_door_to_valkey_is_named() {
        assert_eq!(
            violations(&workspace(&[("api", "redis", None)])),
            ["api must not use redis: only queue, benches may"]
        );
    }

    #[test]
    fn a_package_outside_the_list_is_named() {
        let mut packages = workspace(&[]);
        packages.push(Package { name: "helpers".into(), dependencies: vec![] });
        assert_eq!(violations(&packages), ["helpers is not in the list"]);
    }
}
