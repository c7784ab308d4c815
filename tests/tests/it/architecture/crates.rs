//! Which crate may use which, and what none may use.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::tree;

/// The allowed arrows of normal and build dependencies; `*` is everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("app", &["domain"]),
    ("infra-sql", &["domain"]),
    ("infra-postgres", &["domain", "infra-sql", "migration"]),
    ("infra-sqlite", &["domain", "infra-sql", "migration"]),
    ("infra-memory", &["domain"]),
    ("infra-providers", &["domain"]),
    ("infra-embeddings", &["domain"]),
    ("infra-documents", &["domain"]),
    ("storage-testkit", &["domain"]),
    ("api-actix", &["domain", "app"]),
    ("server", &["*"]),
    ("migration", &["domain"]),
    ("e2e", &["*"]),
    ("xtask", &[]),
];

/// What tests, and examples, of any crate may use besides.
const FOR_TESTS: &[&str] = &["infra-memory", "infra-sqlite", "infra-providers", "storage-testkit"];

/// Packages that do input or output, or bring a runtime that does.
const INPUT_AND_OUTPUT: &[&str] = &[
    "actix-web",
    "axum",
    "hyper",
    "mio",
    "object_store",
    "reqwest",
    "rusqlite",
    "rustls",
    "sea-orm",
    "socket2",
    "sqlx",
    "sqlx-core",
    "tokio",
    "tokio-rustls",
];

/// Packages that bring a C build, or the system's own TLS.
const BANNED: &[&str] = &["aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys", "rusqlite"];

fn cargo(arguments: &[&str]) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).current_dir(tree::root()?).output().context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Our packages, as cargo describes them.
fn packages() -> Result<BTreeMap<String, Value>> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    Ok(packages.iter().map(|package| (text(&package["name"]), package.clone())).collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Our packages that a package uses, each with whether only its tests and examples do.
fn uses(package: &Value, ours: &BTreeSet<String>) -> Vec<(String, bool)> {
    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = dependencies.iter().map(|dependency| (text(&dependency["name"]), dependency["kind"] == "dev"));
    named.filter(|(name, _)| ours.contains(name)).collect()
}

fn forbidden(allowed: &[&str], used: &[(String, bool)]) -> Vec<String> {
    let fits = |name: &str, for_tests: bool| {
        allowed.contains(&"*") || allowed.contains(&name) || (for_tests && FOR_TESTS.contains(&name))
    };
    used.iter().filter(|(name, for_tests)| !fits(name, *for_tests)).map(|(name, _)| name.clone()).collect()
}

#[test]
fn crates_use_each_other_along_the_allowed_arrows_only() -> Result<()> {
    let packages = packages()?;
    let ours: BTreeSet<String> = packages.keys().cloned().collect();
    let listed: BTreeSet<String> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(ours, listed, "every crate of the workspace has its arrows in this table");
    for &(name, allowed) in ARROWS {
        let found = forbidden(allowed, &uses(&packages[name], &ours));
        assert!(found.is_empty(), "{name} may not use {}", found.join(", "));
    }
    Ok(())
}

#[test]
fn tests_may_use_more_than_what_is_shipped() {
    let used = |for_tests| [("infra-memory".to_owned(), for_tests)];
    assert!(forbidden(&["domain"], &used(true)).is_empty());
    assert_eq!(forbidden(&["domain"], &used(false)), ["infra-memory"]);
    assert_eq!(forbidden(&["domain"], &[("server".to_owned(), true)]), ["server"]);
}

#[test]
fn the_domain_does_no_input_or_output() -> Result<()> {
    let tree = cargo(&["tree", "-p", "domain", "-e", "normal,build", "--prefix", "none", "--format", "{p}"])?;
    let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains("domain") && packages.contains("serde"), "cargo tree said: {tree}");
    let found: Vec<&str> = INPUT_AND_OUTPUT.iter().copied().filter(|name| packages.contains(name)).collect();
    assert!(found.is_empty(), "domain depends on {}", found.join(", "));
    Ok(())
}

#[test]
fn no_banned_package_is_built() -> Result<()> {
    let tree = cargo(&["tree", "--workspace", "-e", "all", "--prefix", "none", "--format", "{p}"])?;
    let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains("sqlx-core"), "cargo tree said: {tree}");
    let found: Vec<&str> = BANNED.iter().copied().filter(|name| packages.contains(name)).collect();
    assert!(found.is_empty(), "the workspace depends on {}", found.join(", "));
    Ok(())
}

#[test]
fn every_crate_says_what_it_is_for() -> Result<()> {
    for (name, package) in packages()? {
        assert!(text(&package["description"]).len() > 10, "{name} has no description in its Cargo.toml");
        let targets = package["targets"].as_array().context("a package has no targets")?;
        for target in targets {
            let source = std::fs::read_to_string(text(&target["src_path"]))?;
            let documented = source.trim_start().starts_with("//! ") || source.starts_with("#![doc = include_str!");
            assert!(documented, "{} does not begin with what it is for", text(&target["src_path"]));
        }
    }
    Ok(())
}
